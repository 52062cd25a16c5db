//! What the service manager is told where it listens (`NOTIFY_SOCKET`): ready, alive, stopping.
//! Where it does not, nothing happens.
//!
//! "Alive" is said only while the process can keep its promises. Silence makes systemd start it
//! anew, which is what a ledger that failed and a runtime that stands still need. Must not stop
//! anything itself: what cannot be told is logged.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

/// The door listens.
pub(crate) fn ready() {
    tell(&NotifyState::Ready);
}

/// The end has begun, as it should.
pub(crate) fn stopping() {
    tell(&NotifyState::Stopping);
}

/// Says "alive" twice in the time that the watchdog allows, while `is_well`; without end.
pub(crate) async fn alive(is_well: impl Fn() -> bool) {
    let limit = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    let Some(limit) = limit else { return std::future::pending().await };
    beat(limit / 2, is_well, async || {
        // Telling waits while the manager's queue is full; no delivery shall wait with it.
        let told = tokio::task::spawn_blocking(|| tell(&NotifyState::Watchdog));
        drop(told.await);
    })
    .await;
}

async fn beat(every: Duration, is_well: impl Fn() -> bool, say: impl AsyncFn()) {
    let mut beats = tokio::time::interval(every);
    loop {
        beats.tick().await;
        if is_well() {
            say().await;
        }
    }
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        warn!("the service manager could not be told {state}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::beat;

    #[tokio::test]
    async fn it_is_silent_while_it_is_not_well() {
        let (asked, said) = (Cell::new(0), Cell::new(0));
        let is_well = || {
            asked.set(asked.get() + 1);
            asked.get() <= 2
        };
        let beats = beat(Duration::from_millis(1), is_well, async || said.set(said.get() + 1));
        drop(tokio::time::timeout(Duration::from_millis(200), beats).await);
        assert_eq!(said.get(), 2, "asked {} times", asked.get());
        assert!(asked.get() > 2);
    }
}
