//! The people, projects, statuses and fields that a site has before it has issues.

use serde_json::{Value, json};

use crate::json::Members;

/// What a new site knows.
#[derive(Debug, Clone)]
pub(crate) struct Furniture {
    /// REST users.
    pub(crate) users: Vec<Value>,
    /// Projects as `/project/search` lists them.
    pub(crate) projects: Vec<Value>,
    /// Statuses as `/status` lists them.
    pub(crate) statuses: Vec<Value>,
    /// The field catalogue, `/field/search` whole.
    pub(crate) fields: Vec<Value>,
}

impl Furniture {
    /// A small support site, for a simulator that starts without a generated corpus.
    pub(crate) fn small(site: &str) -> Self {
        Self {
            users: users(site),
            projects: vec![
                project(site, "10000", "SUPPORT", "Support"),
                project(site, "10001", "OPS", "Operations"),
            ],
            statuses: statuses(site),
            fields: super::catalogue::fields(),
        }
    }
}

/// A REST user.
pub(crate) fn user(site: &str, account_id: &str, name: &str, email: Option<&str>) -> Value {
    let mut user = json!({
        "self": format!("{site}/rest/api/3/user?accountId={account_id}"),
        "accountId": account_id,
        "avatarUrls": {"48x48": format!("{site}/avatar/{account_id}/48"), "24x24": format!("{site}/avatar/{account_id}/24")},
        "displayName": name,
        "active": true,
        "timeZone": "Africa/Lagos",
        "accountType": if email.is_some() { "atlassian" } else { "customer" },
    });
    if let Some(email) = email {
        user.set("emailAddress", json!(email));
    }
    user
}

fn users(site: &str) -> Vec<Value> {
    let account = |n: u32| format!("712020:00000000-0000-4000-9000-{n:012}");
    vec![
        user(site, &account(1), "Ada Okafor", Some("ada@example.com")),
        user(site, &account(2), "Bjørn Åberg", Some("bjorn@example.com")),
        user(site, &account(3), "陳小明", None),
        user(site, &account(4), "نور الهاشمي", None),
    ]
}

/// A project as issues and `/project/search` have it.
pub(crate) fn project(site: &str, id: &str, key: &str, name: &str) -> Value {
    json!({
        "self": format!("{site}/rest/api/3/project/{id}"), "id": id, "key": key, "name": name,
        "projectTypeKey": "service_desk", "simplified": false, "style": "classic", "isPrivate": false,
        "avatarUrls": {"48x48": format!("{site}/rest/api/3/universal_avatar/view/type/project/avatar/10400")},
    })
}

fn statuses(site: &str) -> Vec<Value> {
    let new = (2, "new", "blue-gray", "To Do");
    let busy = (4, "indeterminate", "yellow", "In Progress");
    let done = (3, "done", "green", "Done");
    [
        ("1", "Open", new),
        ("3", "Work in progress", busy),
        ("10001", "Waiting for customer", busy),
        ("5", "Resolved", done),
        ("6", "Closed", done),
    ]
    .into_iter()
    .map(|(id, name, (category, key, color, title))| {
        json!({
            "self": format!("{site}/rest/api/3/status/{id}"), "id": id, "name": name, "description": "",
            "iconUrl": format!("{site}/"), "untranslatedName": name,
            "statusCategory": {"self": format!("{site}/rest/api/3/statuscategory/{category}"),
                "id": category, "key": key, "colorName": color, "name": title},
        })
    })
    .collect()
}
