//! Stories: the real binary against the simulated Jira over HTTP, each read back from Parquet.
//!
//! A story builds a [`world::World`], lets people edit the simulated site, lets things go wrong, and
//! compares the tables with what the site says is true. Every world checks at its end that Jira was
//! asked nothing that it does not know.

#[cfg(test)]
mod world;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod catching_up;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod dimensions;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod check;
#[cfg(test)]
mod overview;
#[cfg(test)]
mod attachments;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod large;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod known_bugs;
#[cfg(test)]
mod start;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod service;
#[cfg(test)]
mod real_data;
#[cfg(test)]
mod duckdb;
#[cfg(test)]
#[path = "faults/full_disk.rs"]
mod full_disk;
#[cfg(test)]
#[path = "faults/output.rs"]
mod output;
#[cfg(test)]
#[path = "faults/access.rs"]
mod access;
#[cfg(test)]
#[path = "faults/descriptors.rs"]
mod descriptors;
#[cfg(test)]
#[path = "faults/deaths.rs"]
mod deaths;
#[cfg(test)]
#[path = "faults/ledger_damage.rs"]
mod ledger_damage;
#[cfg(test)]
#[path = "faults/damage.rs"]
mod damage;
