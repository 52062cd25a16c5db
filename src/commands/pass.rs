//! One pass of a job for a person: here, if the lake is free; by the running program else, as only
//! one program writes a lake.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use jira::time::Clock;
use lake::{Lake, Lock, Mapping};
use ledger::Ledger;
use reconcile::jobs;
use serde_json::Value;
use tokio::time::sleep;
use transform::{FieldMap, Site};

use crate::config::Settings;
use crate::daemon::start;

/// A running program that does not answer within this is stuck.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two looks at whether it has answered.
const TICK: Duration = Duration::from_millis(200);

/// A lake that this command has for itself.
pub(crate) struct Here {
    /// The memory.
    pub(crate) ledger: Ledger,
    /// The store.
    pub(crate) lake: Lake,
    /// Which field feeds which column.
    pub(crate) fields: Arc<FieldMap>,
}

/// The program that has the lake, by what it says of itself; `None`: it is free.
pub(crate) fn holder(settings: &Settings, name: &str) -> anyhow::Result<Option<String>> {
    match Lock::take_all(&start::layout(settings), name, Clock::system().now()) {
        // Only a question: the lake takes the lock for good when it is opened.
        Ok(lock) => {
            drop(lock);
            Ok(None)
        }
        Err(lake::Error::Locked { holder, .. }) => Ok(Some(holder)),
        Err(error) => Err(error.into()),
    }
}

/// Opens a lake that is free.
pub(crate) async fn open(settings: &Settings, name: &str) -> anyhow::Result<Here> {
    let ledger = start::existing_ledger(settings).await?;
    let fields = Arc::new(start::field_map(settings)?);
    let site = Site { domain: settings.jira.domain.clone() };
    let mapping = Mapping { site, fields: Arc::clone(&fields) };
    let (layout, clock) = (start::layout(settings), Clock::system());
    let lake = Lake::open(layout, ledger.clone(), mapping, name, clock).await?;
    Ok(Here { ledger, lake, fields })
}

/// Asks the running program for a pass of a job and waits for what it came to.
pub(crate) async fn ask(ledger: &Ledger, job: &str) -> anyhow::Result<Value> {
    let wish = jobs::ask(ledger, job, Clock::system().now()).await?;
    let until = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < until {
        if let Some(told) = jobs::told(ledger, job).await?.filter(|told| told.asked >= wish) {
            return match (told.result, told.error) {
                (Some(result), _) => Ok(result),
                (None, error) => bail!("the pass failed: {}", error.unwrap_or_default()),
            };
        }
        sleep(TICK).await;
    }
    bail!("the running program made no pass within {} s; see its log", PATIENCE.as_secs())
}
