//! Filling a new site with generated tickets.

use bytes::Bytes;
use serde_json::Value;

use super::people::Furniture;
use super::state::{Content, Issue, State, StoredFile};
use crate::generate::{Generated, Generator};
use crate::time;

impl Furniture {
    /// The people, projects, statuses and fields of a generated site.
    pub(crate) fn generated(generator: &Generator) -> Self {
        let mut fields = generator.fields();
        fields.extend(generator.project_fields());
        Self {
            users: generator.users(),
            projects: generator.projects(),
            statuses: generator.statuses(),
            fields,
        }
    }
}

impl State {
    /// Puts in a generated ticket.
    pub(crate) fn put_generated(&mut self, ticket: Generated) {
        let at = |name: &str| {
            let stamp = ticket.fields.get(name).and_then(Value::as_str);
            stamp.and_then(time::parse).unwrap_or_default()
        };
        let (created, updated) = (at("created"), at("updated"));
        for file in ticket.attachments {
            self.reserve_id(file.id);
            let content = Content::Bytes(Bytes::from(file.bytes));
            let (media_id, mime) = (file.media_id, file.mime_type);
            self.files.insert(file.id, StoredFile { media_id, issue: ticket.id, mime, content });
        }
        let issue = Issue {
            id: ticket.id,
            key: ticket.key,
            former_keys: ticket.former_keys,
            created,
            updated,
            fields: ticket.fields,
            rendered: ticket.rendered_fields,
            comments: ticket.comments,
            histories: ticket.histories,
            worklogs: ticket.worklogs,
            remote_links: ticket.remote_links,
            hidden: false,
        };
        self.reserve_ids_of(&issue);
        self.put(issue);
    }

    /// Makes sure that new ids are larger than those of the issue's rows.
    pub(crate) fn reserve_ids_of(&mut self, issue: &Issue) {
        let lists = [&issue.comments, &issue.histories, &issue.worklogs, &issue.remote_links];
        for row in lists.into_iter().flatten() {
            let id = match row.get("id") {
                Some(Value::String(id)) => id.parse().ok(),
                Some(id) => id.as_i64(),
                None => None,
            };
            self.reserve_id(id.unwrap_or_default());
        }
    }
}
