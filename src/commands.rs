//! The commands, one file each.

pub(crate) mod demo;
pub(crate) mod serve;
pub(crate) mod backfill;
pub(crate) mod sync;
pub(crate) mod sla;
pub(crate) mod attachments;
pub(crate) mod dimensions;
pub(crate) mod parked;
mod through;
pub(crate) mod check;
pub(crate) mod coverage;
pub(crate) mod fields;
pub(crate) mod projects;
mod pass;
pub(crate) mod transform;
pub(crate) mod show;
pub(crate) mod events;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod config;
pub(crate) mod sim;
pub(crate) mod completions;
