//! `jiralake doctor`: is everything in place? Each check says what it found and what to do.
//!
//! Three answers per check: in order, not in order, could not look. Nothing is changed, but that
//! the self-test leaves one delivery without an issue in the ledger of a running `serve`.

use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, Instant as Stopwatch};

use clap::Args;
use jira::client::Client;
use jira::time::Clock;
use lake::{Recovery, RecoveryState};
use serde_json::json;

use crate::cli::Common;
use crate::config::{Config, Settings};
use crate::daemon::expiry::{self, Left};
use crate::daemon::start;
use crate::exit::Done;
use crate::report;

/// More than this between our clock and Jira's makes times in the tables misleading.
const MOST_SKEW: Duration = Duration::from_secs(30);

/// Slower than this, an fsync makes every acknowledgement slow.
const SLOW_FSYNC: Duration = Duration::from_millis(100);

const FSYNCS: usize = 5;

/// Check settings, Jira, webhook, disk and clock.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Do not send the signed self-test to the webhook address
    #[arg(long)]
    no_webhook: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    InOrder,
    Warning,
    NotInOrder,
    CouldNotLook,
}

struct Finding {
    check: &'static str,
    verdict: Verdict,
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, verdict: Verdict, text: impl Display) {
        self.0.push(Finding { check, verdict, text: text.to_string() });
    }
}

impl Doctor {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut findings = Findings::default();
        runtime.block_on(self.examine(&config.settings, &mut findings));
        tell(&config, &findings, common.json)?;
        let bad =
            findings.0.iter().filter(|finding| finding.verdict == Verdict::NotInOrder).count();
        if bad > 0 {
            anyhow::bail!("{bad} checks are not in order");
        }
        Ok(Done::All)
    }

    async fn examine(&self, settings: &Settings, findings: &mut Findings) {
        match start::check(settings) {
            Ok(()) => findings.add("settings", Verdict::InOrder, "complete"),
            Err(error) => findings.add("settings", Verdict::NotInOrder, format_args!("{error:#}")),
        }
        for weak in start::weak_secrets(settings) {
            findings.add("webhook secret", Verdict::Warning, weak);
        }
        match start::accounts(settings) {
            Ok((main, service)) => {
                examine_jira(&main, findings).await;
                examine_service(service.as_ref(), findings).await;
            }
            Err(_) => findings.add("jira", Verdict::CouldNotLook, "its settings are not complete"),
        }
        examine_tokens(settings, findings);
        if !self.no_webhook {
            examine_webhook(settings, findings).await;
        }
        examine_folders(settings, findings);
        examine_ledger(settings, findings).await;
        if settings.storage.ledger().exists() {
            examine_recovery(settings, findings).await;
        }
    }
}

/// Whether the data folder has lost something that is not here again.
async fn examine_recovery(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "data folder";
    let read = async {
        let ledger = start::existing_ledger(settings).await?;
        let read = (Recovery::of(&ledger).await?.unwrap_or_default(), ledger.counts().await?);
        ledger.close().await;
        anyhow::Ok(read)
    };
    let (recovery, counts) = match read.await {
        Ok(read) => read,
        Err(error) => {
            return findings.add(CHECK, Verdict::CouldNotLook, format_args!("{error:#}"));
        }
    };
    let Recovery { known, readable, .. } = recovery;
    let lost = counts.issues_lost;
    match recovery.state {
        RecoveryState::Held => findings.add(
            CHECK,
            Verdict::NotInOrder,
            format_args!(
                "only {readable} of {known} known issues had a readable snapshot at the last start: the \
                 rebuild waits until half of them are fetched again, or for `jiralake transform --may-shrink`"
            ),
        ),
        RecoveryState::Rebuilding => {
            findings.add(CHECK, Verdict::Warning, "the ledger is being rebuilt from the snapshots");
        }
        RecoveryState::Fetching | RecoveryState::Ok if lost > 0 => findings.add(
            CHECK,
            Verdict::Warning,
            format_args!("{lost} issues have lost a part of their copy; `serve` fetches them again"),
        ),
        RecoveryState::Fetching | RecoveryState::Ok => {
            findings.add(CHECK, Verdict::InOrder, "nothing is lost");
        }
    }
}

async fn examine_jira(client: &Client, findings: &mut Findings) {
    match client.server_info().await {
        Ok(info) => {
            let version = report::escaped(info.version.as_deref().unwrap_or("unknown"));
            findings.add("jira", Verdict::InOrder, format_args!("reached, version {version}"));
        }
        Err(error) => findings.add("jira", Verdict::NotInOrder, report::causes(&error)),
    }
    match client.identify().await {
        Ok(me) => {
            let account = report::escaped(&me.myself.account_id);
            findings.add(
                "account",
                Verdict::InOrder,
                format_args!("signed in as account {account}"),
            );
            examine_clock(me.date, findings);
        }
        Err(error) => {
            let remedy = "check jira.email and jira.api-token (tokens expire after a year at most)";
            findings.add(
                "account",
                Verdict::NotInOrder,
                format_args!("{}; {remedy}", report::causes(&error)),
            );
        }
    }
}

fn examine_clock(theirs: Option<jira::time::Instant>, findings: &mut Findings) {
    let ours = Clock::system().now();
    let Some(theirs) = theirs else {
        findings.add("clock", Verdict::CouldNotLook, "Jira's answer had no Date");
        return;
    };
    // One of the two is zero; the header has whole seconds.
    let skew = ours.since(theirs).max(theirs.since(ours)).saturating_sub(Duration::from_secs(1));
    let verdict = if skew > MOST_SKEW { Verdict::NotInOrder } else { Verdict::InOrder };
    findings.add("clock", verdict, format_args!("{} from Jira's", report::took(skew)));
}

async fn examine_service(service: Option<&Client>, findings: &mut Findings) {
    let Some(service) = service else {
        let text = "no second account is set; SLA values come with the first one's rights";
        findings.add("SLA account", Verdict::InOrder, text);
        return;
    };
    match service.identify().await {
        Ok(_) => findings.add("SLA account", Verdict::InOrder, "signed in"),
        Err(error) => {
            let remedy = "check sla.email and sla.api-token; scoped tokens need jira.cloud-id";
            findings.add(
                "SLA account",
                Verdict::NotInOrder,
                format_args!("{}; {remedy}", report::causes(&error)),
            );
        }
    }
}

/// How long the tokens are still good; a date that is none is told by the settings' check.
fn examine_tokens(settings: &Settings, findings: &mut Findings) {
    let now = Clock::system().now();
    for token in expiry::tokens(settings).unwrap_or_default() {
        let verdict = match token.left(now) {
            Left::Unknown => Verdict::CouldNotLook,
            Left::Enough(_) => Verdict::InOrder,
            Left::Few(_) | Left::Nothing => Verdict::NotInOrder,
        };
        findings.add(token.key, verdict, token.tell(now));
    }
}

/// A signed delivery that names no issue, sent to where Jira would send it.
async fn examine_webhook(settings: &Settings, findings: &mut Findings) {
    let url = start::webhook_url(settings, settings.webhook.listen);
    let body =
        json!({"webhookEvent": "jiralake_doctor", "timestamp": Clock::system().now().millis()});
    let body = body.to_string();
    let secrets = start::secrets(settings).ok();
    let Some(signature) = secrets.and_then(|secrets| secrets.sign(body.as_bytes())) else {
        findings.add("webhook", Verdict::CouldNotLook, "webhook.secret is not set");
        return;
    };
    match post(url.expose(), &signature, body).await {
        Ok(200) => {
            findings.add("webhook", Verdict::InOrder, format_args!("{url} takes signed deliveries"))
        }
        Ok(status) => {
            let text = format!("{url} answered {status}; is it this `serve`, with this secret?");
            findings.add("webhook", Verdict::NotInOrder, text);
        }
        Err(error) if error.is_connect() => {
            findings.add(
                "webhook",
                Verdict::CouldNotLook,
                format_args!("nothing listens at {url}; start `jiralake serve`"),
            );
        }
        Err(error) => {
            findings.add("webhook", Verdict::CouldNotLook, report::causes(&error.without_url()))
        }
    }
}

async fn post(url: &str, signature: &str, body: String) -> Result<u16, reqwest::Error> {
    // A provider that is installed already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()?;
    let request = client.post(url).header("X-Hub-Signature", signature);
    let answer = request.header("Content-Type", "application/json").body(body).send().await?;
    Ok(answer.status().as_u16())
}

fn examine_folders(settings: &Settings, findings: &mut Findings) {
    let storage = &settings.storage;
    let ledger = storage.ledger();
    let ledger = ledger.parent().unwrap_or(Path::new("")).to_owned();
    for (check, folder) in [
        ("raw folder", storage.raw_dir.clone()),
        ("tables folder", storage.parquet_dir.clone()),
        ("store folder", storage.store()),
        ("ledger folder", ledger),
    ] {
        let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder };
        match slowest_fsync(&folder) {
            Ok(slowest) => {
                let verdict =
                    if slowest > SLOW_FSYNC { Verdict::NotInOrder } else { Verdict::InOrder };
                let text =
                    format!("{} is writable, fsync {}", folder.display(), report::took(slowest));
                findings.add(check, verdict, text);
            }
            Err(error) => {
                findings.add(
                    check,
                    Verdict::NotInOrder,
                    format_args!("{}: {error}", folder.display()),
                );
            }
        }
    }
}

/// Damage that a start found, until the copy was compared with Jira and after that.
async fn examine_ledger(settings: &Settings, findings: &mut Findings) {
    if !settings.storage.ledger().exists() {
        return;
    }
    let damage = async {
        let ledger = start::existing_ledger(settings).await?;
        let damage = ledger.damage().await;
        ledger.close().await;
        anyhow::Ok(damage?)
    };
    match damage.await {
        Ok(None) => findings.add("ledger", Verdict::InOrder, "no damage was found"),
        Ok(Some(damage)) => {
            let found = damage.found().map(jira::time::Instant::iso).unwrap_or_default();
            let what = format!("{found}: {}", damage.kind.describe());
            match damage.reconciled() {
                Some(at) => {
                    let text = format!("{what}; compared with Jira at {}", at.iso());
                    findings.add("ledger", Verdict::InOrder, text);
                }
                None => {
                    let text = format!("{what}; `jiralake serve` compares the copy with Jira");
                    findings.add("ledger", Verdict::NotInOrder, text);
                }
            }
        }
        Err(error) => findings.add("ledger", Verdict::CouldNotLook, format!("{error:#}")),
    }
}

/// The slowest of a few durable writes; what is not there yet is tried where it would be made.
fn slowest_fsync(folder: &Path) -> std::io::Result<Duration> {
    let there = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let mut slowest = Duration::ZERO;
    for _ in 0..FSYNCS {
        let mut file = tempfile::Builder::new().prefix(".jiralake-doctor-").tempfile_in(there)?;
        std::io::Write::write_all(&mut file, &[b'x'; 4096])?;
        let began = Stopwatch::now();
        file.as_file().sync_all()?;
        slowest = slowest.max(began.elapsed());
    }
    Ok(slowest)
}

fn tell(config: &Config, findings: &Findings, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let settings: serde_json::Map<_, _> = config
            .layers
            .listing()
            .map(|(key, value, origin)| {
                (key.to_owned(), json!({"value": value, "origin": origin.to_string()}))
            })
            .collect();
        let checks: Vec<_> = findings
            .0
            .iter()
            .map(|found| json!({"check": found.check, "verdict": found.verdict.word(), "text": found.text}))
            .collect();
        report::data(json!({"settings": settings, "checks": checks}))?;
        return Ok(());
    }
    for (key, value, origin) in config.layers.listing() {
        report::data(format_args!("{key} = {}  # {origin}", report::escaped(&value)))?;
    }
    let storage = &config.settings.storage;
    report::data(format_args!(
        "-> store {}, ledger {}",
        storage.store().display(),
        storage.ledger().display()
    ))?;
    report::data("")?;
    for found in &findings.0 {
        report::data(format_args!(
            "{:<15} {:<14} {}",
            found.verdict.word(),
            found.check,
            found.text
        ))?;
    }
    Ok(())
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::InOrder => "in order",
            Self::Warning => "warning",
            Self::NotInOrder => "NOT IN ORDER",
            Self::CouldNotLook => "could not look",
        }
    }
}
