//! Worklogs: the complete list that was fetched beside the issue, else the ones embedded in it.

use crate::column::{Column, Mapped, Shape, known};
use crate::issue::Issue;
use crate::node::Node;
use crate::order::once_each;

pub(super) struct Worklogs;

pub(crate) struct Row<'a> {
    issue: &'a Issue<'a>,
    worklog: Node<'a>,
}

type C = Column<Worklogs>;

impl Shape for Worklogs {
    type Row<'a> = Row<'a>;

    const COLUMNS: &'static [C] = &[
        C::text("worklog_id", "Jira's id of the worklog.", |r| r.worklog.at("id").id()),
        C::text("issue_key", "The issue's current key.", |r| known(r.issue.key())),
        C::text("issue_id", "The issue's id, which never changes.", |r| known(&r.issue.id)),
        C::text("author_email", "Who did the work, where the address is visible.", |r| {
            r.worklog.at("author").email()
        }),
        C::text("author_name", "Display name of who did the work.", |r| {
            r.worklog.at("author").at("displayName").text()
        }),
        C::text("author_account_id", "Account of who did the work.", |r| {
            r.worklog.at("author").at("accountId").text()
        }),
        C::text("comment", "What was done, as plain text.", |r| r.worklog.at("comment").prose()),
        C::time("started_at", "When the work began.", |r| r.worklog.at("started").time()),
        C::time("created_at", "When it was logged.", |r| r.worklog.at("created").time()),
        C::time("updated_at", "When the worklog was last edited.", |r| {
            r.worklog.at("updated").time()
        }),
        C::int("time_spent_seconds", "Time spent, in seconds.", |r| {
            r.worklog.at("timeSpentSeconds").int()
        }),
    ];
}

impl Mapped for Worklogs {
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Row<'a>> {
        once_each(list(issue), lost).into_iter().map(|worklog| Row { issue, worklog }).collect()
    }
}

/// The worklogs as they stand in the snapshot.
pub(super) fn list<'a>(issue: &Issue<'a>) -> Node<'a> {
    let complete = issue.at("_worklogs");
    if complete.is_set() { complete } else { issue.fields.at("worklog").at("worklogs") }
}
