//! Log lines that strangers can cause are written seldom: a flood must not fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one line through per window and counts the others.
#[derive(Debug)]
pub struct SeldomLog {
    window: Duration,
    state: Mutex<LogWindow>,
}

#[derive(Debug, Default)]
struct LogWindow {
    /// The time of the last line.
    last: Option<Instant>,
    /// Lines that were left out since.
    left_out: u64,
}

impl SeldomLog {
    /// Makes a log of at most one line per `window`.
    pub fn new(window: Duration) -> Self {
        Self { window, state: Mutex::default() }
    }

    /// Returns, if a line may be written now, how many were left out before it.
    pub fn admit(&self) -> Option<u64> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.window) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_passes_per_window_and_says_how_many_did_not() {
        let log = SeldomLog::new(Duration::from_secs(1));
        assert_eq!([log.admit(), log.admit(), log.admit()], [Some(0), None, None]);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(log.admit(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!([log.admit(), log.admit()], [Some(3), None]);
    }
}
