//! The changelog: one row per changed field of each change, oldest first.
//!
//! The rows of a change repeat its id and author, within the bound of [`super::repeats`].

use jira::time::Instant;

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node, Text, count};
use crate::table::repeats::{RepeatBudget, Repeated};

pub(super) struct Changelog;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    change: Node<'a>,
    author: Node<'a>,
    changed_at: Got<Instant>,
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
        C::time("changed_at", "When it changed.", |r| r.changed_at.clone()),
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
        let mut budget = RepeatBudget::new();
        for change in issue.changes.elements.iter().copied() {
            let changed_at = change.at("created").time();
            let items = change.at("items").objects(lost);
            let repeated = Repeated::new(change, items.len(), &mut budget, said);
            rows.extend(items.into_iter().enumerate().map(|(at, item)| {
                let change = repeated.row(at);
                let (author, changed_at) = (change.at("author"), changed_at.clone());
                Row { issue, change, author, changed_at, item, index: count(at) }
            }));
        }
        rows
    }
}

/// The texts of a change that every row of it repeats.
fn said(change: Node<'_>) -> [Text<'_>; 4] {
    let author = change.at("author");
    let (name, account) = (author.at("displayName").text(), author.at("accountId").text());
    [change.at("id").id(), author.email(), name, account]
}
