//! `jiralake completions SHELL`.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;

use crate::cli;
use crate::exit::Done;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli::definition(), "jiralake", &mut script);
        let mut output = io::stdout().lock();
        output.write_all(&script)?;
        output.flush()?;
        Ok(Done::All)
    }
}
