//! The ledger's rules, through its public face, on real files. `model.rs` drives it at random
//! against a simple model; the others take one rule at a time.
//!
//! `cfg(test)` tells the lints that all of it is test code, helpers too.

#[cfg(test)]
mod attachments;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod breaker;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod commit;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod known;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod model;
#[cfg(test)]
mod open;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod record;
#[cfg(test)]
mod resolve;
#[cfg(test)]
mod suspects;
#[cfg(test)]
mod work;
