//! One HTTP listener that strangers cannot fill: accept loop, limits, graceful stop.
//!
//! - A full pool MUST NOT keep anybody out while a connection without a request can be closed.
//! - Limits apply per client: an IPv4 address or an IPv6 /64, read from a header behind proxies
//!   that the settings name, and from nowhere else.
//! - A part of every pool is reserved for clients that have proved themselves. The application
//!   says who has ([`Caller::prove`]); this crate MUST NOT know how.
//! - A lack of descriptors or memory MUST NOT end the accept loop.
//! - All tables are bounded, and their hashes are keyed at random.

mod limits;
mod client;
mod proven;
mod caller;
mod connections;
mod places;
mod pace;
mod serving;
mod listener;
mod health;
mod metrics;
mod seldom;
mod rate;
pub mod descriptors;

pub use caller::Caller;
pub use client::{ClientNetwork, ProxyError, TrustedProxies};
pub use health::in_places_of_their_own;
pub use limits::Limits;
pub use listener::{Listener, bind};
pub use metrics::Metrics;
pub use pace::MinimumRate;
pub use places::{Full, Place, PlaceLimits, Places};
pub use proven::Standing;
pub use rate::RateLimit;
pub use seldom::SeldomLog;
