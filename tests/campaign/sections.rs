//! The sections of the campaign: one kind of attack each.

mod clients;
mod clocks;
mod damage;
mod disks;
mod jira;
mod kills;
mod lost_parts;
mod requests;
mod sites;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::base::Base;
use crate::outcome::Outcome;

pub(crate) use sites::rewrite as rewrite_sites;

/// One kind of attack.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// The attack in words, for the page of guarantees.
    pub(crate) attack: &'static str,
    /// The guarantees that it attacks.
    pub(crate) promises: &'static [&'static str],
    /// Returns the number of cases in this run.
    pub(crate) size: fn(&Base) -> u32,
    /// Runs one case.
    pub(crate) case: fn(Arc<Base>, u32) -> BoxFuture<'static, Outcome>,
}

/// All sections, in the order in which they run.
pub(crate) const ALL: &[Section] = &[
    kills::SECTION,
    sites::SITES,
    sites::POINTS,
    sites::ERRORS,
    disks::SECTION,
    clocks::SECTION,
    damage::SECTION,
    lost_parts::SECTION,
    jira::SECTION,
    requests::SECTION,
    clients::SECTION,
];
