//! Links between issues, as seen from this one: one row per direction.

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::{Got, Node};
use crate::order::oldest_first;

pub(super) struct Issuelinks;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    link: Node<'a>,
    /// `None` when Jira shows the link without the other issue.
    direction: Option<&'static str>,
    other: Node<'a>,
}

type C = Column<Issuelinks>;

impl Shape for Issuelinks {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("link_id", "Jira's id of the link.", |r| r.link.at("id").id()),
        C::text("link_type", "Name of the kind of link.", |r| r.link.at("type").at("name").text()),
        C::text("direction", "Seen from this issue: inward or outward.", |r| {
            r.direction.map_or(Got::NONE, known)
        }),
        C::text("linked_issue_key", "Key of the other issue.", |r| r.other.at("key").text()),
        C::text("linked_issue_summary", "Title of the other issue.", |r| {
            r.other.at("fields").at("summary").text()
        }),
        C::text("linked_issue_status", "Status of the other issue.", |r| {
            r.other.at("fields").at("status").at("name").text()
        }),
        C::text("linked_issue_priority", "Priority of the other issue.", |r| {
            r.other.at("fields").at("priority").at("name").text()
        }),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("linked_issue_id", "Id of the other issue.", |r| r.other.at("id").id()),
        C::text("relation", "The words for that direction, as `is blocked by`.", |r| {
            r.direction.map_or(Got::NONE, |words| r.link.at("type").at(words).text())
        }),
    ];
}

impl Mapped for Issuelinks {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        for link in oldest_first(issue.fields.at("issuelinks"), lost) {
            let before = rows.len();
            for (direction, member) in [("inward", "inwardIssue"), ("outward", "outwardIssue")] {
                let other = link.at(member);
                if other.is_set() {
                    rows.push(Row { issue, link, direction: Some(direction), other });
                }
            }
            if rows.len() == before {
                rows.push(Row { issue, link, direction: None, other: Node::Absent });
            }
        }
        rows
    }
}
