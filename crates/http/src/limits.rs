//! The bounds of a listener and its connections.

use std::time::Duration;

use crate::pace::MinimumRate;

/// The bounds of a listener. What a request may cost is the application's to bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one client that has not proved itself. Trusted proxies have no such
    /// limit: their connections belong to many clients.
    pub connections_per_client: usize,
    /// The share of the connections that only proven clients and trusted proxies may use.
    pub reserved_percent: usize,
    /// The time in which a new connection MUST bring its first byte.
    pub first_byte_wait: Duration,
    /// The time in which a header MUST be complete, and the longest idle time between requests.
    pub header_wait: Duration,
    /// The slowest header that is waited for.
    pub header_rate: MinimumRate,
    /// The longest time in which a peer may take nothing of an answer.
    pub write_wait: Duration,
    /// The time that requests in flight have to finish once the listener stops.
    pub stop_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_client: 256,
            reserved_percent: 25,
            first_byte_wait: Duration::from_secs(5),
            header_wait: Duration::from_secs(20),
            header_rate: MinimumRate::default(),
            write_wait: Duration::from_secs(10),
            stop_wait: Duration::from_secs(6),
        }
    }
}

/// Returns what is left of `total` after the reserved share.
pub(crate) fn unreserved(total: usize, reserved_percent: usize) -> usize {
    total - total * reserved_percent.min(100) / 100
}
