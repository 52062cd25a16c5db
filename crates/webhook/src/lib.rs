//! The door: what Jira posts comes in here, and nothing else does.
//!
//! The order is fixed, one file per step, and each step hands the next a type that proves it ran:
//! [`limit`](Limits) (size, time, number) → verify (HMAC over the raw bytes, with the
//! [`Secrets`]) → parse (only what names an issue) → record (durable in the ledger) → answer.
//!
//! What it promises: a 2xx means that the delivery is on disk; an unsigned or wrongly signed body
//! is never looked into; own trouble is a 503 and never a 4xx, since Jira does not send those
//! again; what the sender did wrong is a 4xx and never a 5xx; answers are constant texts. It never
//! waits for Jira, and no text from a body reaches a path, a URL or a log line.

mod limit;
mod secret;
mod verify;
mod record;
mod answer;
mod door;
mod health;
mod person;
mod metrics;

pub use door::{Debug, Door};
pub use limit::Limits;
pub use metrics::Metrics;
pub use secret::{NoSecret, RECOMMENDED_SECRET_BYTES, Secrets};
