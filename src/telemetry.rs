//! Log lines on stderr: one per step, text or JSON. Never bodies, secrets, names or e-mail.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::settings::{Log, LogFormat};

/// Starts logging; once per process.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    // sqlx tells each statement at `debug`; that is not what a person who asks for `debug` wants.
    let filter = EnvFilter::try_new(format!("sqlx=warn,hyper=info,{}", log.level))
        .with_context(|| format!("log.level: `{}` is not a level or filter", log.level))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_timer(SystemTime).try_init(),
        LogFormat::Text => lines
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .with_timer(SystemTime)
            .try_init(),
    }
    .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
