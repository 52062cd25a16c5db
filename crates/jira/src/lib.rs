//! What Jira is, as types: ids, time, events and payload shapes; and, behind the feature `client`,
//! the only code that talks to it.
//!
//! Without the feature the crate has no network, clock or disk: the other crates depend on that
//! form, so that a pure mapping stays pure.

pub mod event;
pub mod id;
pub mod time;
pub mod payload;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod pace;
#[cfg(feature = "client")]
pub mod page;
