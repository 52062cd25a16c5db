//! The changelog: one row per changed field of each change, oldest first.

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node, count};

pub(super) struct Changelog;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    change: Node<'a>,
    author: Node<'a>,
    item: Node<'a>,
    index: i64,
}

type C = Column<Changelog>;

impl Shape for Changelog {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("change_id", "Jira's id of the change.", |r| r.change.at("id").id()),
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("author_email", "Who changed it, where the address is visible.", |r| {
            r.author.email()
        }),
        C::text("author_name", "Display name of who changed it; NULL for automations.", |r| {
            r.author.at("displayName").text()
        }),
        C::text("field_name", "Name of the changed field.", |r| r.item.at("field").text()),
        C::text("field_type", "Whether the field is Jira's own (jira) or custom.", |r| {
            r.item.at("fieldtype").text()
        }),
        C::text("from_value", "What it was, as people read it.", |r| {
            r.item.at("fromString").text()
        }),
        C::text("to_value", "What it became, as people read it.", |r| r.item.at("toString").text()),
        C::time("changed_at", "When it changed.", |r| r.change.at("created").time()),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("field_id", "Id of the changed field; Jira often leaves it out.", |r| {
            r.item.at("fieldId").text()
        }),
        C::text("from_id", "Id of what it was.", |r| r.item.at("from").id()),
        C::text("to_id", "Id of what it became.", |r| r.item.at("to").id()),
        C::text("author_account_id", "Account of who changed it.", |r| {
            r.author.at("accountId").text()
        }),
        C::int("item", "Place within the change, from 0.", |r| Got::some(r.index)),
    ];
}

impl Mapped for Changelog {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        *lost += issue.changes.lost;
        for change in issue.changes.elements.iter().copied() {
            let author = change.at("author");
            let items = change.at("items").objects(lost).into_iter().enumerate();
            rows.extend(items.map(|(at, item)| Row {
                issue,
                change,
                author,
                item,
                index: count(at),
            }));
        }
        rows
    }
}
