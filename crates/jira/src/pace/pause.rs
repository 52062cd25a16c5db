//! A pause that Jira asked for, and how long the next one will be.
//!
//! `Retry-After` is a minimum; without one the pauses double with each throttled answer in a row.

use std::time::Duration;

/// The first pause when Jira does not say how long.
const FIRST: Duration = Duration::from_secs(2);
/// The longest such pause, before it is spread.
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses of one scope.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// The end of the pause; past times mean that there is none.
    until: Duration,
    /// When the last pause began, and how many there were in a row; nothing after a success.
    row: Option<(Duration, u32)>,
}

/// A throttled answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttle {
    /// When the request was sent.
    pub(super) sent_at: Duration,
    pub(super) now: Duration,
    /// What Jira asked for.
    pub(super) wait: Option<Duration>,
    /// `0.0..1.0`
    pub(super) jitter: f64,
}

impl Pause {
    /// How long it lasts still.
    pub(super) fn left(&self, now: Duration) -> Duration {
        self.until.saturating_sub(now)
    }

    /// Until when it lasts, if it does.
    pub(super) fn until(&self, now: Duration) -> Option<Duration> {
        Some(self.until).filter(|until| *until > now)
    }

    /// Begins or prolongs the pause.
    pub(super) fn throttle(&mut self, told: Throttle) {
        let Throttle { sent_at, now, wait, jitter } = told;
        let count = match self.row {
            // It was in flight already when the pause began: many requests that meet one limit
            // together are one reason to back off, not many.
            Some((began, count)) if sent_at <= began => {
                if let Some(wait) = wait {
                    self.until = self.until.max(now.saturating_add(wait));
                }
                self.row = Some((began, count));
                return;
            }
            Some((_, count)) => count.saturating_add(1),
            None => 1,
        };
        self.row = Some((now, count));
        let wait = wait.unwrap_or_else(|| back_off(count, jitter));
        self.until = self.until.max(now.saturating_add(wait));
    }

    /// A request got through. One that was sent before the pause proves nothing about it.
    pub(super) fn succeed(&mut self, sent_at: Duration) {
        if self.row.is_some_and(|(began, _)| sent_at > began) {
            self.row = None;
        }
    }
}

/// Doubled, bounded, then spread over 0.7 to 1.3.
fn back_off(count: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(20)));
    doubled.min(LONGEST).mul_f64(0.7 + 0.6 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Throttled at once, after having been sent at this time.
    fn throttle(pause: &mut Pause, now: u64, wait: Option<u64>) -> u64 {
        let (sent_at, now) = (at(now), at(now));
        pause.throttle(Throttle { sent_at, now, wait: wait.map(at), jitter: 0.5 });
        pause.left(now).as_secs()
    }

    #[test]
    fn pauses_double_to_a_bound_and_a_success_ends_the_row() {
        let mut pause = Pause::default();
        let row: Vec<u64> = (1..8).map(|n| throttle(&mut pause, n * 100, None)).collect();
        assert_eq!(row, [2, 4, 8, 16, 30, 30, 30]);
        pause.succeed(at(750));
        assert_eq!(throttle(&mut pause, 800, None), 2);
    }

    #[test]
    fn jitter_spreads_the_pause() {
        for (jitter, millis) in [(0.0, 1400), (1.0, 2600), (9.0, 2600), (-9.0, 1400)] {
            assert_eq!(back_off(1, jitter), Duration::from_millis(millis));
        }
        assert_eq!(back_off(u32::MAX, 1.0), Duration::from_secs(39));
    }

    #[test]
    fn jiras_own_wait_is_kept_to() {
        let mut pause = Pause::default();
        assert_eq!(throttle(&mut pause, 100, Some(1847)), 1847);
        assert_eq!((pause.until(at(1946)), pause.until(at(1947))), (Some(at(1947)), None));
        // A shorter one does not end a longer one.
        assert_eq!(throttle(&mut pause, 200, Some(1)), 1747);
    }

    #[test]
    fn many_that_meet_one_limit_together_are_one_reason() {
        let mut pause = Pause::default();
        assert_eq!(throttle(&mut pause, 100, None), 2);
        for now in [100, 101] {
            let straggler = Throttle { sent_at: at(99), now: at(now), wait: None, jitter: 0.5 };
            pause.throttle(straggler);
        }
        assert_eq!(pause.left(at(100)), at(2));
        pause.throttle(Throttle { sent_at: at(99), now: at(101), wait: Some(at(7)), jitter: 0.5 });
        assert_eq!(pause.left(at(101)), at(7));
        assert_eq!(throttle(&mut pause, 110, None), 4);
    }

    #[test]
    fn a_success_that_was_sent_before_the_pause_proves_nothing() {
        let mut pause = Pause::default();
        assert_eq!(throttle(&mut pause, 100, None), 2);
        pause.succeed(at(99));
        pause.succeed(at(100));
        assert_eq!(throttle(&mut pause, 110, None), 4);
    }
}
