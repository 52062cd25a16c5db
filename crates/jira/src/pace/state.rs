//! The numbers of a moment, for metrics and for people.

use std::time::Duration;

/// How the traffic to Jira stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// How long everything is paused still; zero when it is not.
    pub paused: Duration,
    /// Requests in flight, of all accounts.
    pub in_flight: usize,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Requests that were sent away without being sent, since the start.
    pub held_back: u64,
    /// Each endpoint that was ever asked, by name.
    pub endpoints: Vec<EndpointState>,
}

/// How one endpoint stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointState {
    /// The name of the call.
    pub name: &'static str,
    /// Its method.
    pub method: String,
    /// How long it is paused still by itself; zero when it is not.
    pub paused: Duration,
    /// Requests that were sent, since the start.
    pub sent: u64,
    /// Of these, those that were answered with a request to slow down.
    pub throttled: u64,
}
