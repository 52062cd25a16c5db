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

fn main() -> ExitCode {
    exit::code(cli::Cli::parse().run())
}
