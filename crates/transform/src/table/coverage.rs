//! How much of each issue the copy has: what the writer of the snapshot noted in `_parts`.
//!
//! A part that it did not note (another program's snapshot notes none) is counted: what the
//! snapshot has, and the total that Jira gave with it. What cannot be told from that is NULL. The
//! attachments are always counted, because their bytes come later than the snapshot.

use std::borrow::Cow;
use std::cmp::Ordering;

use jira::time::Instant;

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::json::Json;
use crate::node::{Got, Node, Text, count};
use crate::order::{oldest_first, once_each};
use crate::sla;
use crate::stored::State;
use crate::table::worklogs;

pub(super) struct Coverage;

/// What is known of one part of an issue.
struct Facts<'a> {
    have: Got<i64>,
    total: Got<i64>,
    complete: Got<bool>,
    fetched_at: Got<Instant>,
    reason: Text<'a>,
}

type C = Column<Coverage>;

macro_rules! parts {
    ($($part:ident $have:literal $all:literal)*) => {
        pub(crate) struct Row<'a> {
            issue: &'a Issue<'a>,
            $($part: Facts<'a>,)*
        }

        const COLUMNS: &[C] = &[
            C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
            C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
            C::time("updated_at", "When it last changed.", |r| {
                r.issue.fields.at("updated").time()
            }),
            C::time("synced_at", "When this state was fetched.", |r| {
                r.issue.at("_synced_at").time()
            }),
            C::text(
                "source",
                "What caused the fetch: webhook, person, sla, sweep or backfill.",
                |r| r.issue.at("_source").text(),
            ),
            $(
                C::int(
                    concat!(stringify!($part), "_have"),
                    concat!("Number of ", $have, "."),
                    |r| r.$part.have.clone(),
                ),
                C::int(
                    concat!(stringify!($part), "_total"),
                    concat!("Number of ", $all, " in Jira, where that is known."),
                    |r| r.$part.total.clone(),
                ),
                C::flag(
                    concat!(stringify!($part), "_complete"),
                    concat!("Whether the copy has all ", $all, "; NULL where that is not known."),
                    |r| r.$part.complete.clone(),
                ),
                C::time(
                    concat!(stringify!($part), "_fetched_at"),
                    concat!("When the ", $all, " were last asked for."),
                    |r| r.$part.fetched_at.clone(),
                ),
                C::text(
                    concat!(stringify!($part), "_reason"),
                    concat!("Why the copy does not have all ", $all, "."),
                    |r| r.$part.reason.borrowed(),
                ),
            )*
            C::text("project_key", "Key of the project.", |r| {
                r.issue.fields.at("project").at("key").text()
            }),
        ];
    };
}

parts! {
    comments "comments in the copy" "comments"
    changelog "changes in the copy, each of which may be several rows" "changes"
    worklogs "worklogs in the copy" "worklogs"
    remote_links "remote links in the copy" "remote links"
    attachments "attachments whose bytes are on disk" "attachments"
    sla "SLA metrics in the copy" "SLA metrics"
}

impl Shape for Coverage {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = COLUMNS;
}

impl Mapped for Coverage {
    fn rows<'a>(issue: &'a Issue<'a>, _lost: &mut u64) -> Vec<Row<'a>> {
        let fields = &issue.fields;
        let comments = fields.at("comment");
        let history = issue.at("changelog");
        let links = issue.at("_remote_links");
        let part = |name: &str, count: &dyn Fn() -> Facts<'a>| match issue.at("_parts").at(name) {
            Node::Absent | Node::Is(Json::Null) => count(),
            noted => Facts::noted(noted),
        };
        vec![Row {
            issue,
            comments: part("comments", &|| {
                Facts::counted(have(comments.at("comments"), once_each), comments.at("total").int())
            }),
            changelog: part("changelog", &|| {
                Facts::counted(have(history.at("histories"), once_each), history.at("total").int())
            }),
            worklogs: part("worklogs", &|| {
                let total = fields.at("worklog").at("total").int();
                Facts::counted(have(worklogs::list(issue), once_each), total)
            }),
            remote_links: part("remote_links", &|| {
                Facts::counted(have(links, oldest_first), Got::NONE)
            }),
            attachments: Facts::of_attachments(issue),
            sla: part("sla", &|| Facts::of_sla(issue)),
        }]
    }
}

impl<'a> Facts<'a> {
    fn noted(part: Node<'a>) -> Self {
        Self {
            have: part.at("have").int(),
            total: part.at("total").int(),
            complete: part.at("complete").flag(),
            fetched_at: part.at("fetched_at").time(),
            reason: part.at("reason").text(),
        }
    }

    fn counted(have: Got<i64>, total: Got<i64>) -> Self {
        let compared = have.value.zip(total.value).map(|(have, total)| total.cmp(&have));
        let complete = match compared {
            Some(Ordering::Equal) => Some(true),
            Some(Ordering::Greater) => Some(false),
            // More than there are: the total is old or wrong.
            Some(Ordering::Less) | None => None,
        };
        let (fetched_at, reason) = (Got::NONE, Got::NONE);
        Self { have, total, complete: complete.into(), fetched_at, reason }
    }

    /// Jira shows a metric that the account may not read, but not its cycles.
    fn of_sla(issue: &'a Issue<'a>) -> Self {
        let metrics = sla::metrics(issue).filter(|(_, metric)| metric.is_set());
        let metrics: Vec<_> = metrics.collect();
        let have = metrics.iter().filter(|(_, metric)| sla::is_fetched(*metric)).count();
        let total = Some(count(metrics.len())).filter(|total| *total > 0);
        Self::counted(Got::some(count(have)), total.into())
    }

    fn of_attachments(issue: &Issue<'a>) -> Self {
        let part = issue.at("_parts").at("attachments");
        let fetched_at = part.at("fetched_at").time();
        let listed = issue.fields.at("attachment");
        // Entries that are lost here are counted by the attachments.
        let states = listed.objects(&mut 0).into_iter().map(|each| issue.state(each).value);
        let states: Vec<_> = states.flatten().collect();
        let of = |state| count(states.iter().filter(|s| **s == state).count());
        let total = match listed {
            Node::Is(Json::List(_)) => Got::some(count(states.len())),
            Node::Absent | Node::Is(Json::Null) => Got::NONE,
            Node::Is(_) | Node::Odd => Got::ODD,
        };
        let missing = [State::Pending, State::Failed, State::TooLarge].map(|s| (of(s), s.as_str()));
        let complete = of(State::Pending) + of(State::Failed) == 0;
        let counts = missing.iter().filter(|(n, _)| *n > 0).map(|(n, state)| format!("{n} {state}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let noted = part.at("reason").text();
        let reason = match noted.value {
            _ if counts.is_empty() => None,
            Some(why) => Some(format!("{counts}: {why}")),
            None => Some(counts),
        };
        Self {
            have: Got::some(of(State::Stored)),
            complete: total.value.map(|_| complete).into(),
            total,
            fetched_at,
            reason: Got { value: reason.map(Cow::Owned), odd: noted.odd },
        }
    }
}

/// How many rows a list gives; nothing is known of what is no list.
fn have<'a>(list: Node<'a>, rows: fn(Node<'a>, &mut u64) -> Vec<Node<'a>>) -> Got<i64> {
    match list {
        // Elements that are lost here are counted by the table they belong to.
        Node::Is(Json::List(_)) => Got::some(count(rows(list, &mut 0).len())),
        Node::Absent | Node::Is(Json::Null) => Got::some(0),
        Node::Is(_) | Node::Odd => Got::ODD,
    }
}
