//! The loop's commits: what is ready goes together, one commit at a time; one of many that failed is
//! tried one by one.

use std::time::Duration;

use jira::id::IssueId;
use lake::Committed;
use ledger::Loss;
use tokio::task::JoinError;
use tracing::{error, info};

use super::{Applied, Loop, URGENT};
use crate::Error;
use crate::look::{Ready, chain};

/// A commit's issues, and how it went.
pub(super) type Tried = (Vec<Ready>, Result<Committed, lake::Error>);

impl Loop {
    /// Who is waited for is committed before what catches up.
    pub(super) fn queue(&mut self, ready: Ready) {
        let urgent = |ready: &Ready| URGENT.contains(&ready.work.source);
        match self.ready.iter().position(|other| !urgent(other)).filter(|_| urgent(&ready)) {
            Some(place) => self.ready.insert(place, ready),
            None => self.ready.push_back(ready),
        }
    }

    /// Starts a commit of what is ready, if none runs.
    pub(super) fn start_commit(&mut self) {
        // Rows that are committed but not visible yet are worth a commit of nothing.
        let catches_up = self.behind && !self.is_held();
        if self.commit.is_some() || (self.ready.is_empty() && !catches_up) {
            return;
        }
        let most = if self.one_by_one > 0 { 1 } else { self.looker.limits.commit_issues };
        self.one_by_one = self.one_by_one.saturating_sub(1);
        let mut batch: Vec<Ready> = self.ready.drain(..most.min(self.ready.len())).collect();
        let changes = batch.iter_mut().filter_map(|ready| ready.change.clone()).collect();
        let finished = batch.iter().map(Ready::finished).collect();
        self.committing = batch.len();
        let lake = self.looker.lake.clone();
        self.commit = Some(tokio::spawn(async move {
            let committed = lake.commit(changes, finished).await;
            (batch, committed)
        }));
    }

    pub(super) async fn committed(&mut self, ended: Result<Tried, JoinError>) {
        self.commit = None;
        self.committing = 0;
        match ended {
            Ok((batch, Ok(committed))) => {
                self.behind = false;
                self.blocked_commits = 0;
                self.tell(&batch, &committed);
            }
            Ok((_, Err(behind @ lake::Error::Behind { .. }))) => {
                // The work is retired already; the next commit brings the names up to date.
                error!("rows are committed but not visible yet: {}", chain(&behind));
                self.behind = true;
                self.hold(self.looker.limits.back_off.min);
            }
            Ok((batch, Err(error))) => self.commit_failed(batch, error).await,
            Err(broken) => {
                self.metrics.commit_failures.inc();
                error!("a commit broke off: {broken}");
            }
        }
    }

    fn tell(&self, batch: &[Ready], committed: &Committed) {
        self.metrics.commit_seconds.observe(committed.took.as_secs_f64());
        self.metrics.odd_values.inc_by(committed.odd_values);
        self.metrics.rebuilt_tables.inc_by(committed.rebuilt);
        let now = self.looker.clock.now();
        for ready in batch {
            let since_hint = now.since(ready.work.hinted_at);
            self.metrics.committed_issues.inc();
            self.metrics.visible_seconds.observe(since_hint.as_secs_f64());
            let subject = &ready.work.subject;
            let name = ready.key.as_ref().map_or_else(|| subject.to_string(), ToString::to_string);
            info!(
                issue = %subject, issue.key = %name, source = ready.work.source.name(),
                look_ms = millis(ready.took), commit_ms = millis(committed.took),
                visible_ms = millis(since_hint), commit = committed.commit.get(),
                "{name} is committed"
            );
            let applied = Applied {
                subject: subject.clone(),
                key: ready.key.clone(),
                source: ready.work.source,
                since_hint,
                look: ready.took,
                commit: committed.took,
                together: batch.len(),
            };
            // Nobody listening is not a failure.
            drop(self.applied.send(applied));
        }
    }

    async fn commit_failed(&mut self, batch: Vec<Ready>, error: lake::Error) {
        self.metrics.commit_failures.inc();
        let count = batch.len();
        if let lake::Error::Blocked { issues, .. } = &error {
            self.record_losses(issues).await;
        }
        error!(issues = count, "a commit of {count} issues failed: {}", chain(&error));
        if count > 1 {
            self.one_by_one = count;
            for ready in batch.into_iter().rev() {
                self.ready.push_front(ready);
            }
            return;
        }
        if let lake::Error::Blocked { .. } = &error {
            self.defer_blocked(batch).await;
            return;
        }
        let concerns_all = matches!(error, lake::Error::Disk { .. } | lake::Error::Ledger { .. });
        let error = Error::Lake(error);
        for ready in batch {
            if concerns_all {
                self.hold(self.looker.limits.back_off.after(ready.work.attempts, rand::random()));
            }
            let wait = self.looker.limits.back_off.after(ready.work.attempts, rand::random());
            let due = self.looker.clock.now().plus(wait);
            if let Err(failed) = self.looker.ledger.retry(&ready.work, due, &chain(&error)).await {
                self.hold_for_ledger(&failed);
                self.return_later(ready.work);
            }
        }
    }
}

impl Loop {
    /// Issues without a readable snapshot that block a commit: lost, and due at once.
    async fn record_losses(&mut self, issues: &[(IssueId, Loss)]) {
        match self.looker.ledger.record_loss(issues).await {
            Ok(new) => info!(new, "{new} issues whose snapshots are lost are due"),
            Err(failed) => self.hold_for_ledger(&failed),
        }
    }

    /// Gives work back whose commit other issues block. The work is not to blame: it counts no
    /// attempt and keeps its last error.
    async fn defer_blocked(&mut self, batch: Vec<Ready>) {
        let wait = self.looker.limits.back_off.after(self.blocked_commits, rand::random());
        self.blocked_commits = self.blocked_commits.saturating_add(1);
        let due = self.looker.clock.now().plus(wait);
        for ready in batch {
            if let Err(failed) = self.looker.ledger.defer(&ready.work, due).await {
                self.hold_for_ledger(&failed);
                self.return_later(ready.work);
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
