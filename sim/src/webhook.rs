//! Sends webhooks as Jira does, and keeps a log of every delivery.
//!
//! The queue of a destination is not bounded: the simulator never loses what it was not told to
//! lose. A delivery that no knob drops is attempted until a 2xx, a status that Jira does not
//! retry, or the last retry.

pub(crate) mod body;
mod log;
mod send;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use log::{Attempt, Delivery, Outcome};

use crate::clock::Clock;
use crate::error::Error;
use crate::knobs::{Knobs, happens};
use log::Log;
use send::Sending;

/// How many deliveries of the primary flow are on their way to one destination at once.
const PRIMARY_AT_ONCE: usize = 20;
/// The same of the secondary flow.
const SECONDARY_AT_ONCE: usize = 10;

/// Which of Jira's two flows a delivery belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Flow {
    /// Caused by an edit.
    Primary,
    /// The fallout of another event.
    Secondary,
}

impl Flow {
    fn name(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Secondary => "Secondary",
        }
    }
}

/// Something that happened, as the webhook says it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) flow: Flow,
    /// The issue that it is about, for the log; the body may not name it.
    pub(crate) issue: Option<i64>,
    pub(crate) body: Value,
}

/// Where webhooks go.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The address.
    pub url: String,
    /// The secret that signs the body; unsigned if absent.
    pub secret: Option<String>,
    /// The events that are sent; all of them if empty.
    pub events: Vec<String>,
}

/// A destination with what is shared by its deliveries.
#[derive(Debug)]
struct Destination {
    to: Registration,
    primary: Semaphore,
    secondary: Semaphore,
    /// Since when every attempt has failed.
    failing_since: Mutex<Option<tokio::time::Instant>>,
}

/// The handle; clones share destinations and log.
#[derive(Clone, Debug)]
pub struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    client: reqwest::Client,
    clock: Clock,
    knobs: Knobs,
    log: Log,
    /// How many deliveries are not yet finished.
    left: watch::Sender<usize>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    destinations: Vec<Arc<Destination>>,
    chance: StdRng,
    /// What is being sent; aborted when the simulator stops.
    tasks: JoinSet<()>,
}

impl Webhooks {
    pub(crate) fn new(seed: u64, clock: Clock, knobs: Knobs) -> Result<Self, Error> {
        let client = send::client(&knobs.settings().webhook).map_err(Error::Sender)?;
        Ok(Self(Arc::new(Inner {
            runtime: Handle::current(),
            client,
            clock,
            knobs,
            log: Log::default(),
            left: watch::Sender::new(0),
            state: Mutex::new(State {
                destinations: Vec::new(),
                chance: StdRng::seed_from_u64(seed ^ 0x686f_6f6b),
                tasks: JoinSet::new(),
            }),
        })))
    }

    /// Sends all events from now on to an address, signed with the secret.
    pub fn register(&self, url: &str, secret: Option<&str>) {
        let (url, secret) = (url.to_owned(), secret.map(str::to_owned));
        self.register_for(Registration { url, secret, events: Vec::new() });
    }

    /// Sends chosen events from now on.
    pub fn register_for(&self, to: Registration) {
        self.state().destinations.push(Arc::new(Destination {
            to,
            primary: Semaphore::new(PRIMARY_AT_ONCE),
            secondary: Semaphore::new(SECONDARY_AT_ONCE),
            failing_since: Mutex::new(None),
        }));
    }

    /// Forgets all destinations; what is on its way still arrives.
    pub fn unregister_all(&self) {
        self.state().destinations.clear();
    }

    /// Every delivery so far, in the order in which they were caused.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.0.log.all()
    }

    /// The identifiers of deliveries that got at least one 2xx.
    pub fn acknowledged(&self) -> Vec<String> {
        let all = self.deliveries();
        let acknowledged = all.into_iter().filter(Delivery::was_acknowledged);
        acknowledged.map(|delivery| delivery.identifier).collect()
    }

    /// Waits until nothing is on its way any more.
    pub async fn settled(&self, most: Duration) -> Result<(), Error> {
        let mut left = self.0.left.subscribe();
        let nothing_left = left.wait_for(|left| *left == 0);
        match tokio::time::timeout(most, nothing_left).await {
            // The sender lives as long as this handle, so the wait itself cannot fail.
            Ok(_) => Ok(()),
            Err(_elapsed) => Err(Error::Unsettled { left: *self.0.left.borrow() }),
        }
    }

    pub(crate) fn stop(&self) {
        self.state().tasks.abort_all();
    }

    /// Queues an event for every destination that wants it.
    pub(crate) fn post(&self, event: Event) {
        let mut state = self.state();
        while state.tasks.try_join_next().is_some() {}
        let wants = |to: &Registration| {
            to.events.is_empty() || to.events.iter().any(|name| name == event.name)
        };
        let wanted: Vec<Arc<Destination>> =
            state.destinations.iter().filter(|it| wants(&it.to)).map(Arc::clone).collect();
        for destination in wanted {
            self.queue(&mut state, destination, &event);
        }
    }

    fn queue(&self, state: &mut State, destination: Arc<Destination>, event: &Event) {
        let knobs = self.0.knobs.settings().webhook;
        let chance = &mut state.chance;
        let bits: u128 = chance.random();
        let identifier = format!("{bits:032x}");
        let mut body = event.body.clone();
        let updated = event.name == "jira:issue_updated";
        if updated
            && happens(chance, knobs.without_changelog)
            && let Some(members) = body.as_object_mut()
        {
            members.remove("changelog");
        }
        let share = knobs.drop.get(event.name).or_else(|| knobs.drop.get("*"));
        let dropped = happens(chance, share.copied().unwrap_or_default());
        let body = Bytes::from(body.to_string());
        let at = self.0.log.add(Delivery {
            identifier: identifier.clone(),
            event: event.name.to_owned(),
            flow: event.flow,
            issue: event.issue,
            destination: destination.to.url.clone(),
            caused_at: self.0.clock.now(),
            body: body.clone(),
            attempts: Vec::new(),
            outcome: if dropped { Outcome::Dropped } else { Outcome::Pending },
        });
        if dropped {
            return;
        }
        let mut wait = random_up_to(chance, knobs.reorder_ms);
        if event.flow == Flow::Secondary {
            wait += random_up_to(chance, knobs.secondary_delay_ms);
        }
        let sending = Sending {
            at,
            destination,
            identifier,
            flow: event.flow,
            body,
            wait: Duration::from_millis(wait),
            again: happens(chance, knobs.duplicates),
            chance: StdRng::seed_from_u64(chance.random()),
        };
        self.0.left.send_modify(|left| *left += 1);
        let inner = Arc::clone(&self.0);
        state.tasks.spawn_on(
            async move {
                sending.run(&inner).await;
                inner.left.send_modify(|left| *left = left.saturating_sub(1));
            },
            &self.0.runtime,
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_up_to(chance: &mut StdRng, most: u64) -> u64 {
    if most == 0 { 0 } else { chance.random_range(0..=most) }
}
