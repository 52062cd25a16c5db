//! The line in which requests wait for their turn. Pure: the time is an argument, and nothing here
//! waits.
//!
//! The line is ordered by urgency, then by arrival. [`Line::grant`] goes through it from the front
//! and gives each request a token of its bucket and a place of its account, if both are there; one
//! that lacks either keeps its token reserved, so that nobody behind it takes it. It has to run
//! whenever something may have changed: it wakes those whose turn or whose waiting time changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::bucket::Bucket;
use super::pause::{Pause, Throttle};
use super::{AccountId, Ask, EndpointState, Kind, Priority, Rates, State};
use crate::client::Scope;

/// One that has waited for too long waits this long before it comes again.
const STARVED: Duration = Duration::from_secs(5);

/// A place in the line: urgency, then arrival. Never given twice.
pub(super) type Turn = (Priority, u64);

/// All that the pace knows.
#[derive(Debug)]
pub(super) struct Line {
    rates: Rates,
    /// The pause of everything.
    everything: Pause,
    lanes: HashMap<Kind, Lane>,
    accounts: Vec<Account>,
    waiting: BTreeMap<Turn, Waiter>,
    /// Those whose turn has come and who have not noticed yet.
    granted: HashMap<Turn, Waiter>,
    /// The number of the next arrival.
    next: u64,
    held_back: u64,
}

/// One endpoint and method.
#[derive(Debug)]
struct Lane {
    bucket: Bucket,
    pause: Pause,
    sent: u64,
    throttled: u64,
}

/// The requests of one account that are in flight.
#[derive(Debug)]
struct Account {
    name: Box<str>,
    in_flight: usize,
    /// Those of them that are for the backfill.
    backfill: usize,
}

#[derive(Debug)]
struct Waiter {
    ask: Ask,
    entered: Duration,
    wake: Arc<Notify>,
}

/// How a request stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be sent now.
    Granted,
    /// It will not be sent.
    Refused { wait: Duration, scope: Scope },
    /// It has to ask again when it is woken, or at this time.
    Waits { until: Duration },
}

impl Line {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            rates,
            everything: Pause::default(),
            lanes: HashMap::new(),
            accounts: Vec::new(),
            waiting: BTreeMap::new(),
            granted: HashMap::new(),
            next: 0,
            held_back: 0,
        }
    }

    pub(super) fn account(&mut self, name: &str) -> AccountId {
        let known = self.accounts.iter().position(|account| &*account.name == name);
        AccountId(known.unwrap_or_else(|| {
            self.accounts.push(Account { name: name.into(), in_flight: 0, backfill: 0 });
            self.accounts.len().saturating_sub(1)
        }))
    }

    /// Joins the line.
    pub(super) fn enter(&mut self, ask: Ask, wake: Arc<Notify>, now: Duration) -> Turn {
        let turn = (ask.priority, self.next);
        self.next = self.next.saturating_add(1);
        let bucket = || self.rates.bucket(&ask.kind);
        self.lanes.entry(ask.kind.clone()).or_insert_with(|| Lane {
            bucket: bucket(),
            pause: Pause::default(),
            sent: 0,
            throttled: 0,
        });
        self.waiting.insert(turn, Waiter { ask, entered: now, wake });
        self.grant(now);
        turn
    }

    /// How the request with this turn stands. One that is granted counts as sent from now on.
    pub(super) fn standing(&mut self, ask: &Ask, turn: Turn, now: Duration) -> Standing {
        let pause = self.pause(&ask.kind, now);
        if let Some(waiter) = self.granted.remove(&turn) {
            if pause.is_none() {
                if let Some(lane) = self.lanes.get_mut(&ask.kind) {
                    lane.sent = lane.sent.saturating_add(1);
                }
                return Standing::Granted;
            }
            // A pause has begun between its turn and now: its place in the line is still its own.
            self.waiting.insert(turn, waiter);
            self.take_back(ask);
            self.grant(now);
        }
        let Some(waiter) = self.waiting.get(&turn) else {
            return Standing::Refused { wait: STARVED, scope: Scope::Issue };
        };
        let deadline = waiter.entered.saturating_add(self.rates.longest_wait);
        let refused = match pause {
            Some((until, scope)) if until > waiter.entered.saturating_add(self.rates.patience) => {
                Some((until.saturating_sub(now), scope))
            }
            // Its own bad luck, and nobody else's pause.
            _ if now >= deadline => Some((STARVED, Scope::Issue)),
            _ => None,
        };
        if let Some((wait, scope)) = refused {
            self.held_back = self.held_back.saturating_add(1);
            return Standing::Refused { wait, scope };
        }
        let ahead = self.waiting.range(..turn).filter(|(_, other)| other.ask.kind == ask.kind);
        let tokens = u32::try_from(ahead.count()).unwrap_or(u32::MAX).saturating_add(1);
        let token = self.lanes.get(&ask.kind).map(|lane| lane.bucket.ready_at(tokens));
        let next = token.max(pause.map(|(until, _)| until)).filter(|next| *next > now);
        // With a token and without a pause it is a place that is missing: its end wakes.
        Standing::Waits { until: next.map_or(deadline, |next| next.min(deadline)) }
    }

    /// Gives out what there is.
    pub(super) fn grant(&mut self, now: Duration) {
        if self.everything.until(now).is_some() {
            return;
        }
        let mut reserved: HashMap<Kind, u32> = HashMap::new();
        let mut granted: Vec<Turn> = Vec::new();
        for (turn, waiter) in &self.waiting {
            let Ask { kind, account, priority } = &waiter.ask;
            let Some(lane) = self.lanes.get_mut(kind) else { continue };
            let Some(account) = self.accounts.get_mut(account.0) else { continue };
            let reserved = reserved.entry(kind.clone()).or_insert(0);
            let token = lane.bucket.has(reserved.saturating_add(1), now);
            if token && lane.pause.until(now).is_none() && account.has_room(*priority, &self.rates)
            {
                lane.bucket.take(now);
                account.take(*priority);
                granted.push(*turn);
            } else {
                *reserved = reserved.saturating_add(1);
            }
        }
        for turn in granted {
            if let Some(waiter) = self.waiting.remove(&turn) {
                waiter.wake.notify_one();
                self.wake_lane(&waiter.ask.kind);
                self.granted.insert(turn, waiter);
            }
        }
    }

    /// Leaves without having been sent; what was granted meanwhile goes back.
    pub(super) fn leave(&mut self, ask: &Ask, turn: Turn, now: Duration) {
        self.waiting.remove(&turn);
        if self.granted.remove(&turn).is_some() {
            self.take_back(ask);
        }
        self.wake_lane(&ask.kind);
        self.grant(now);
    }

    /// A request that was sent is over.
    pub(super) fn release(&mut self, ask: &Ask, now: Duration) {
        if let Some(account) = self.accounts.get_mut(ask.account.0) {
            account.release(ask.priority);
        }
        self.grant(now);
    }

    /// A request was throttled.
    pub(super) fn throttled(&mut self, kind: &Kind, scope: Scope, told: Throttle) {
        let Some(lane) = self.lanes.get_mut(kind) else { return };
        lane.throttled = lane.throttled.saturating_add(1);
        match scope {
            Scope::Everything => self.everything.throttle(told),
            Scope::Endpoint => {
                lane.pause.throttle(told);
                lane.bucket.drain_until(told.now.saturating_add(lane.pause.left(told.now)));
            }
            // The caller's to wait for.
            Scope::Issue => return,
        }
        for waiter in self.waiting.values() {
            waiter.wake.notify_one();
        }
    }

    /// A request was answered as it should be.
    pub(super) fn answered(&mut self, kind: &Kind, sent_at: Duration) {
        self.everything.succeed(sent_at);
        if let Some(lane) = self.lanes.get_mut(kind) {
            lane.pause.succeed(sent_at);
        }
    }

    pub(super) fn state(&self, now: Duration) -> State {
        let endpoints = self.lanes.iter().map(|((name, method), lane)| EndpointState {
            name,
            method: method.to_string(),
            paused: lane.pause.left(now),
            sent: lane.sent,
            throttled: lane.throttled,
        });
        let mut endpoints: Vec<_> = endpoints.collect();
        endpoints.sort();
        State {
            paused: self.everything.left(now),
            in_flight: self.accounts.iter().map(|account| account.in_flight).sum(),
            waiting: self.waiting.len(),
            held_back: self.held_back,
            endpoints,
        }
    }

    /// The pause that a request is under and what it is about; of two the longer one.
    fn pause(&self, kind: &Kind, now: Duration) -> Option<(Duration, Scope)> {
        let everything = self.everything.until(now).map(|until| (until, Scope::Everything));
        let lane = self.lanes.get(kind).and_then(|lane| lane.pause.until(now));
        let lane = lane.map(|until| (until, Scope::Endpoint));
        everything.into_iter().chain(lane).max_by_key(|(until, _)| *until)
    }

    fn take_back(&mut self, ask: &Ask) {
        if let Some(lane) = self.lanes.get_mut(&ask.kind) {
            lane.bucket.put_back();
        }
        if let Some(account) = self.accounts.get_mut(ask.account.0) {
            account.release(ask.priority);
        }
    }

    /// Tokens went or came: those who wait for one have to count anew.
    fn wake_lane(&self, kind: &Kind) {
        for waiter in self.waiting.values().filter(|waiter| waiter.ask.kind == *kind) {
            waiter.wake.notify_one();
        }
    }
}

impl Account {
    fn has_room(&self, priority: Priority, rates: &Rates) -> bool {
        let room = self.in_flight < rates.in_flight.max(1);
        match priority {
            Priority::Backfill => room && self.backfill < rates.open_to_backfill(),
            Priority::Webhook | Priority::Person | Priority::Sla | Priority::Sweep => room,
        }
    }

    fn take(&mut self, priority: Priority) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.backfill = self.backfill.saturating_add(usize::from(priority == Priority::Backfill));
    }

    fn release(&mut self, priority: Priority) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.backfill = self.backfill.saturating_sub(usize::from(priority == Priority::Backfill));
    }
}
