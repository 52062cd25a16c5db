//! Filling an issue in bulk, without webhooks: what was there before anybody listened.

use serde_json::json;

use super::comments::{NewComment, build};
use super::edit::item;
use super::{Site, worklogs};
use crate::error::Error;

/// How far apart seeded entries are.
const STEP_MS: i64 = 60_000;

impl Site {
    /// Adds so many comments, a minute apart, the last one now.
    pub fn seed_comments(&self, issue: &str, count: usize) -> Result<(), Error> {
        self.seed(issue, count, |edit, id, n| {
            let comment = build(edit, id, &NewComment::text(&format!("Comment number {n}")));
            edit.issue(id)?.comments.push(comment);
            Ok(())
        })
    }

    /// Adds so many changelog entries, a minute apart, the last one now.
    pub fn seed_histories(&self, issue: &str, count: usize) -> Result<(), Error> {
        self.seed(issue, count, |edit, id, n| {
            let label = |n: usize| (json!(""), json!(format!("round-{n}")));
            edit.record(id, vec![item("labels", label(n.saturating_sub(1)), label(n))])?;
            Ok(())
        })
    }

    /// Adds so many worklogs, a minute apart, the last one now.
    pub fn seed_worklogs(&self, issue: &str, count: usize) -> Result<(), Error> {
        self.seed(issue, count, |edit, id, n| {
            let worklog = worklogs::build(edit, id, 60, &format!("Work number {n}"));
            edit.issue(id)?.worklogs.push(worklog);
            Ok(())
        })
    }

    fn seed(
        &self,
        issue: &str,
        count: usize,
        add: impl Fn(&mut super::edit::Edit<'_>, i64, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let now = edit.now;
            for n in 1..=count {
                let steps = i64::try_from(count - n).unwrap_or(i64::MAX);
                edit.now = now.saturating_sub(steps.saturating_mul(STEP_MS));
                add(edit, id, n)?;
            }
            edit.now = now;
            edit.touch(id)
        })
    }

    /// Sends an update of an issue that changed nothing, as SLA timers sometimes do.
    pub fn announce(&self, issue: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            edit.announce_issue(id, "jira:issue_updated", "issue_updated", None)
        })
    }
}
