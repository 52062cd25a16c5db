//! `jiralake serve`: the daemon until SIGTERM or Ctrl-C.

use std::net::SocketAddr;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use webhook::Debug;

use crate::cli::Common;
use crate::config::Config;
use crate::daemon::{self, notify, start};
use crate::exit::Done;
use crate::{report, telemetry};

/// Follow a Jira Cloud site.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where the door listens [default: webhook.listen]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Also answer POST /webhooks/jira/test, which takes an issue key unsigned
    #[arg(long)]
    debug: bool,
}

impl Serve {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let flags: Vec<_> =
            self.listen.into_iter().map(|listen| ("webhook.listen", listen)).collect();
        let config = common.load(&flags)?;
        telemetry::start(&config.settings.log)?;
        let debug = if self.debug { Debug::On } else { Debug::Off };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ended = runtime.block_on(serve(&config, debug));
        // A rebuild that was cut off may still be on a thread of its own.
        runtime.shutdown_background();
        ended
    }
}

async fn serve(config: &Config, debug: Debug) -> anyhow::Result<Done> {
    // First of all: whoever reads "listening" may ask for the end at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let opening = daemon::begin(&config.settings, debug, "jiralake serve").await?;
    // The door listens. If space for the ledger is waited for, a new start by the manager would not
    // help: it is told "ready" and "alive", and `/readyz` tells the rest.
    notify::ready();
    let waits = tokio::spawn(notify::alive(|| true));
    welcome(config, opening.address);
    let mut daemon = tokio::select! {
        daemon = opening.finish() => daemon?,
        stopped = told_to_stop(&mut terminate) => {
            stopped?;
            notify::stopping();
            return Ok(Done::All);
        }
    };
    waits.abort();
    let alive = tokio::spawn(notify::alive(daemon.pulse()));
    let broken = tokio::select! {
        stopped = told_to_stop(&mut terminate) => { stopped?; None }
        broken = daemon.broken() => Some(broken),
    };
    if let Some(broken) = broken {
        return Err(broken);
    }
    notify::stopping();
    daemon.stop().await?;
    alive.abort();
    Ok(Done::All)
}

/// Resolves at SIGTERM or Ctrl-C.
async fn told_to_stop(terminate: &mut Signal) -> std::io::Result<()> {
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}

/// What a person needs to finish the set-up. The secret itself is printed by `config webhook`
/// alone: this here ends up in log files.
fn welcome(config: &Config, address: SocketAddr) {
    let settings = &config.settings;
    let secret =
        config.layers.origin("webhook.secret").map(ToString::to_string).unwrap_or_default();
    report::talk(format_args!("listening on {address}"));
    report::talk(format_args!("tables in    {}", settings.storage.parquet_dir.display()));
    report::talk("In Jira: Settings > System > WebHooks > Create a WebHook, and paste");
    report::talk(format_args!("  URL     {}", start::webhook_url(settings, address)));
    report::talk(format_args!(
        "  Secret  the one from: {secret} (`jiralake config webhook` prints it)"
    ));
}
