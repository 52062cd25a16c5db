//! Comments, in the order of the thread.

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node, count};

pub(super) struct Comments;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    comment: Node<'a>,
    position: i64,
}

type C = Column<Comments>;

impl Shape for Comments {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("comment_id", "Jira's id of the comment.", |r| r.comment.at("id").id()),
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("author_email", "Who wrote it, where the address is visible.", |r| {
            r.comment.at("author").email()
        }),
        C::text("author_name", "Display name of who wrote it.", |r| {
            r.comment.at("author").at("displayName").text()
        }),
        C::text("body", "The comment as plain text.", |r| r.comment.at("body").prose()),
        C::time("created_at", "When it was written.", |r| r.comment.at("created").time()),
        C::time("updated_at", "When it was last edited.", |r| r.comment.at("updated").time()),
        C::text("update_author_email", "Who edited it last, where the address is visible.", |r| {
            r.comment.at("updateAuthor").email()
        }),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("author_account_id", "Account of who wrote it.", |r| {
            r.comment.at("author").at("accountId").text()
        }),
        C::flag(
            "public_visibility",
            "Whether customers see it; NULL where Jira does not say, never guessed.",
            |r| r.comment.at("jsdPublic").flag(),
        ),
        C::text("parent_comment_id", "The comment that it replies to.", |r| {
            r.comment.at("parentId").id()
        }),
        C::int("position", "Place in the thread, oldest comment 0.", |r| Got::some(r.position)),
    ];
}

impl Mapped for Comments {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        *lost += issue.comments.lost;
        let rows = issue.comments.elements.iter().copied().enumerate();
        rows.map(|(at, comment)| Row { issue, comment, position: count(at) }).collect()
    }
}
