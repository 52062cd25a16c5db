//! How fast Jira may be asked: the rates that Atlassian publishes for each endpoint and method of a
//! site, and how much of them is used.

use std::num::NonZeroU32;
use std::time::Duration;

use reqwest::Method;

use super::Kind;
use super::bucket::Bucket;

/// The rate of one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run.
    pub per_second: u32,
    /// Requests at once after a silence.
    pub burst: u32,
}

impl Rate {
    /// A quarter of a second's requests at once: together with [`Rates::percent`] no second ever
    /// has more requests than Jira allows, whatever the depth of its own buckets is.
    pub const fn per_second(per_second: u32) -> Self {
        Self { per_second, burst: per_second / 4 }
    }
}

/// What the pace keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// How much of the rates below is used. The rest is for others: Jira counts all apps and people
    /// of a site together.
    pub percent: u32,
    /// `GET`, where nothing else is said.
    pub get: Rate,
    /// `POST` and all that is not `GET`, where nothing else is said.
    pub post: Rate,
    /// One issue.
    pub issue: Rate,
    /// The changelog of one issue.
    pub changelog: Rate,
    /// Where an attachment is.
    pub attachment: Rate,
    /// Approximate counts.
    pub count: Rate,
    /// Requests in flight per account. A quarter of them is closed to [`super::Priority::Backfill`].
    pub in_flight: usize,
    /// A pause is waited for if it ends within this time; else the caller is sent away.
    pub patience: Duration,
    /// Nobody waits longer for a token or a place than this.
    pub longest_wait: Duration,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            percent: 80,
            get: Rate::per_second(100),
            post: Rate::per_second(100),
            issue: Rate::per_second(150),
            changelog: Rate::per_second(200),
            attachment: Rate::per_second(300),
            count: Rate::per_second(150),
            in_flight: 16,
            patience: Duration::from_secs(10),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Rates {
    /// The places of an account that [`super::Priority::Backfill`] may have.
    pub(super) fn open_to_backfill(&self) -> usize {
        let all = self.in_flight.max(1);
        all.saturating_sub((all / 4).max(1)).max(1)
    }

    pub(super) fn bucket(&self, kind: &Kind) -> Bucket {
        let rate = match (kind.0, &kind.1) {
            ("issue", &Method::GET) => self.issue,
            ("changelog", &Method::GET) => self.changelog,
            ("attachment_content", &Method::GET) => self.attachment,
            ("approximate_count", _) => self.count,
            (_, &Method::GET) => self.get,
            _ => self.post,
        };
        let percent = self.percent.max(1);
        let per_hundred_seconds = u64::from(rate.per_second.max(1)) * u64::from(percent);
        let interval = Duration::from_nanos(100_000_000_000 / per_hundred_seconds);
        let depth = rate.burst.saturating_mul(percent) / 100;
        Bucket::new(interval, NonZeroU32::new(depth).unwrap_or(NonZeroU32::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_requests_than_jira_allows() {
        let rates = Rates::default();
        let kinds = [
            ("issue", Method::GET, 150),
            ("comments", Method::GET, 100),
            ("search", Method::POST, 100),
        ];
        let more = [("changelog", Method::GET, 200), ("attachment_content", Method::GET, 300)];
        for (name, method, allowed) in kinds.into_iter().chain(more) {
            let mut bucket = rates.bucket(&(name, method));
            let mut sent = 0;
            for ms in 0..1000 {
                let now = Duration::from_secs(60) + Duration::from_millis(ms);
                while bucket.has(1, now) {
                    bucket.take(now);
                    sent += 1;
                }
            }
            assert!(sent <= allowed && sent > allowed * 9 / 10, "{name}: {sent}");
        }
    }

    #[test]
    fn one_number_slows_everything_down() {
        let slow = Rates { percent: 8, ..Rates::default() };
        for kind in [("issue", Method::GET), ("search", Method::POST)] {
            let (fast, slow) = (Rates::default().bucket(&kind), slow.bucket(&kind));
            assert_eq!(slow.interval().as_millis(), (fast.interval() * 10).as_millis());
        }
        let none = Rates { percent: 0, post: Rate { per_second: 0, burst: 0 }, ..Rates::default() };
        assert_eq!(none.bucket(&("search", Method::POST)).interval(), Duration::from_secs(100));
    }

    #[test]
    fn backfill_has_some_places_and_never_all() {
        for (in_flight, open) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (16, 12)] {
            let rates = Rates { in_flight, ..Rates::default() };
            assert_eq!(rates.open_to_backfill(), open, "{in_flight}");
        }
    }
}
