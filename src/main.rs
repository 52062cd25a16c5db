//! The program: parses the call, resolves the settings, runs the command, maps errors to exit codes.

mod cli;
mod config;
mod telemetry;
mod report;
mod exit;
mod daemon;
mod commands;

use std::process::ExitCode;

use clap::Parser;

/// Gives back what a burst took: the system's allocator keeps it, in an arena for each thread.
/// Tests have one that counts.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(call) => exit::code(call.run()),
        Err(message) => exit::unparsed(&message),
    }
}
