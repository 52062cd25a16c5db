//! What an application learns of who sent a request, and what it may say of them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Extensions;

use crate::client::{Client, ClientNetwork, Route};
use crate::connections::{Activity, Connection};
use crate::proven::{ProvenClients, Standing};

/// The sender of a request, in the request's extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    standing: Standing,
    /// Where a proof is noted; absent for requests that no listener brought.
    listener: Option<(ProvenClients, Arc<Connection>)>,
}

impl Caller {
    pub(crate) fn new(client: Client, proven: &ProvenClients, connection: Arc<Connection>) -> Self {
        let standing = proven.standing(client.address.into());
        Self { client, standing, listener: Some((proven.clone(), connection)) }
    }

    /// Returns the caller of a request; a stranger that is not local if no listener brought it.
    pub fn of(extensions: &Extensions) -> Self {
        let nobody = Client {
            address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            route: Route::UnnamedProxy,
        };
        let found = extensions.get::<Self>().cloned();
        found.unwrap_or(Self { client: nobody, standing: Standing::Stranger, listener: None })
    }

    /// Returns what limits count the caller as.
    pub fn network(&self) -> ClientNetwork {
        self.client.address.into()
    }

    /// Returns what the caller may use of the pools.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Returns whether a program on this machine asks, for itself and not as a proxy.
    pub fn is_local(&self) -> bool {
        self.client.is_local()
    }

    /// Notes that the caller has proved itself: from now on the reserved parts are open to it.
    pub fn prove(&self) {
        let Some((proven, connection)) = &self.listener else { return };
        proven.prove(self.network());
        if self.client.route != Route::TrustedProxy {
            connection.proved();
        }
    }

    /// Notes that nothing is owed to the caller any more: its connection may be closed to make
    /// room, although its request is not answered.
    pub fn is_refused(&self) {
        if let Some((_, connection)) = &self.listener {
            connection.does(Activity::Closing);
        }
    }
}
