//! `jiralake sim`: the simulated Jira Cloud by itself, and its corpus generator.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use sim::generate::{self, Generator};

use crate::exit::Done;
use crate::report;

/// A simulated Jira Cloud over HTTP.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    site: Site,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write raw snapshots of generated tickets to a folder
    Generate(Generate),
}

#[derive(Debug, Args)]
struct Site {
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8099")]
    listen: SocketAddr,
    /// Tickets in it
    #[arg(long, default_value_t = 400)]
    issues: u32,
    /// The same seed makes the same site
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Load the issues of this JSONL file instead, one issue a line
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Send webhooks here …
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// … signed with this secret
    #[arg(long, value_name = "SECRET", env = "JIRA_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

#[derive(Debug, Args)]
struct Generate {
    /// How many tickets
    #[arg(long)]
    issues: u32,
    /// The same seed makes the same tickets
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        match self.what {
            Some(What::Generate(corpus)) => corpus.write(),
            None => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(self.site.serve())
            }
        }
    }
}

impl Site {
    async fn serve(self) -> anyhow::Result<Done> {
        let issues = if self.load.is_some() { 0 } else { self.issues };
        let options =
            sim::Options { issues, seed: self.seed, addr: self.listen, ..sim::Options::default() };
        let sim = sim::Sim::start(options).await.context("cannot start the simulator")?;
        if let Some(path) = &self.load {
            let file = std::fs::File::open(path)
                .with_context(|| format!("cannot open {}", path.display()))?;
            let count = sim.site().load_jsonl(std::io::BufReader::new(file))?;
            report::talk(format_args!("loaded {count} issues"));
        }
        if let Some(url) = &self.webhook {
            sim.webhooks().register(url, self.secret.as_deref());
        }
        let (main, service) = (sim.main_account(), sim.service_account());
        let main = main.context("the simulator has no account")?;
        let service = service.context("the simulator has no service account")?;
        report::data(json!({
            "url": sim.url(), "media_url": sim.media_url(), "cloud_id": sim.cloud_id(),
            "email": main.email, "token": main.token,
            "sla_email": service.email, "sla_token": service.token,
        }))?;
        report::talk("simulating; control it below /_sim/; Ctrl-C ends it");
        tokio::signal::ctrl_c().await?;
        sim.stop();
        Ok(Done::All)
    }
}

impl Generate {
    fn write(self) -> anyhow::Result<Done> {
        let options = generate::Options {
            issues: self.issues,
            seed: self.seed,
            ..generate::Options::default()
        };
        let bar = report::progress(u64::from(self.issues), "writing");
        let corpus = generate::write_corpus(&Generator::new(options), &self.out, &mut |done| {
            bar.set_position(u64::from(done));
        })?;
        bar.finish_and_clear();
        report::talk(format_args!(
            "{} files, {} bytes in {}",
            corpus.files,
            corpus.bytes,
            self.out.display()
        ));
        Ok(Done::All)
    }
}
