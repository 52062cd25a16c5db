//! Links between issues, and links to the outside.
//!
//! The webhook of a link carries two issue ids and no issue; a remote link has no webhook, no
//! changelog entry and does not move `updated`.

use serde_json::{Value, json};

use super::Site;
use super::edit::{Edit, item_without_field};
use super::state::{LINK_KINDS, Link};
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow};

impl Site {
    /// Links two issues (`source` *blocks* `destination`) and answers the link's id.
    pub fn link(&self, source: &str, destination: &str, kind: &str) -> Result<i64, Error> {
        self.edit_with(|edit| {
            let (source, destination) = (edit.id(source)?, edit.id(destination)?);
            let kind = *LINK_KINDS
                .iter()
                .find(|known| known.name.eq_ignore_ascii_case(kind))
                .ok_or_else(|| Error::missing("link type", kind))?;
            let id = edit.state.new_id();
            let link = Link { source, destination, kind };
            edit.state.links.insert(id, link.clone());
            for (here, there, words) in ends(&link) {
                let key = edit.issue(there)?.key.clone();
                let to = (json!(key), json!(format!("This issue {words} {key}")));
                edit.record(here, vec![item_without_field("Link", nothing(), to)])?;
                edit.touch(here)?;
            }
            announce(edit, "issuelink_created", id, &link, Flow::Primary);
            Ok(id)
        })
    }

    /// Removes a link.
    pub fn unlink(&self, link: i64) -> Result<(), Error> {
        self.edit_with(|edit| {
            let gone =
                edit.state.links.remove(&link).ok_or_else(|| Error::missing("link", link))?;
            for (here, there, words) in ends(&gone) {
                let key = edit.issue(there)?.key.clone();
                let from = (json!(key), json!(format!("This issue {words} {key}")));
                edit.record(here, vec![item_without_field("Link", from, nothing())])?;
                edit.touch(here)?;
            }
            announce(edit, "issuelink_deleted", link, &gone, Flow::Primary);
            Ok(())
        })
    }

    /// Adds a link to the outside and answers its id.
    pub fn add_remote_link(&self, issue: &str, url: &str, title: &str) -> Result<i64, Error> {
        self.edit_with(|edit| {
            let issue = edit.id(issue)?;
            let id = edit.state.new_id();
            let link = json!({
                "id": id,
                "self": format!("{}/rest/api/3/issue/{issue}/remotelink/{id}", edit.place.url),
                "globalId": format!("system={url}&id={id}"),
                "application": {"type": "com.example.tracker", "name": "Tracker"},
                "relationship": "mentioned in",
                "object": {"url": url, "title": title, "summary": "", "icon": {},
                    "status": {"resolved": false, "icon": {}}},
            });
            edit.issue(issue)?.remote_links.push(link);
            Ok(id)
        })
    }

    /// Removes a link to the outside.
    pub fn remove_remote_link(&self, issue: &str, link: i64) -> Result<(), Error> {
        self.edit_with(|edit| {
            let issue = edit.id(issue)?;
            let links = &mut edit.issue(issue)?.remote_links;
            let at = links
                .iter()
                .position(|it| it.member("id") == link)
                .ok_or_else(|| Error::missing("remote link", link))?;
            links.remove(at);
            Ok(())
        })
    }
}

fn nothing() -> (Value, Value) {
    (Value::Null, Value::Null)
}

/// Both issues of a link: this one, the other one, and the words from here to there.
fn ends(link: &Link) -> [(i64, i64, &'static str); 2] {
    [
        (link.source, link.destination, link.kind.outward),
        (link.destination, link.source, link.kind.inward),
    ]
}

/// Announces a link: numbers, no keys, no issue, no user.
pub(crate) fn announce(edit: &mut Edit<'_>, name: &'static str, id: i64, link: &Link, flow: Flow) {
    let kind = &link.kind;
    let body = json!({
        "timestamp": edit.now, "webhookEvent": name,
        "issueLink": {
            "id": id, "sourceIssueId": link.source, "destinationIssueId": link.destination,
            "issueLinkType": {"id": kind.id, "name": kind.name, "outwardName": kind.outward,
                "inwardName": kind.inward, "isSubTaskLinkType": false, "isSystemLinkType": false},
            "systemLink": false,
        },
    });
    edit.announce(Event { name, flow, issue: Some(link.source), body });
}
