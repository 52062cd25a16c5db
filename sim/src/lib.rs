//! A simulated Jira Cloud over real HTTP: the site, its quirks, its webhooks and its outages.
//!
//! It is written from what is known of Jira's behaviour and shares no code with the client, so
//! that it cannot share the client's mistakes. Everything left to chance comes from a seed.
//! It must not be reachable from other machines: it knows no secrets worth the name.

mod error;
mod clock;
mod time;
mod json;
mod adf;
mod account;
mod knobs;
mod site;
mod http;
mod webhook;
mod callers;
mod editor;
mod control;
mod start;
pub mod generate;

pub use account::{Account, SlaAccess, TokenKind};
pub use adf::from_text as document;
pub use callers::Callers;
pub use clock::Clock;
pub use editor::{Edited, Editor};
pub use error::Error;
pub use http::Endpoint;
pub use knobs::{Failure, Fault, Knobs, PagingEdit, Settings, WebhookSettings, WhilePaging};
pub use site::{Made, NewComment, NewIssue, Site, Truth};
pub use start::{Kept, Options, Sim};
pub use time::Zone;
pub use webhook::{Attempt, Delivery, Flow, Outcome, Registration, Webhooks};
