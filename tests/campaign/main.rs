//! The campaign: attacks the real binary in every way that the guarantees speak of, and counts.
//!
//! `cargo test --test campaign` runs the size of the gate. Settings in the environment make it
//! longer, choose sections or repeat one case; see [`plan`]. Every case is made from the seed, its
//! section and its number, so that a case that failed can be repeated alone. The campaign MUST NOT
//! accept less than the guarantees promise: a case that the program fails is a failure of the program.
//! With `JIRALAKE_CAMPAIGN_WRITE=1` it writes `docs/guarantees.md` from its own figures.

#[cfg(test)]
mod plan;
#[cfg(test)]
mod outcome;
#[cfg(test)]
mod control;
#[cfg(test)]
mod shim;
#[cfg(test)]
mod files;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod base;
#[cfg(test)]
mod program;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod workload;
#[cfg(test)]
mod sections;
#[cfg(test)]
mod guarantees;
#[cfg(test)]
mod run;
#[cfg(test)]
#[path = "../stories/tables.rs"]
#[expect(dead_code, reason = "the stories use more of it")]
mod tables;
#[cfg(test)]
#[path = "../stories/truth.rs"]
#[expect(dead_code, reason = "the stories use more of it")]
mod truth;
#[cfg(test)]
#[path = "../stories/signing.rs"]
mod signing;

#[cfg(test)]
fn main() -> std::process::ExitCode {
    run::run()
}

#[cfg(not(test))]
fn main() {}
