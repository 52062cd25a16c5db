//! How often something may happen: so many times a second, and as many at once after a quiet second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bound on how often something happens.
#[derive(Debug)]
pub struct RateLimit {
    /// The time that one event takes up.
    step: Duration,
    /// The time up to which events are used up; at most a second behind now.
    used: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// Makes a bound of `per_second` events, all of them free.
    pub fn new(per_second: u32) -> Self {
        Self { step: Duration::from_secs(1) / per_second.max(1), used: Mutex::new(None) }
    }

    /// Returns whether one more event may happen now, and counts it if so.
    pub fn admit(&self) -> bool {
        let now = Instant::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let second_ago = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let next = used.map_or(second_ago, |used| used.max(second_ago)) + self.step;
        let fits = next <= now;
        if fits {
            *used = Some(next);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_admits_as_many_as_it_says() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let rate = RateLimit::new(10);
        let admitted = || (0..100).filter(|_| rate.admit()).count();
        assert_eq!((admitted(), admitted()), (10, 0));
        tokio::time::advance(Duration::from_millis(350)).await;
        assert_eq!(admitted(), 3);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(admitted(), 10);
    }
}
