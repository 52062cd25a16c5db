//! Who we are: nothing is fetched, and nothing that Jira says is believed, until it has said that it
//! knows us.

use jira::client::Error as JiraError;
use tokio::task::JoinError;
use tracing::{error, info, warn};

use super::Loop;
use crate::look::chain;

impl Loop {
    /// Asks who we are when it is time to. On a task of its own: deliveries that wake the loop must
    /// not begin the question anew.
    pub(super) fn start_probe(&mut self) {
        let held = self.held_until.is_some_and(|until| tokio::time::Instant::now() < until);
        if self.unproven.is_some() && !held && self.probe.is_none() {
            let jira = self.looker.fetcher.main().clone();
            self.probe = Some(tokio::spawn(async move { jira.identify().await.map(drop) }));
        }
    }

    /// Who are we? Only an answer in order lets the loop go on: nothing that Jira tells to nobody in
    /// particular is ever believed.
    pub(super) fn probed(&mut self, who: Result<Result<(), JiraError>, JoinError>) {
        self.probe = None;
        let failed = self.unproven.unwrap_or(0);
        let who = match who {
            Ok(who) => who,
            Err(broken) => {
                error!("the question who we are broke off: {broken}");
                return self.hold(self.looker.limits.back_off.min);
            }
        };
        match who {
            Ok(()) => {
                info!("jira accepts the credentials, going on");
                self.unproven = None;
                self.metrics.paused.set(0);
            }
            Err(JiraError::Unauthorized | JiraError::Anonymous) => self.pause(),
            Err(error) => {
                warn!("jira does not say who we are: {}", chain(&error));
                self.unproven = Some(failed.saturating_add(1));
                self.hold(self.looker.limits.back_off.after(failed, rand::random()));
            }
        }
    }

    pub(super) fn pause(&mut self) {
        error!(
            "jira refuses the credentials: nothing is fetched until they are in order; \
             run `jiralake doctor`"
        );
        self.unproven = Some(0);
        self.metrics.paused.set(1);
        self.hold(self.looker.limits.pause);
    }
}
