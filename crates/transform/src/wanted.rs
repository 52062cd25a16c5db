//! Which members of a snapshot any column can need. What is not listed here is skipped when a file
//! is read, so a column that reads another place has to list it.
//!
//! A place whose JSON text may become a column (a text of another type than expected, a field of
//! the site) is wanted whole; so is whatever the configuration names.

use crate::field::FieldMap;
use crate::json::Want;

type Members = &'static [(&'static str, Want<'static>)];

const NAME: Want<'static> = Want::Only(&[("name", Want::All)]);

const PERSON: Want<'static> = Want::Only(&[
    ("accountId", Want::All),
    ("displayName", Want::All),
    ("emailAddress", Want::All),
]);

const ATTACHMENT: Want<'static> = Want::Only(&[
    ("author", PERSON),
    ("content", Want::All),
    ("created", Want::All),
    ("filename", Want::All),
    ("id", Want::All),
    ("mimeType", Want::All),
    ("size", Want::All),
    ("thumbnail", Want::All),
]);

const COMMENT: Want<'static> = Want::Only(&[
    ("author", PERSON),
    ("body", Want::All),
    ("created", Want::All),
    ("id", Want::All),
    ("jsdPublic", Want::All),
    ("parentId", Want::All),
    ("updateAuthor", PERSON),
    ("updated", Want::All),
]);

const WORKLOG: Want<'static> = Want::Only(&[
    ("author", PERSON),
    ("comment", Want::All),
    ("created", Want::All),
    ("id", Want::All),
    ("started", Want::All),
    ("timeSpentSeconds", Want::All),
    ("updated", Want::All),
]);

const CHANGE: Want<'static> = Want::Only(&[
    ("author", PERSON),
    ("created", Want::All),
    ("id", Want::All),
    (
        "items",
        Want::Only(&[
            ("field", Want::All),
            ("fieldId", Want::All),
            ("fieldtype", Want::All),
            ("from", Want::All),
            ("fromString", Want::All),
            ("to", Want::All),
            ("toString", Want::All),
        ]),
    ),
    ("updated", Want::All),
]);

const LINKED: Want<'static> = Want::Only(&[
    ("fields", Want::Only(&[("priority", NAME), ("status", NAME), ("summary", Want::All)])),
    ("id", Want::All),
    ("key", Want::All),
]);

const LINK: Want<'static> = Want::Only(&[
    ("created", Want::All),
    ("id", Want::All),
    ("inwardIssue", LINKED),
    ("outwardIssue", LINKED),
    ("type", Want::Only(&[("inward", Want::All), ("name", Want::All), ("outward", Want::All)])),
]);

const REMOTE_LINK: Want<'static> = Want::Only(&[
    ("application", Want::Only(&[("name", Want::All), ("type", Want::All)])),
    ("created", Want::All),
    ("globalId", Want::All),
    ("id", Want::All),
    (
        "object",
        Want::Only(&[
            ("status", Want::Only(&[("resolved", Want::All)])),
            ("summary", Want::All),
            ("title", Want::All),
            ("url", Want::All),
        ]),
    ),
    ("relationship", Want::All),
]);

/// Jira's own fields.
const FIELDS: Members = &[
    ("assignee", PERSON),
    ("attachment", ATTACHMENT),
    ("comment", Want::Only(&[("comments", COMMENT), ("total", Want::All)])),
    ("components", NAME),
    ("created", Want::All),
    ("creator", PERSON),
    ("description", Want::All),
    ("duedate", Want::All),
    ("environment", Want::All),
    ("fixVersions", NAME),
    ("issuelinks", LINK),
    ("issuetype", NAME),
    ("labels", Want::All),
    ("parent", Want::Only(&[("key", Want::All)])),
    ("priority", NAME),
    ("project", Want::Only(&[("key", Want::All), ("name", Want::All)])),
    ("reporter", PERSON),
    ("resolution", NAME),
    ("resolutiondate", Want::All),
    ("security", NAME),
    (
        "status",
        Want::Only(&[
            ("id", Want::All),
            ("name", Want::All),
            ("statusCategory", Want::Only(&[("key", Want::All), ("name", Want::All)])),
        ]),
    ),
    ("statuscategorychangedate", Want::All),
    ("summary", Want::All),
    ("timeestimate", Want::All),
    ("timeoriginalestimate", Want::All),
    ("timespent", Want::All),
    ("updated", Want::All),
    ("versions", NAME),
    ("votes", Want::Only(&[("votes", Want::All)])),
    ("watches", Want::Only(&[("watchCount", Want::All)])),
    ("worklog", Want::Only(&[("total", Want::All), ("worklogs", WORKLOG)])),
];

/// What the columns of one site need.
#[derive(Debug)]
pub struct Wanted<'m> {
    fields: Vec<(&'m str, Want<'m>)>,
}

impl<'m> Wanted<'m> {
    /// For this mapping.
    pub fn by(map: &'m FieldMap) -> Self {
        let named = map.named_fields().map(|field| (field, Want::All)).collect::<Vec<_>>();
        let is_named = |field: &str| named.iter().any(|(named, _)| *named == field);
        let others = FIELDS.iter().filter(|(field, _)| !is_named(field)).copied();
        Self { fields: others.chain(named.iter().copied()).collect() }
    }

    /// The members of a snapshot.
    pub(crate) fn members(&self) -> [(&'static str, Want<'_>); 14] {
        [
            ("_attachments", Want::All),
            ("_deleted_at", Want::All),
            ("_deleted_evidence", Want::All),
            ("_deleted_reason", Want::All),
            ("_former_keys", Want::All),
            ("_parts", Want::All),
            ("_remote_links", REMOTE_LINK),
            ("_source", Want::All),
            ("_synced_at", Want::All),
            ("_worklogs", WORKLOG),
            ("changelog", Want::Only(&[("histories", CHANGE), ("total", Want::All)])),
            ("fields", Want::Fields(&self.fields)),
            ("id", Want::All),
            ("key", Want::All),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_the_configuration_names_is_wanted_whole_and_once() {
        let columns = [("severity", "customfield_7"), ("spam", "priority"), ("more", "status")];
        let columns = columns.map(|(column, field)| (column.to_owned(), field.to_owned()));
        let listed = [serde_json::json!({"id": "priority"}), serde_json::json!({"id": "status"})];
        let catalogue = crate::Catalogue::of(&listed);
        let map = FieldMap::new(&BTreeMap::from(columns), Some(&catalogue)).unwrap();
        let wanted = Wanted::by(&map);
        for field in ["customfield_7", "priority", "status", "customfield_10010"] {
            let found = wanted.fields.iter().filter(|(name, _)| *name == field);
            let whole = found.map(|(_, want)| matches!(want, Want::All)).collect::<Vec<_>>();
            assert_eq!(whole, [true], "{field}");
        }
    }
}
