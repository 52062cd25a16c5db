//! The windows: read-only HTTP beside the door. Today health and metrics; files, SQL, agents and the
//! dashboard come here.
//!
//! Must not write anything, reach Jira, or say anything of a body or a secret.

pub mod health;
pub mod metrics;
