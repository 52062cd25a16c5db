//! After damage to the ledger: compares the copy with Jira, whatever may have been lost.
//!
//! Nobody knows which deliveries, issues and deletions the lost part knew of. So every issue that Jira
//! shows is compared, and every one that it does not show is looked for. The damage MUST NOT be noted
//! as reconciled unless both came to their end and every entry was readable.

use std::time::Duration;

use ledger::Ledger;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::Error;
use crate::census::Census;
use crate::look::chain;
use crate::policy::BackOff;
use crate::sweep::Sweep;

/// Compares once after damage. Runs whether or not sweep and census do.
#[derive(Debug, Clone)]
pub struct AfterDamage {
    /// Where the damage is recorded.
    pub ledger: Ledger,
    /// Compares what Jira shows.
    pub sweep: Sweep,
    /// Finds what Jira does not show.
    pub census: Census,
    /// Waits after failures.
    pub back_off: BackOff,
}

impl AfterDamage {
    /// Compares until that has succeeded, if there is damage. Returns when nothing is open.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut failures = 0;
        loop {
            let pass = tokio::select! {
                pass = self.pass() => pass,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match pass {
                Ok(Pass::Done) => return,
                Ok(Pass::Partial) => warn!(
                    "some entries of Jira's could not be read: the comparison after the damage is repeated"
                ),
                Err(error) => error!("the comparison after the damage failed: {}", chain(&error)),
            }
            let wait = self.back_off.after(failures, rand::random()).max(Duration::from_millis(50));
            failures = failures.saturating_add(1);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn pass(&self) -> Result<Pass, Error> {
        let damage = self.ledger.damage().await?;
        let Some(damage) = damage.filter(|damage| damage.reconciled_at.is_none()) else {
            return Ok(Pass::Done);
        };
        let swept = self.sweep.whole().await?;
        let counted = self.census.pass().await?;
        if swept.unreadable > 0 || counted.unreadable > 0 {
            return Ok(Pass::Partial);
        }
        self.ledger.damage_reconciled(&damage).await?;
        info!(
            compared = swept.found,
            hinted = swept.hinted,
            missing = counted.missing_there,
            "after damage to the ledger, {} issues were compared with Jira: {} differ, {} are not in Jira any more",
            swept.found,
            swept.hinted,
            counted.missing_there
        );
        Ok(Pass::Done)
    }
}

enum Pass {
    /// There is nothing to compare, or all was compared.
    Done,
    /// Not all could be compared.
    Partial,
}
