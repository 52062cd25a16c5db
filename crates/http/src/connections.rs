//! The table of open connections: who gets in, and who is closed to make room.
//!
//! A newcomer never waits. If its client, the strangers together or the whole pool have reached
//! their limit, a connection without a request in flight is closed: of strangers first the idle,
//! then those that were answered, then those in mid-header, and of proven clients and proxies only
//! for one of these. A request in flight MUST NOT be cut off here. Only if nothing can be closed is
//! the newcomer refused.
//!
//! Strangers who come again as soon as they are closed would make the listener do nothing but open
//! and close. So a stranger that has several connections already gets another one at a full pool
//! at a bounded rate only, and is refused beyond it, which costs next to nothing.

mod eviction;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use self::eviction::EvictionQueue;
use crate::client::ClientNetwork;
use crate::limits::{Limits, unreserved};
use crate::metrics::{EvictionReason, ListenerMetrics, RefusalReason};
use crate::proven::Standing;
use crate::rate::RateLimit;

/// A stranger with this many connections has its share of a full pool.
const FAIR_SHARE: usize = 8;

/// How often a second connections are closed for strangers that have their share.
const CHURN_PER_SECOND: u32 = 200;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Nothing came yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// A header is arriving.
    Header,
    /// A request is in flight.
    Request,
    /// Everything is answered; the peer has to hang up.
    Closing,
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Client(Standing),
    /// It carries requests of many clients.
    TrustedProxy,
}

/// All open connections of a listener.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    metrics: ListenerMetrics,
    /// Connections that are closed for strangers that have their share.
    churn: RateLimit,
    table: Mutex<Table>,
    /// Told when a connection has ended and its descriptor is free.
    pub(crate) ended: Notify,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    /// The connections of each client, without those of proxies and those told to close.
    clients: HashMap<ClientNetwork, usize>,
    /// Connections that count, and those of them that are strangers'.
    open: usize,
    strangers: usize,
    /// What may be closed, in this order.
    queues: [EvictionQueue; 5],
    /// The number of the next connection, and of the next change.
    next: u64,
}

#[derive(Debug)]
struct Entry {
    client: ClientNetwork,
    owner: Owner,
    activity: Activity,
    /// When it came into its activity: a number that grows with each change.
    since: u64,
    /// The connection is closing and no longer counts.
    leaving: bool,
    connection: Arc<Signals>,
}

/// What the table and the connection's task say to each other without a lock.
#[derive(Debug)]
struct Signals {
    activity: AtomicU8,
    close: Notify,
}

/// One open connection; its place is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    pool: Arc<Connections>,
    number: u64,
    signals: Arc<Signals>,
}

impl Connections {
    pub(crate) fn new(limits: Limits, metrics: ListenerMetrics) -> Arc<Self> {
        let (table, ended) = (Mutex::default(), Notify::new());
        Arc::new(Self { limits, metrics, churn: RateLimit::new(CHURN_PER_SECOND), table, ended })
    }

    /// Takes a new connection in, or says why it cannot.
    pub(crate) fn admit(
        self: &Arc<Self>,
        client: ClientNetwork,
        owner: Owner,
    ) -> Result<Connection, RefusalReason> {
        let mut table = self.lock();
        let admitted = self.make_room(&mut table, client, owner);
        if let Err(reason) = admitted {
            drop(table);
            self.metrics.refused(reason);
            return Err(reason);
        }
        let number = table.tick();
        let signals = Arc::new(Signals {
            activity: AtomicU8::new(code(Activity::Fresh)),
            close: Notify::new(),
        });
        let entry = Entry {
            client,
            owner,
            activity: Activity::Fresh,
            since: number,
            leaving: false,
            connection: Arc::clone(&signals),
        };
        table.count(&entry, Count::Up);
        table.enqueue(&entry, number);
        table.entries.insert(number, entry);
        self.metrics.entered(Activity::Fresh);
        Ok(Connection { pool: Arc::clone(self), number, signals })
    }

    fn make_room(
        &self,
        table: &mut Table,
        client: ClientNetwork,
        owner: Owner,
    ) -> Result<(), RefusalReason> {
        let limits = &self.limits;
        if owner == Owner::Client(Standing::Stranger) {
            let own = table.clients.get(&client).copied().unwrap_or(0);
            let is_full = own >= limits.connections_per_client
                || table.strangers >= unreserved(limits.connections, limits.reserved_percent)
                || table.open >= limits.connections;
            if is_full && own >= FAIR_SHARE && !self.churn.admit() {
                return Err(RefusalReason::Full);
            }
            if own >= limits.connections_per_client {
                let found = table.first_of_client(client).ok_or(RefusalReason::Client)?;
                self.evict(table, found, EvictionReason::Client);
            }
            if table.strangers >= unreserved(limits.connections, limits.reserved_percent) {
                let found = table.first(Victims::Strangers).ok_or(RefusalReason::Full)?;
                self.evict(table, found, EvictionReason::Full);
            }
        }
        if table.open >= limits.connections {
            // Strangers are below their share here, so the proven have more than the reserve.
            let found = table.first(Victims::Anybody).ok_or(RefusalReason::Full)?;
            self.evict(table, found, EvictionReason::Full);
        }
        Ok(())
    }

    /// Closes up to `most` connections of strangers, because descriptors or memory are short.
    pub(crate) fn shed(&self, most: usize) -> usize {
        let mut table = self.lock();
        for done in 0..most {
            let Some(found) = table.first(Victims::Anybody) else { return done };
            self.evict(&mut table, found, EvictionReason::Descriptors);
        }
        most
    }

    fn evict(&self, table: &mut Table, number: u64, reason: EvictionReason) {
        let Some(mut entry) = table.entries.remove(&number) else { return };
        table.dequeue(&entry);
        table.count(&entry, Count::Down);
        entry.leaving = true;
        entry.connection.close.notify_one();
        table.entries.insert(number, entry);
        self.metrics.evicted(reason);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing in here can panic between two changes that belong together.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Returns what the connection is doing.
    pub(crate) fn activity(&self) -> Activity {
        activity(self.signals.activity.load(Ordering::Relaxed))
    }

    /// Notes what the connection does from now on. A request that comes on a connection that was
    /// just told to close is still served: its sender cannot know.
    pub(crate) fn does(&self, activity: Activity) {
        self.change(|entry| entry.activity = activity);
        self.signals.activity.store(code(activity), Ordering::Relaxed);
    }

    /// Notes that its client has proved itself.
    pub(crate) fn proved(&self) {
        self.change(|entry| {
            if entry.owner == Owner::Client(Standing::Stranger) {
                entry.owner = Owner::Client(Standing::Proven);
            }
        });
    }

    /// Resolves when the connection is to close, and nothing is in flight on it.
    pub(crate) async fn told_to_close(&self) {
        loop {
            self.signals.close.notified().await;
            let table = self.pool.lock();
            if table.entries.get(&self.number).is_none_or(|entry| entry.leaving) {
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let mut table = self.pool.lock();
        let Some(mut entry) = table.entries.remove(&self.number) else { return };
        let before = entry.activity;
        if !entry.leaving {
            table.dequeue(&entry);
            table.count(&entry, Count::Down);
        }
        change(&mut entry);
        if entry.activity != before {
            entry.since = table.tick();
        }
        entry.leaving &= entry.activity != Activity::Request;
        if !entry.leaving {
            table.count(&entry, Count::Up);
            table.enqueue(&entry, self.number);
        }
        let after = entry.activity;
        table.entries.insert(self.number, entry);
        drop(table);
        self.pool.metrics.left(before);
        self.pool.metrics.entered(after);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut table = self.pool.lock();
        let Some(entry) = table.entries.remove(&self.number) else { return };
        if !entry.leaving {
            table.dequeue(&entry);
            table.count(&entry, Count::Down);
        }
        drop(table);
        self.pool.metrics.left(entry.activity);
        self.pool.ended.notify_one();
    }
}

/// Whose connections may be closed.
#[derive(Debug, Clone, Copy)]
enum Victims {
    Strangers,
    /// Those of strangers first.
    Anybody,
}

#[derive(Debug, Clone, Copy)]
enum Count {
    Up,
    Down,
}

/// The queues of strangers come first.
const STRANGERS_QUEUES: usize = 3;

/// Returns the queue that a connection waits in; `None` while a request is in flight.
fn queue(entry: &Entry) -> Option<usize> {
    let is_strangers = entry.owner == Owner::Client(Standing::Stranger);
    match (entry.activity, is_strangers) {
        (Activity::Request, _) => None,
        (Activity::Fresh | Activity::Idle, true) => Some(0),
        (Activity::Closing, true) => Some(1),
        (Activity::Header, true) => Some(2),
        (Activity::Fresh | Activity::Idle | Activity::Closing, false) => Some(3),
        (Activity::Header, false) => Some(4),
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn first(&self, victims: Victims) -> Option<u64> {
        let queues = match victims {
            Victims::Strangers => STRANGERS_QUEUES,
            Victims::Anybody => self.queues.len(),
        };
        self.queues.iter().take(queues).find_map(EvictionQueue::first)
    }

    fn first_of_client(&self, client: ClientNetwork) -> Option<u64> {
        self.queues.iter().take(STRANGERS_QUEUES).find_map(|queue| queue.first_of(client))
    }

    fn enqueue(&mut self, entry: &Entry, number: u64) {
        if let Some(queue) = queue(entry).and_then(|at| self.queues.get_mut(at)) {
            queue.insert(entry.client, entry.since, number);
        }
    }

    fn dequeue(&mut self, entry: &Entry) {
        if let Some(queue) = queue(entry).and_then(|at| self.queues.get_mut(at)) {
            queue.remove(entry.client, entry.since);
        }
    }

    fn count(&mut self, entry: &Entry, change: Count) {
        let step = |count: &mut usize| match change {
            Count::Up => *count += 1,
            Count::Down => *count = count.saturating_sub(1),
        };
        step(&mut self.open);
        if entry.owner == Owner::Client(Standing::Stranger) {
            step(&mut self.strangers);
        }
        if entry.owner != Owner::TrustedProxy {
            let own = self.clients.entry(entry.client).or_default();
            step(own);
            if *own == 0 {
                self.clients.remove(&entry.client);
            }
        }
    }
}

/// All activities, in the order of their indices.
pub(crate) const ACTIVITIES: [Activity; 5] =
    [Activity::Fresh, Activity::Idle, Activity::Header, Activity::Request, Activity::Closing];

impl Activity {
    /// Returns its place in [`ACTIVITIES`].
    pub(crate) fn index(self) -> usize {
        usize::from(code(self))
    }
}

fn code(activity: Activity) -> u8 {
    match activity {
        Activity::Fresh => 0,
        Activity::Idle => 1,
        Activity::Header => 2,
        Activity::Request => 3,
        Activity::Closing => 4,
    }
}

fn activity(code: u8) -> Activity {
    ACTIVITIES.get(usize::from(code)).copied().unwrap_or(Activity::Idle)
}

#[cfg(test)]
mod tests;
