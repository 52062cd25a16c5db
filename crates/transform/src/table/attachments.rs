//! Attachments: what Jira says of each file, and where its bytes are.

use std::borrow::Cow;

use crate::attachment::hierarchical_path;
use crate::column::{Column, Mapped, Shape, known};
use crate::issue::{Issue, StoredFile};
use crate::node::{Got, Node, Text};
use crate::order::oldest_first;

pub(super) struct Attachments;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    attachment: Node<'a>,
    stored: Option<&'a StoredFile>,
}

type C = Column<Attachments>;

impl Shape for Attachments {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("attachment_id", "Jira's id of the attachment.", |r| r.attachment.at("id").id()),
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("filename", "The file's name as Jira says.", |r| r.attachment.at("filename").text()),
        C::text("local_path", "Where the bytes are; NULL until they are on disk.", |r| {
            r.stored.map(|file| Cow::Borrowed(file.local_path.as_str())).into()
        }),
        C::text(
            "hierarchical_path",
            "Path by thousands of the issue's number, as 14/991/54908_files.zip.",
            |r| r.hierarchical_path(),
        ),
        C::int("size_bytes", "Size of the file in bytes.", |r| r.attachment.at("size").int()),
        C::text("mime_type", "Media type as Jira says.", |r| r.attachment.at("mimeType").text()),
        C::text("author_email", "Who attached it, where the address is visible.", |r| {
            r.attachment.at("author").email()
        }),
        C::time("created_at", "When it was attached.", |r| r.attachment.at("created").time()),
        C::text("content_url", "Where Jira serves the bytes.", |r| {
            r.attachment.at("content").text()
        }),
        C::text("thumbnail_url", "Where Jira serves a small picture of it.", |r| {
            r.attachment.at("thumbnail").text()
        }),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("author_account_id", "Account of who attached it.", |r| {
            r.attachment.at("author").at("accountId").text()
        }),
        C::text("media_id", "Id by which descriptions and comments show it.", |r| r.media_id()),
        C::text("sha256", "Checksum of the bytes on disk, in hex.", |r| r.sha256()),
        C::text("state", "Of the bytes: stored, pending, too_large or failed.", |r| {
            r.issue.state(r.attachment).map(|state| Cow::Borrowed(state.as_str()))
        }),
    ];
}

impl Mapped for Attachments {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let attachments = oldest_first(issue.fields.at("attachment"), lost);
        let row = |attachment: Node<'a>| {
            let id = attachment.at("id").id().value;
            Row { issue, attachment, stored: id.and_then(|id| issue.files.get(&*id)) }
        };
        attachments.into_iter().map(row).collect()
    }
}

impl Row<'_> {
    /// NULL without an id: two files of one name would get the same path.
    fn hierarchical_path(&self) -> Text<'_> {
        let Some(id) = self.attachment.at("id").id().value else {
            return Got::NONE;
        };
        let filename = self.attachment.at("filename").text().value.unwrap_or_default();
        Got::some(Cow::Owned(hierarchical_path(self.issue.snapshot.key(), &id, &filename)))
    }

    fn media_id(&self) -> Text<'_> {
        self.issue.claim(self.attachment, "media_id")
    }

    /// NULL without bytes, whatever the snapshot remembers of them.
    fn sha256(&self) -> Text<'_> {
        match self.stored {
            None => Got::NONE,
            Some(StoredFile { sha256: Some(sha256), .. }) => known(sha256),
            Some(_) => self.issue.claim(self.attachment, "sha256"),
        }
    }
}
