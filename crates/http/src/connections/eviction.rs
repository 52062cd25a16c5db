//! Which connection to close first: the oldest of the client that has the most.
//!
//! Every change costs a logarithm, so that a flood of connections cannot make it dear.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::client::ClientNetwork;

/// Connections that may be closed to make room.
#[derive(Debug, Default)]
pub(crate) struct EvictionQueue {
    /// Of each client, its connections by the moment they came here; moments are unique.
    clients: HashMap<ClientNetwork, BTreeMap<u64, u64>>,
    /// Clients by how many they have, ties by the oldest.
    ranking: BTreeSet<(usize, Reverse<u64>, ClientNetwork)>,
}

impl EvictionQueue {
    /// Adds a connection; `since` orders it among the others.
    pub(crate) fn insert(&mut self, client: ClientNetwork, since: u64, connection: u64) {
        self.change(client, |own| {
            own.insert(since, connection);
        });
    }

    /// Removes a connection.
    pub(crate) fn remove(&mut self, client: ClientNetwork, since: u64) {
        self.change(client, |own| {
            own.remove(&since);
        });
    }

    /// Returns the connection to close first.
    pub(crate) fn first(&self) -> Option<u64> {
        let (_, _, client) = self.ranking.last()?;
        self.first_of(*client)
    }

    /// Returns the connection of `client` to close first.
    pub(crate) fn first_of(&self, client: ClientNetwork) -> Option<u64> {
        self.clients.get(&client)?.first_key_value().map(|(_, connection)| *connection)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.ranking.len(), self.clients.len());
        self.clients.values().map(BTreeMap::len).sum()
    }

    fn change(&mut self, client: ClientNetwork, change: impl FnOnce(&mut BTreeMap<u64, u64>)) {
        let own = self.clients.entry(client).or_default();
        if let Some(place) = place(client, own) {
            self.ranking.remove(&place);
        }
        change(own);
        match place(client, own) {
            Some(place) => {
                self.ranking.insert(place);
            }
            None => {
                self.clients.remove(&client);
            }
        }
    }
}

/// Returns a client's place in the ranking; `None` without connections.
fn place(
    client: ClientNetwork,
    own: &BTreeMap<u64, u64>,
) -> Option<(usize, Reverse<u64>, ClientNetwork)> {
    let (oldest, _) = own.first_key_value()?;
    Some((own.len(), Reverse(*oldest), client))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn client(number: u8) -> ClientNetwork {
        IpAddr::from(Ipv4Addr::new(10, 0, 0, number)).into()
    }

    #[test]
    fn the_client_with_the_most_loses_its_oldest_and_ties_go_to_the_oldest() {
        let mut queue = EvictionQueue::default();
        for (since, of) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 3)] {
            queue.insert(client(of), since, since * 10);
        }
        assert_eq!((queue.first(), queue.first_of(client(2))), (Some(40), Some(20)));
        let mut order = Vec::new();
        while let Some(connection) = queue.first() {
            order.push(connection);
            let since = connection / 10;
            let of = [0, 1, 2, 2, 3, 3, 3][usize::try_from(since).unwrap()];
            queue.remove(client(of), since);
        }
        assert_eq!(order, [40, 20, 50, 10, 30, 60]);
        assert!(queue.clients.is_empty() && queue.ranking.is_empty());
        assert_eq!(queue.first_of(client(1)), None);
    }
}
