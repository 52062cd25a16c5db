//! Starting and stopping a simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::account::Account;
use crate::callers::Callers;
use crate::clock::Clock;
use crate::editor::Editor;
use crate::error::Error;
use crate::generate::{self, Generator};
use crate::http::{App, Server};
use crate::knobs::Knobs;
use crate::site::{Furniture, Place, Site, State};
use crate::time::Zone;
use crate::webhook::Webhooks;

/// How far back generated issues go.
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the site listens; port 0 is any free one.
    pub addr: SocketAddr,
    /// What all chance comes from.
    pub seed: u64,
    /// How many generated issues the site starts with; with none it has two small projects.
    pub issues: u32,
    /// About how large a generated issue is; see [`generate::Options::target_bytes`].
    pub issue_bytes: u32,
    /// The zone of the site's timestamps.
    pub zone: Zone,
    /// Who may call; the first is the main account, the second the service account.
    pub accounts: Vec<Account>,
    /// The clock that the site goes by.
    pub clock: Clock,
    /// The OpenAPI description that requests are held against (feature `openapi`).
    pub openapi: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            issues: 0,
            issue_bytes: generate::Options::default().target_bytes,
            zone: Zone::new("Africa/Lagos", 60),
            accounts: vec![Account::main(), Account::service()],
            clock: Clock::default(),
            openapi: None,
        }
    }
}

/// The state of a site at an instant, from which further simulators start; see [`Sim::keep`].
#[derive(Debug)]
pub struct Kept(State);

/// A running simulator; it stops when it is dropped.
#[derive(Debug)]
pub struct Sim {
    app: Arc<App>,
    site_server: Server,
    media_server: Server,
}

impl Sim {
    /// Starts a simulator. Must be called inside a Tokio runtime.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with(options, state).await
    }

    /// Starts a simulator whose site is a copy of a kept one. Its address, its webhooks and its knobs
    /// are its own; the options' seed MUST differ from the original's, or webhooks would repeat the
    /// identifiers of the original's.
    pub async fn start_from(options: Options, kept: &Kept) -> Result<Self, Error> {
        Self::start_with(options, |options, _| kept.0.copy(options.seed)).await
    }

    /// Returns a copy of the site's state.
    pub fn keep(&self) -> Kept {
        Kept(self.app.site.state().copy(0))
    }

    async fn start_with(
        options: Options,
        state: impl FnOnce(&Options, &str) -> State,
    ) -> Result<Self, Error> {
        let listen = |addr: SocketAddr| async move {
            crate::http::bind(addr).await.map_err(|source| Error::Listen { addr, source })
        };
        let (site_socket, site_addr) = listen(options.addr).await?;
        let (media_socket, media_addr) = listen(SocketAddr::new(options.addr.ip(), 0)).await?;
        let url = format!("http://{site_addr}");
        let mut state = state(&options, &url);
        let place = Place {
            url,
            media_url: format!("http://{media_addr}"),
            cloud_id: state.new_uuid(),
            zone: options.zone,
            clock: options.clock.clone(),
        };
        install_tls();
        let knobs = Knobs::new(options.seed);
        let webhooks = Webhooks::new(options.seed, options.clock, knobs.clone())?;
        let site = Site::new(place, state, webhooks.clone());
        let app = Arc::new(App {
            editor: Editor::new(site.clone(), options.seed),
            callers: Callers::new(options.openapi.as_deref())?,
            accounts: options.accounts,
            site,
            knobs,
            webhooks,
        });
        let site_server = Server::start(site_socket, Arc::clone(&app));
        let media_server = Server::start(media_socket, Arc::clone(&app));
        Ok(Self { app, site_server, media_server })
    }

    /// The site's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.app.site.place().url
    }

    /// The address of the host that has the attachments' bytes.
    pub fn media_url(&self) -> &str {
        &self.app.site.place().media_url
    }

    /// The site's address behind the gateway, `…/ex/jira/{cloudId}`.
    pub fn gateway_url(&self) -> String {
        format!("{}/ex/jira/{}", self.url(), self.cloud_id())
    }

    /// The site's cloud id.
    pub fn cloud_id(&self) -> &str {
        &self.app.site.place().cloud_id
    }

    /// The main account, which may not read SLA values.
    pub fn main_account(&self) -> Option<&Account> {
        self.app.accounts.first()
    }

    /// The service account, which may.
    pub fn service_account(&self) -> Option<&Account> {
        self.app.accounts.get(1)
    }

    /// The handle that edits the site.
    pub fn site(&self) -> &Site {
        &self.app.site
    }

    /// The handle that makes things go wrong.
    pub fn knobs(&self) -> &Knobs {
        &self.app.knobs
    }

    /// Where webhooks go, and what became of them.
    pub fn webhooks(&self) -> &Webhooks {
        &self.app.webhooks
    }

    /// What is known of those who call.
    pub fn callers(&self) -> &Callers {
        &self.app.callers
    }

    /// The seeded editor.
    pub fn editor(&self) -> &Editor {
        &self.app.editor
    }

    /// The site's clock.
    pub fn clock(&self) -> &Clock {
        &self.app.site.place().clock
    }

    /// Stops listening and sending.
    pub fn stop(&self) {
        self.site_server.stop();
        self.media_server.stop();
        self.app.webhooks.stop();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The state that a site starts with.
fn state(options: &Options, url: &str) -> State {
    if options.issues == 0 {
        return State::new(Furniture::small(url), options.seed);
    }
    let now = options.clock.now();
    let generator = Generator::new(generate::Options {
        issues: options.issues,
        seed: options.seed,
        site_url: url.to_owned(),
        since: now.saturating_sub(YEAR_MS),
        until: now,
        zone: generate::Zone::east(options.zone.offset_minutes),
        target_bytes: options.issue_bytes,
        ..generate::Options::default()
    });
    let mut state = State::new(Furniture::generated(&generator), options.seed);
    for n in 0..options.issues {
        state.put_generated(generator.issue(n));
    }
    state
}

/// The HTTP client wants to know who does TLS, although webhooks here go over plain HTTP.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::ring::default_provider().install_default().is_err()
    {
        tracing::debug!("somebody else has just chosen who does TLS");
    }
}
