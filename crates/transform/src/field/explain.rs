//! What `jiralake fields` prints: every field of the site and the columns it feeds.

use std::collections::BTreeMap;

use super::id::FieldId;
use super::role::PROFILES;
use super::{FieldMap, Origin};

/// One field and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The field's id.
    pub id: String,
    /// Its name; `None` when the catalogue does not list it.
    pub name: Option<String>,
    /// `schema.custom`, else `schema.type`.
    pub kind: Option<String>,
    /// The columns of `issues` that it feeds.
    pub columns: Vec<String>,
    /// Why it feeds them; `None` when it feeds none.
    pub origin: Option<Origin>,
}

/// Jira's own fields and the columns of `issues` that they feed.
pub(crate) const OWN: &[(&str, &[&str])] = &[
    ("assignee", &["assignee_email", "assignee_name", "assignee_account_id"]),
    ("attachment", &["attachment_count"]),
    ("comment", &["comment_count"]),
    ("components", &["components"]),
    ("created", &["created_at"]),
    ("creator", &["creator_email", "creator_name", "creator_account_id"]),
    ("description", &["description"]),
    ("duedate", &["due_date"]),
    ("environment", &["environment"]),
    ("fixVersions", &["fix_versions"]),
    ("issuekey", &["issue_key"]),
    ("issuelinks", &["issuelink_count"]),
    ("issuetype", &["issue_type"]),
    ("labels", &["labels"]),
    ("parent", &["parent_key"]),
    ("priority", &["priority"]),
    ("project", &["project_key", "project_name"]),
    ("reporter", &["reporter_email", "reporter_name", "reporter_account_id"]),
    ("resolution", &["resolution"]),
    ("resolutiondate", &["resolved_at"]),
    ("security", &["security_level"]),
    ("status", &["status", "status_category"]),
    ("statuscategorychangedate", &["status_changed_at"]),
    ("summary", &["summary"]),
    ("timeestimate", &["remaining_estimate_seconds"]),
    ("timeoriginalestimate", &["original_estimate_seconds"]),
    ("timespent", &["time_spent_seconds"]),
    ("updated", &["updated_at"]),
    ("versions", &["affects_versions"]),
    ("votes", &["vote_count"]),
    ("watches", &["watch_count"]),
];

impl FieldMap {
    /// Every field of the catalogue and every other field that feeds a column.
    pub fn explain(&self) -> Vec<Explained> {
        let mut fed: BTreeMap<FieldId, (Vec<String>, Option<Origin>)> = self
            .catalogue
            .fields()
            .map(|field| (FieldId::new(&field.id), (vec![], None)))
            .collect();
        let mut feed = |id: &str, columns: &[&str], origin| {
            let entry = fed.entry(FieldId::new(id)).or_default();
            entry.0.extend(columns.iter().map(|column| (*column).to_owned()));
            entry.1 = Some(origin);
        };
        for (id, columns) in OWN {
            feed(id, columns, Origin::Jira);
        }
        for profile in PROFILES {
            if let Some((id, origin)) = self.roles.get(&profile.role) {
                feed(id, profile.columns, *origin);
            }
        }
        for extra in &self.extra {
            feed(&extra.field, &[extra.column.as_str()], Origin::Configuration);
        }
        fed.into_iter()
            .map(|(id, (columns, origin))| self.explained(&id, columns, origin))
            .collect()
    }

    fn explained(&self, id: &FieldId, columns: Vec<String>, origin: Option<Origin>) -> Explained {
        let field = self.catalogue.get(id.as_str());
        Explained {
            id: id.as_str().to_owned(),
            name: field.map(|field| field.name.clone()),
            kind: field.and_then(|field| field.custom.clone().or_else(|| field.kind.clone())),
            columns,
            origin,
        }
    }
}
