//! Former keys of an issue: those that the copy saw change, united with those in the changelog.
//!
//! Each former key once, oldest first, never the current one. Where both know when it was left, or
//! it was left several times, the last time counts.

use std::collections::BTreeMap;

use jira::id::IssueKey;
use jira::time::Instant;

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node};

pub(super) struct KeyAliases;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    former: IssueKey,
    moved_at: Got<Instant>,
}

type C = Column<KeyAliases>;

impl Shape for KeyAliases {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("former_key", "A key that it had before.", |r| known(r.former.as_str())),
        C::time("moved_at", "When it lost that key, where that is known.", |r| r.moved_at.clone()),
    ];
}

impl Mapped for KeyAliases {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let mut former: BTreeMap<IssueKey, Got<Instant>> = BTreeMap::new();
        let mut add = |key: Node<'_>, at: Got<Instant>| {
            let Some(key) = key.text().value.and_then(|key| key.parse::<IssueKey>().ok()) else {
                return *lost += 1;
            };
            if key != *issue.snapshot.key() {
                let found = former.entry(key).or_insert(Got::NONE);
                *found = Got { value: found.value.max(at.value), odd: found.odd || at.odd };
            }
        };
        let mut lost_here = 0;
        for seen in issue.at("_former_keys").objects(&mut lost_here) {
            add(seen.at("key"), seen.at("moved_at").time());
        }
        // Elements that are lost here are counted by the changelog.
        let mut counted = 0;
        for change in &issue.changes.elements {
            let items = change.at("items").objects(&mut counted).into_iter();
            for item in items.filter(|item| is_key(*item)) {
                // An odd time is counted by the changelog as well.
                add(item.at("fromString"), change.at("created").time().value.into());
            }
        }
        *lost += lost_here;
        let rows = former.into_iter().map(|(former, moved_at)| Row { issue, former, moved_at });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|row| (row.moved_at.value.is_none(), row.moved_at.value));
        rows
    }
}

fn is_key(item: Node<'_>) -> bool {
    let id = item.at("fieldId");
    let field = if id.is_set() { id } else { item.at("field") };
    field.text().value.is_some_and(|field| field.eq_ignore_ascii_case("key"))
}
