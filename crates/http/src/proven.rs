//! The clients that have proved themselves lately. Only the application adds to it, after a proof;
//! strangers can neither enter nor push others out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::ClientNetwork;

/// The clients that are remembered; the one whose proof is the oldest leaves first.
const MOST_CLIENTS: usize = 1024;

/// How long a proof counts: longer than a quiet night.
const PROOF_LASTS: Duration = Duration::from_secs(24 * 3600);

/// What a client may use of the pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What is not reserved, up to the limits per client.
    Stranger,
    /// Everything.
    Proven,
}

/// The clients with a proof, shared by everybody who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProvenClients(Arc<Mutex<Proofs>>);

#[derive(Debug, Default)]
struct Proofs {
    /// The time of the last proof, and its number in `order`.
    clients: HashMap<ClientNetwork, (Instant, u64)>,
    /// Clients by the number of their last proof: the oldest first.
    order: BTreeMap<u64, ClientNetwork>,
    /// The number of the next proof.
    next: u64,
}

impl ProvenClients {
    /// Notes a proof of now.
    pub(crate) fn prove(&self, client: ClientNetwork) {
        let mut proofs = self.lock();
        let number = proofs.next;
        proofs.next += 1;
        if let Some((_, earlier)) = proofs.clients.insert(client, (Instant::now(), number)) {
            proofs.order.remove(&earlier);
        }
        proofs.order.insert(number, client);
        if proofs.clients.len() > MOST_CLIENTS
            && let Some((_, oldest)) = proofs.order.pop_first()
        {
            proofs.clients.remove(&oldest);
        }
    }

    /// Returns what `client` may use now.
    pub(crate) fn standing(&self, client: ClientNetwork) -> Standing {
        match self.lock().clients.get(&client) {
            Some((at, _)) if at.elapsed() < PROOF_LASTS => Standing::Proven,
            _ => Standing::Stranger,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Proofs> {
        // Nothing in here can panic between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn client(number: usize) -> ClientNetwork {
        IpAddr::from(Ipv4Addr::from_bits(u32::try_from(number).unwrap())).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_proof_counts_for_a_day() {
        let proven = ProvenClients::default();
        assert_eq!(proven.standing(client(1)), Standing::Stranger);
        proven.prove(client(1));
        assert_eq!(proven.standing(client(1)), Standing::Proven);
        assert_eq!(proven.standing(client(2)), Standing::Stranger);
        tokio::time::advance(PROOF_LASTS - Duration::from_secs(1)).await;
        assert_eq!(proven.standing(client(1)), Standing::Proven);
        proven.prove(client(1));
        tokio::time::advance(PROOF_LASTS - Duration::from_secs(1)).await;
        assert_eq!(proven.standing(client(1)), Standing::Proven);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(proven.standing(client(1)), Standing::Stranger);
    }

    #[tokio::test]
    async fn the_oldest_proof_leaves_when_there_are_too_many() {
        let proven = ProvenClients::default();
        for number in 0..MOST_CLIENTS {
            proven.prove(client(number));
        }
        proven.prove(client(0));
        proven.prove(client(MOST_CLIENTS));
        let standing = |number| proven.standing(client(number));
        assert_eq!((standing(0), standing(1)), (Standing::Proven, Standing::Stranger));
        assert_eq!((standing(2), standing(MOST_CLIENTS)), (Standing::Proven, Standing::Proven));
        let proofs = proven.lock();
        assert_eq!((proofs.clients.len(), proofs.order.len()), (MOST_CLIENTS, MOST_CLIENTS));
    }
}
