//! From settings to handles: what is missing or does not fit stops the start, with the setting and
//! the remedy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use http::{MinimumRate, TrustedProxies};
use jira::client::{Account, BaseUrl, Client, Limits as ClientLimits, MediaHosts};
use jira::id::IssueKey;
use jira::pace::{Pace, Priority, Rates};
use jira::time::Clock;
use lake::{Lake, Layout, Raw, Style};
use ledger::{Ledger, WaitBounds};
use reconcile::attachments::Bounds;
use reconcile::dimensions::{Details, Dimensions};
use reconcile::look::Limits as LoopLimits;
use reconcile::policy::BackOff;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;
use transform::FieldMap;
use webhook::{Limits as DoorLimits, NoSecret, Secrets};

use crate::config::Settings;
use crate::config::settings::LayoutStyle;
use crate::config::url::{UrlSetting, redacted, shown};
use crate::daemon::expiry;
use crate::exit::Usage;

/// Between two tries while the disk is full.
const LONGEST_SHORTAGE_WAIT: Duration = Duration::from_secs(10);

/// Whether `serve` could start.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    secrets(settings)?;
    let (main, service) = accounts(settings)?;
    let wants_details = !settings.dimensions.organization_details.is_empty();
    if wants_details && details_account((&main, service.as_ref())).is_none() {
        let text = "dimensions.organization-details needs an account behind the gateway: set \
                    jira.cloud-id with [sla] or with jira.gateway = true";
        return Err(Usage(text.to_owned()).into());
    }
    expiry::tokens(settings)?;
    trusted_proxies(settings)?;
    let (jira, webhook, loop_) = (&settings.jira, &settings.webhook, &settings.reconcile);
    for (key, value) in [
        ("jira.connect-timeout-ms", jira.connect_timeout_ms),
        ("jira.request-timeout-ms", jira.request_timeout_ms),
        ("jira.body-bytes", jira.body_bytes),
        ("webhook.body-bytes", webhook.body_bytes),
        ("webhook.in-flight", webhook.in_flight.into()),
        ("webhook.connections", webhook.connections.into()),
        ("webhook.in-flight-per-client", webhook.in_flight_per_client.into()),
        ("webhook.connections-per-client", webhook.connections_per_client.into()),
        ("webhook.first-byte-timeout-ms", webhook.first_byte_timeout_ms),
        ("webhook.minimum-rate", webhook.minimum_rate.into()),
        ("webhook.header-timeout-ms", webhook.header_timeout_ms),
        ("webhook.body-timeout-ms", webhook.body_timeout_ms),
        ("webhook.keep-days", webhook.keep_days.into()),
        ("jira.rate-percent", jira.rate_percent.into()),
        ("attachments.parallel", settings.attachments.parallel.into()),
        ("reconcile.workers", loop_.workers.into()),
        ("reconcile.parallel", loop_.parallel.into()),
        ("reconcile.commit-issues", loop_.commit_issues.into()),
        ("reconcile.look-timeout-ms", loop_.look_timeout_ms),
        ("reconcile.pause-ms", loop_.pause_ms),
        ("reconcile.backoff-min-ms", loop_.backoff_min_ms),
    ] {
        if value == 0 {
            return Err(Usage(format!("{key} is 0: nothing would ever work")).into());
        }
    }
    if webhook.bodies_bytes < webhook.body_bytes {
        let text =
            "webhook.bodies-bytes is less than webhook.body-bytes: no large body would be taken";
        return Err(Usage(text.to_owned()).into());
    }
    if webhook.reserved_percent > 90 {
        let text = "webhook.reserved-percent is above 90: Jira's first delivery needs room, too";
        return Err(Usage(text.to_owned()).into());
    }
    for project in &settings.jira.projects {
        let key = format!("{project}-1").parse::<IssueKey>();
        let wrong = || format!("jira.projects: `{}` is not a project key", shown(project));
        key.map_err(|_| Usage(wrong()))?;
    }
    // Last: a start bears a catalogue that cannot be read, and nothing else that is wrong.
    field_map(settings).map(drop)
}

/// The secrets that deliveries may be signed with; without one nothing starts.
pub(crate) fn secrets(settings: &Settings) -> anyhow::Result<Secrets> {
    let webhook = &settings.webhook;
    let mut valid = vec![webhook.secret.clone()];
    // Unset is how a rotation ends; only white space is a mistake, which `Secrets` refuses.
    if !webhook.previous_secret.expose_secret().is_empty() {
        valid.push(webhook.previous_secret.clone());
    }
    Secrets::new(valid).map_err(|error| match error {
        NoSecret::Short(number) => {
            let key = secret_key(number);
            Usage(format!(
                "{key}: {error}; give the webhook in Jira a longer one (`openssl rand -hex 32` makes \
                 one) and set {key} to it (JIRA_WEBHOOK_SECRET or JIRA_WEBHOOK_SECRET_FILE)"
            ))
            .into()
        }
        NoSecret::Missing | NoSecret::Blank(_) | NoSecret::TooMany(_) => Usage(format!(
            "webhook.secret: {error}; set JIRA_WEBHOOK_SECRET (or JIRA_WEBHOOK_SECRET_FILE) to the \
             secret from Jira's webhook page"
        ))
        .into(),
    })
}

/// The setting of a secret by its number in [`secrets`].
fn secret_key(number: usize) -> &'static str {
    if number == 1 { "webhook.secret" } else { "webhook.previous-secret" }
}

/// What to say of secrets that are valid and shorter than they should be.
pub(crate) fn weak_secrets(settings: &Settings) -> Vec<String> {
    let webhook = &settings.webhook;
    let all = [(1, &webhook.secret), (2, &webhook.previous_secret)];
    let weak = all.into_iter().filter(|(_, secret)| {
        (1..webhook::RECOMMENDED_SECRET_BYTES).contains(&secret.expose_secret().len())
    });
    weak.map(|(number, _)| {
        format!(
            "{} has fewer than {} bytes: better replace it (`openssl rand -hex 32` makes one)",
            secret_key(number),
            webhook::RECOMMENDED_SECRET_BYTES
        )
    })
    .collect()
}

/// The proxies whose header is believed.
pub(crate) fn trusted_proxies(settings: &Settings) -> anyhow::Result<TrustedProxies> {
    let webhook = &settings.webhook;
    let (header, proxies) = (&webhook.proxy_header, &webhook.trusted_proxies);
    TrustedProxies::new(header, proxies).map_err(|error| {
        let message = format!("webhook.proxy-header, webhook.trusted-proxies: {error}");
        Usage(redacted(message, proxies.iter().chain([header]).map(String::as_str))).into()
    })
}

/// The address to paste into Jira: the public one, else the one where the door listens.
pub(crate) fn webhook_url(settings: &Settings, listens: SocketAddr) -> UrlSetting {
    let webhook = &settings.webhook;
    let base = match webhook.public_url.expose().trim_end_matches('/') {
        "" => format!("http://{listens}"),
        public => public.to_owned(),
    };
    let url = if base.ends_with("/webhooks/jira") { base } else { format!("{base}/webhooks/jira") };
    url.into()
}

/// The client that reads everything and, if it is set, the one that reads SLA values.
pub(crate) fn accounts(settings: &Settings) -> anyhow::Result<(Client, Option<Client>)> {
    let jira = &settings.jira;
    required("jira.domain", "JIRA_DOMAIN", &jira.domain)?;
    required("jira.email", "JIRA_EMAIL", &jira.email)?;
    required("jira.api-token", "JIRA_API_TOKEN", jira.api_token.expose_secret())?;
    // Jira counts all accounts of a site together, so they share one pace.
    let rates = Rates { percent: jira.rate_percent, ..Rates::default() };
    let pace = Pace::new(rates);
    let base = if jira.gateway { gateway(settings)? } else { site(settings)? };
    let main = client(settings, &pace, base, (&jira.email, &jira.api_token))?;
    let sla = &settings.sla;
    if sla.email.is_empty() && sla.api_token.expose_secret().is_empty() {
        return Ok((main, None));
    }
    required("sla.email", "JIRA_SLA_EMAIL", &sla.email)?;
    required("sla.api-token", "JIRA_SLA_API_TOKEN", sla.api_token.expose_secret())?;
    // The scoped tokens of service accounts work at the gateway only.
    let base = if jira.cloud_id.is_empty() { site(settings)? } else { gateway(settings)? };
    Ok((main, Some(client(settings, &pace, base, (&sla.email, &sla.api_token))?)))
}

fn required(key: &str, name: &str, value: &str) -> anyhow::Result<()> {
    if value.trim().is_empty() {
        return Err(
            Usage(format!("{key} is not set: set {name}, or {key} in the settings file")).into()
        );
    }
    Ok(())
}

fn site(settings: &Settings) -> anyhow::Result<BaseUrl> {
    let jira = &settings.jira;
    let (key, text) = match jira.base_url.expose() {
        "" => ("jira.domain", jira.domain.as_str()),
        url => ("jira.base-url", url),
    };
    BaseUrl::site(text).map_err(|error| Usage(format!("{key}: {error}")).into())
}

fn gateway(settings: &Settings) -> anyhow::Result<BaseUrl> {
    let jira = &settings.jira;
    required("jira.cloud-id", "JIRA_CLOUD_ID", &jira.cloud_id)?;
    BaseUrl::gateway(jira.gateway_url.expose(), &jira.cloud_id)
        .map_err(|error| Usage(format!("jira.gateway-url, jira.cloud-id: {error}")).into())
}

fn client(
    settings: &Settings,
    pace: &Pace,
    base: BaseUrl,
    (email, token): (&str, &SecretString),
) -> anyhow::Result<Client> {
    let jira = &settings.jira;
    let limits = ClientLimits {
        connect_timeout: Duration::from_millis(jira.connect_timeout_ms),
        total_timeout: Duration::from_millis(jira.request_timeout_ms),
        body_bytes: usize::try_from(jira.body_bytes)?,
        ..ClientLimits::default()
    };
    let hosts = settings.attachments.media_hosts.iter().map(UrlSetting::expose);
    let media = MediaHosts::new(hosts)
        .map_err(|error| Usage(format!("attachments.media-hosts: {error}")))?;
    let (email, token) = (email.to_owned(), token.clone());
    let account = Account { base, email, token, limits, media };
    Client::with_pace(account, pace.clone()).context("cannot make a client for Jira")
}

/// What refreshes the dimensions.
pub(crate) fn dimensions(
    settings: &Settings,
    (jira, service): (&Client, Option<&Client>),
    lake: &Lake,
    ledger: &Ledger,
) -> Dimensions {
    let names = settings.dimensions.organization_details.clone();
    let details = details_account((jira, service)).filter(|_| !names.is_empty());
    let details = details.map(|client| Details { client: client.at(Priority::Sweep), names });
    let client = jira.at(Priority::Sweep);
    Dimensions { client, ledger: ledger.clone(), lake: lake.clone(), details }
}

/// The account that can ask for details of organizations, which only the gateway has.
fn details_account<'a>((jira, service): (&'a Client, Option<&'a Client>)) -> Option<&'a Client> {
    service.into_iter().chain([jira]).find(|client| client.base().is_gateway())
}

/// Where everything is.
pub(crate) fn layout(settings: &Settings) -> Layout {
    let storage = &settings.storage;
    Layout {
        ledger: storage.ledger(),
        raw: storage.raw_dir.clone(),
        parquet: storage.parquet_dir.clone(),
        store: storage.store(),
        style: match storage.layout {
            LayoutStyle::Flat => Style::Flat,
            LayoutStyle::Hive => Style::Hive,
        },
    }
}

/// The ledger of a lake that is there; it may be in use by a running `serve`.
pub(crate) async fn existing_ledger(settings: &Settings) -> anyhow::Result<Ledger> {
    let path = settings.storage.ledger();
    if !path.exists() {
        return Err(Usage(format!(
            "there is no ledger at {} (storage.ledger); `jiralake serve` makes it",
            path.display()
        ))
        .into());
    }
    Ok(Ledger::open(&path, Clock::system()).await?)
}

/// Whether this says that the field catalogue is there and cannot be read: Jira gives it again.
pub(crate) fn is_damaged_catalogue(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(lake::Error::Unreadable { .. }))
}

/// Which field feeds which column: from the settings, the catalogue beside the snapshots, defaults.
pub(crate) fn field_map(settings: &Settings) -> anyhow::Result<FieldMap> {
    let catalogue = Raw::at(&settings.storage.raw_dir)?.read_catalogue()?;
    FieldMap::new(&settings.columns, catalogue.as_ref()).map_err(|error| {
        let named = settings.columns.values().map(String::as_str);
        Usage(redacted(format!("[columns]: {error}"), named)).into()
    })
}

/// The door's bounds.
pub(crate) fn door_limits(settings: &Settings) -> anyhow::Result<DoorLimits> {
    let webhook = &settings.webhook;
    Ok(DoorLimits {
        body_bytes: usize::try_from(webhook.body_bytes)?,
        body_wait: Duration::from_millis(webhook.body_timeout_ms),
        body_rate: minimum_rate(settings),
        in_flight: usize::try_from(webhook.in_flight)?,
        in_flight_per_client: usize::try_from(webhook.in_flight_per_client)?,
        buffer_bytes: usize::try_from(webhook.bodies_bytes)?,
        reserved_percent: usize::try_from(webhook.reserved_percent)?,
    })
}

/// The bounds of connections. Raises the process's limit of descriptors for them, and takes fewer
/// connections if there are not enough.
pub(crate) fn connection_limits(settings: &Settings) -> anyhow::Result<http::Limits> {
    let webhook = &settings.webhook;
    let wanted = usize::try_from(webhook.connections)?;
    let connections = match http::descriptors::raise_limit() {
        Ok(limit) => http::descriptors::connections_within(limit, wanted),
        Err(error) => {
            warn!(%error, "cannot read how many descriptors the process may have: {error}");
            wanted
        }
    };
    if connections < wanted {
        warn!(
            connections,
            "webhook.connections is {wanted}, but the process has descriptors for {connections} \
             (raise `ulimit -n`, LimitNOFILE= in systemd)"
        );
    }
    Ok(http::Limits {
        connections,
        connections_per_client: usize::try_from(webhook.connections_per_client)?,
        reserved_percent: usize::try_from(webhook.reserved_percent)?,
        first_byte_wait: Duration::from_millis(webhook.first_byte_timeout_ms),
        header_wait: Duration::from_millis(webhook.header_timeout_ms),
        header_rate: minimum_rate(settings),
        ..http::Limits::default()
    })
}

fn minimum_rate(settings: &Settings) -> MinimumRate {
    let webhook = &settings.webhook;
    MinimumRate {
        grace: Duration::from_millis(webhook.rate_grace_ms),
        bytes_per_second: webhook.minimum_rate,
    }
}

/// The bounds of downloads.
pub(crate) fn download_bounds(settings: &Settings) -> anyhow::Result<Bounds> {
    let attachments = &settings.attachments;
    let parallel = usize::try_from(attachments.parallel)?;
    Ok(Bounds { parallel, most_bytes: attachments.max_bytes })
}

/// The waits for space or file descriptors: whoever makes room sees an effect soon.
pub(crate) fn shortage_back_off(limits: &LoopLimits) -> BackOff {
    let max = limits.back_off.max.min(LONGEST_SHORTAGE_WAIT);
    BackOff { min: limits.back_off.min.min(max), max }
}

/// The longest waits that the loop and the downloads may set; see [`WaitBounds`].
pub(crate) fn wait_bounds(settings: &Settings) -> WaitBounds {
    let loop_ = &settings.reconcile;
    let [back_off, pause, look, confirm] =
        [loop_.backoff_max_ms, loop_.pause_ms, loop_.look_timeout_ms, loop_.confirm_pause_ms]
            .map(Duration::from_millis);
    let usual = WaitBounds::default();
    // The jitter adds up to three tenths.
    let wait = usual.wait.max(back_off.saturating_mul(2)).max(pause).max(confirm);
    WaitBounds { wait, lease: usual.lease.max(look.saturating_mul(3)) }
}

/// The loop's bounds.
pub(crate) fn loop_limits(settings: &Settings) -> anyhow::Result<LoopLimits> {
    let loop_ = &settings.reconcile;
    Ok(LoopLimits {
        workers: usize::try_from(loop_.workers)?,
        parallel: usize::try_from(loop_.parallel)?,
        commit_issues: usize::try_from(loop_.commit_issues)?,
        look_timeout: Duration::from_millis(loop_.look_timeout_ms),
        confirm_pause: Duration::from_millis(loop_.confirm_pause_ms),
        pause: Duration::from_millis(loop_.pause_ms),
        suspect_wait: Duration::from_millis(loop_.suspect_wait_ms),
        back_off: BackOff {
            min: Duration::from_millis(loop_.backoff_min_ms),
            max: Duration::from_millis(loop_.backoff_max_ms),
        },
        projects: settings.jira.projects.clone(),
    })
}
