//! What listeners count. Every series is there from the start, at zero: a rate over a series that
//! appears with its first event misses that event.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::connections::{ACTIVITIES, Activity};

type Labels = [(&'static str, &'static str); 2];

/// The metrics of all listeners of a program; registered once, cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    connections: Family<Labels, Gauge>,
    evictions: Family<Labels, Counter>,
    refusals: Family<Labels, Counter>,
    timeouts: Family<Labels, Counter>,
    accept_errors: Family<Labels, Counter>,
}

/// Why a connection was closed to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvictionReason {
    /// Its client has as many as it may.
    Client,
    /// The pool, or the strangers' part of it, is full.
    Full,
    /// Descriptors or memory are short.
    Descriptors,
}

/// Why a connection or a request was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// Its client has as many as it may, all of them busy.
    Client,
    /// The pool is full of requests in flight, or of connections that were closed at too high a
    /// rate to be closed for somebody who has several already.
    Full,
    /// Too many ask for the health at once.
    Health,
}

/// Which time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeoutKind {
    FirstByte,
    Idle,
    Header,
    Write,
}

/// Why accepting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// The process or the machine has no descriptor or memory left.
    Descriptors,
    Other,
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            connections: Family::default(),
            evictions: Family::default(),
            refusals: Family::default(),
            timeouts: Family::default(),
            accept_errors: Family::default(),
        };
        registry.register(
            "jiralake_http_connections",
            "Open connections by what they do",
            metrics.connections.clone(),
        );
        registry.register(
            "jiralake_http_evictions",
            "Connections without a request in flight that were closed to make room, by what was full",
            metrics.evictions.clone(),
        );
        registry.register(
            "jiralake_http_refusals",
            "Connections, and requests for the health, that found no room, by what was full",
            metrics.refusals.clone(),
        );
        registry.register(
            "jiralake_http_timeouts",
            "Connections that were closed because they were too slow, by what was waited for",
            metrics.timeouts.clone(),
        );
        registry.register(
            "jiralake_http_accept_errors",
            "Failed attempts to accept a connection, by cause",
            metrics.accept_errors.clone(),
        );
        metrics
    }

    /// Returns the metrics of one listener.
    pub(crate) fn of(&self, listener: &'static str) -> ListenerMetrics {
        let state = |activity: Activity| {
            let labels = [("listener", listener), ("state", activity.name())];
            self.connections.get_or_create(&labels).clone()
        };
        let states = ACTIVITIES.map(state);
        let metrics = ListenerMetrics { listener, all: self.clone(), states };
        for reason in [EvictionReason::Client, EvictionReason::Full, EvictionReason::Descriptors] {
            drop(self.evictions.get_or_create(&metrics.labels("reason", reason.name())));
        }
        for reason in [RefusalReason::Client, RefusalReason::Full, RefusalReason::Health] {
            drop(self.refusals.get_or_create(&metrics.labels("reason", reason.name())));
        }
        for kind in
            [TimeoutKind::FirstByte, TimeoutKind::Idle, TimeoutKind::Header, TimeoutKind::Write]
        {
            drop(self.timeouts.get_or_create(&metrics.labels("waiting_for", kind.name())));
        }
        for error in [AcceptError::Descriptors, AcceptError::Other] {
            drop(self.accept_errors.get_or_create(&metrics.labels("cause", error.name())));
        }
        metrics
    }
}

/// The metrics of one listener.
#[derive(Debug, Clone)]
pub(crate) struct ListenerMetrics {
    listener: &'static str,
    all: Metrics,
    /// Connections by activity: every event of a connection counts here.
    states: [Gauge; 5],
}

impl ListenerMetrics {
    pub(crate) fn entered(&self, activity: Activity) {
        if let Some(state) = self.states.get(activity.index()) {
            state.inc();
        }
    }

    pub(crate) fn left(&self, activity: Activity) {
        if let Some(state) = self.states.get(activity.index()) {
            state.dec();
        }
    }

    pub(crate) fn evicted(&self, reason: EvictionReason) {
        self.all.evictions.get_or_create(&self.labels("reason", reason.name())).inc();
    }

    pub(crate) fn refused(&self, reason: RefusalReason) {
        self.all.refusals.get_or_create(&self.labels("reason", reason.name())).inc();
    }

    pub(crate) fn timed_out(&self, kind: TimeoutKind) {
        self.all.timeouts.get_or_create(&self.labels("waiting_for", kind.name())).inc();
    }

    pub(crate) fn not_accepted(&self, error: AcceptError) {
        self.all.accept_errors.get_or_create(&self.labels("cause", error.name())).inc();
    }

    fn labels(&self, name: &'static str, value: &'static str) -> Labels {
        [("listener", self.listener), (name, value)]
    }
}

impl Activity {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Idle => "idle",
            Self::Header => "header",
            Self::Request => "request",
            Self::Closing => "closing",
        }
    }
}

impl EvictionReason {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Full => "full",
            Self::Descriptors => "descriptors",
        }
    }
}

impl RefusalReason {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Full => "full",
            Self::Health => "health",
        }
    }
}

impl TimeoutKind {
    fn name(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte",
            Self::Idle => "next_request",
            Self::Header => "header",
            Self::Write => "reading_of_answer",
        }
    }
}

impl AcceptError {
    fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Other => "other",
        }
    }
}
