//! Places for requests in flight and the bytes that they hold: bounded in all and per client, with
//! a reserve for clients that have proved themselves.
//!
//! Nobody waits for a place. When there is none, the oldest request that may be given up (its body
//! is still arriving, so nothing is proven and nothing done) makes room for the newcomer: of the
//! same client, of all strangers, or of everybody, by which limit is reached. It hears of it by
//! [`Place::revoked`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::caller::Caller;
use crate::client::ClientNetwork;
use crate::limits::unreserved;
use crate::proven::Standing;

/// The bounds of [`Places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceLimits {
    /// Requests in flight.
    pub requests: usize,
    /// Bytes that all of them hold.
    pub bytes: usize,
    /// Requests in flight of one client that has not proved itself.
    pub requests_per_client: usize,
    /// Bytes that these hold.
    pub bytes_per_client: usize,
    /// The share of requests and bytes that only proven clients may use.
    pub reserved_percent: usize,
}

/// There is no room, and nobody can make any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no place is free")]
pub struct Full;

/// Places for requests in flight; cheap to clone.
#[derive(Debug, Clone)]
pub struct Places {
    limits: PlaceLimits,
    holders: Arc<Mutex<Holders>>,
}

/// One request's place and bytes, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    number: u64,
    revoked: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Holders {
    /// Oldest first.
    places: BTreeMap<u64, Holder>,
    all: Usage,
    strangers: Usage,
    clients: HashMap<ClientNetwork, Usage>,
    next: u64,
}

#[derive(Debug)]
struct Holder {
    client: ClientNetwork,
    standing: Standing,
    bytes: usize,
    /// The place may be given to somebody else.
    revocable: bool,
    revoked: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    requests: usize,
    bytes: usize,
}

/// Whose places a limit counts.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Client(ClientNetwork),
    Strangers,
    All,
}

impl Places {
    /// Makes empty places.
    pub fn new(limits: PlaceLimits) -> Self {
        Self { limits, holders: Arc::default() }
    }

    /// Takes a place for a request of `caller`. It may be revoked until [`Place::keep`].
    pub fn take(&self, caller: &Caller) -> Result<Place, Full> {
        self.take_for(caller.network(), caller.standing())
    }

    pub(crate) fn take_for(
        &self,
        client: ClientNetwork,
        standing: Standing,
    ) -> Result<Place, Full> {
        let mut holders = self.lock();
        let number = holders.next;
        holders.next += 1;
        let add = Usage { requests: 1, bytes: 0 };
        self.make_room(&mut holders, (client, standing), add, number)?;
        let revoked = Arc::new(Notify::new());
        let holder =
            Holder { client, standing, bytes: 0, revocable: true, revoked: Arc::clone(&revoked) };
        holders.add(&holder, add);
        holders.places.insert(number, holder);
        drop(holders);
        Ok(Place { places: self.clone(), number, revoked })
    }

    /// Revokes places until `add` fits into every limit of the newcomer `number`.
    fn make_room(
        &self,
        holders: &mut Holders,
        (client, standing): (ClientNetwork, Standing),
        add: Usage,
        number: u64,
    ) -> Result<(), Full> {
        let limits = &self.limits;
        let percent = limits.reserved_percent;
        let all = Usage { requests: limits.requests, bytes: limits.bytes };
        let strangers = Usage {
            requests: unreserved(limits.requests, percent),
            bytes: unreserved(limits.bytes, percent),
        };
        let own = Usage { requests: limits.requests_per_client, bytes: limits.bytes_per_client };
        let scopes =
            [(Scope::Client(client), own), (Scope::Strangers, strangers), (Scope::All, all)];
        let skip = if standing == Standing::Proven { 2 } else { 0 };
        for (scope, limit) in scopes.into_iter().skip(skip) {
            if add.requests > limit.requests || add.bytes > limit.bytes {
                return Err(Full);
            }
            loop {
                let used = holders.used(scope);
                let requests = used.requests + add.requests > limit.requests;
                if !requests && used.bytes.saturating_add(add.bytes) <= limit.bytes {
                    break;
                }
                let oldest = holders.oldest(scope, standing, |at, holder| {
                    at != number && (requests || holder.bytes > 0)
                });
                holders.revoke(oldest.ok_or(Full)?);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Holders> {
        // Nothing in here can panic between two changes that belong together.
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Adds `bytes` to what the request holds.
    pub fn grow(&self, bytes: usize) -> Result<(), Full> {
        let mut holders = self.places.lock();
        let holder = holders.places.get(&self.number).ok_or(Full)?;
        let who = (holder.client, holder.standing);
        let add = Usage { requests: 0, bytes };
        self.places.make_room(&mut holders, who, add, self.number)?;
        let Some(mut holder) = holders.places.remove(&self.number) else { return Err(Full) };
        holder.bytes += bytes;
        holders.add(&holder, add);
        holders.places.insert(self.number, holder);
        Ok(())
    }

    /// Resolves when the place was given to somebody else.
    pub async fn revoked(&self) {
        self.revoked.notified().await;
    }

    /// Keeps the place to the end of the request; fails if it is somebody else's already.
    pub fn keep(&self) -> Result<(), Full> {
        let mut holders = self.places.lock();
        let holder = holders.places.get_mut(&self.number).ok_or(Full)?;
        holder.revocable = false;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().free(self.number);
    }
}

impl Holders {
    fn used(&self, scope: Scope) -> Usage {
        match scope {
            Scope::Client(client) => self.clients.get(&client).copied().unwrap_or_default(),
            Scope::Strangers => self.strangers,
            Scope::All => self.all,
        }
    }

    /// Returns the oldest revocable place of a scope. A proven newcomer takes from strangers first,
    /// and a stranger from nobody else.
    fn oldest(
        &self,
        scope: Scope,
        newcomer: Standing,
        fits: impl Fn(u64, &Holder) -> bool,
    ) -> Option<u64> {
        let of = |standing: Standing| {
            let found = self.places.iter().find(|(number, holder)| {
                holder.revocable
                    && holder.standing == standing
                    && match scope {
                        Scope::Client(client) => holder.client == client,
                        Scope::Strangers | Scope::All => true,
                    }
                    && fits(**number, holder)
            });
            found.map(|(number, _)| *number)
        };
        of(Standing::Stranger).or_else(|| match newcomer {
            Standing::Stranger => None,
            Standing::Proven => of(Standing::Proven),
        })
    }

    fn revoke(&mut self, number: u64) {
        if let Some(holder) = self.free(number) {
            holder.revoked.notify_one();
        }
    }

    fn free(&mut self, number: u64) -> Option<Holder> {
        let holder = self.places.remove(&number)?;
        let subtract = |usage: &mut Usage| {
            usage.requests = usage.requests.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(holder.bytes);
        };
        subtract(&mut self.all);
        if holder.standing == Standing::Stranger {
            subtract(&mut self.strangers);
        }
        if let Some(own) = self.clients.get_mut(&holder.client) {
            subtract(own);
            if own.requests == 0 {
                self.clients.remove(&holder.client);
            }
        }
        Some(holder)
    }

    fn add(&mut self, holder: &Holder, add: Usage) {
        let plus = |usage: &mut Usage| {
            usage.requests += add.requests;
            usage.bytes += add.bytes;
        };
        plus(&mut self.all);
        if holder.standing == Standing::Stranger {
            plus(&mut self.strangers);
        }
        plus(self.clients.entry(holder.client).or_default());
    }
}

#[cfg(test)]
mod tests;
