//! A token bucket, kept as the one time at which it will be full: what is in it at any other time
//! follows, exactly and without a timer.

use std::num::NonZeroU32;
use std::time::Duration;

/// The tokens of one kind of request.
#[derive(Debug)]
pub(super) struct Bucket {
    /// One token comes in this time.
    interval: Duration,
    depth: NonZeroU32,
    /// When there will be `depth` tokens in it; past times mean that it is full.
    full_at: Duration,
}

impl Bucket {
    pub(super) fn new(interval: Duration, depth: NonZeroU32) -> Self {
        Self { interval, depth, full_at: Duration::ZERO }
    }

    /// Whether so many tokens are in it.
    pub(super) fn has(&self, tokens: u32, now: Duration) -> bool {
        tokens <= self.depth.get() && self.ready_at(tokens) <= now
    }

    /// When so many tokens will have come, if none is taken meanwhile and none is lost.
    pub(super) fn ready_at(&self, tokens: u32) -> Duration {
        let depth = self.depth.get();
        match depth.checked_sub(tokens) {
            Some(missing) => self.full_at.saturating_sub(self.interval.saturating_mul(missing)),
            None => {
                let more = self.interval.saturating_mul(tokens.saturating_sub(depth));
                self.full_at.saturating_add(more)
            }
        }
    }

    /// Takes a token, which must be there.
    pub(super) fn take(&mut self, now: Duration) {
        self.full_at = self.full_at.max(now).saturating_add(self.interval);
    }

    /// Takes a token back that was not used.
    pub(super) fn put_back(&mut self) {
        self.full_at = self.full_at.saturating_sub(self.interval);
    }

    /// One token at this time, and the others after it: what was throttled begins slowly.
    pub(super) fn drain_until(&mut self, at: Duration) {
        let others = self.depth.get().saturating_sub(1);
        let full_at = at.saturating_add(self.interval.saturating_mul(others));
        self.full_at = self.full_at.max(full_at);
    }

    #[cfg(test)]
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn bucket() -> Bucket {
        Bucket::new(at(100), NonZeroU32::new(3).unwrap())
    }

    /// How many tokens can be taken at once.
    fn taken(bucket: &mut Bucket, now: Duration) -> u32 {
        let mut taken = 0;
        while bucket.has(1, now) {
            bucket.take(now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_bucket_holds_its_depth_and_refills_one_by_one() {
        let mut bucket = bucket();
        assert_eq!(taken(&mut bucket, at(1000)), 3);
        assert_eq!(bucket.ready_at(1), at(1100));
        assert_eq!(bucket.ready_at(5), at(1500));
        assert_eq!(taken(&mut bucket, at(1099)), 0);
        assert_eq!(taken(&mut bucket, at(1100)), 1);
        assert_eq!(taken(&mut bucket, at(1350)), 2);
        // Half a token was left.
        assert_eq!(bucket.ready_at(1), at(1400));
        assert_eq!(taken(&mut bucket, at(90_000)), 3);
    }

    #[test]
    fn a_bucket_never_has_more_than_its_depth() {
        let bucket = bucket();
        assert!(bucket.has(3, at(90_000)));
        assert!(!bucket.has(4, at(90_000)));
    }

    #[test]
    fn a_token_that_was_not_used_is_there_again() {
        let mut bucket = bucket();
        assert_eq!(taken(&mut bucket, at(1000)), 3);
        bucket.put_back();
        assert_eq!(taken(&mut bucket, at(1000)), 1);
    }

    #[test]
    fn after_a_pause_it_begins_with_one() {
        let mut bucket = bucket();
        bucket.drain_until(at(5000));
        assert_eq!(taken(&mut bucket, at(4999)), 0);
        assert_eq!(taken(&mut bucket, at(5000)), 1);
        assert_eq!(bucket.ready_at(1), at(5100));
    }
}
