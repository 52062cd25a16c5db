//! The only code that talks to Jira.
//!
//! Promises: the credentials go to the configured host and nowhere else (URLs are made of the base,
//! constant paths and typed ids; redirects are not followed, but for the bytes of attachments, which
//! are fetched from allowed hosts without credentials); every call has time-outs and every body a
//! bound; an answer is checked before it is believed ([`Error`] says what can be wrong), above
//! all that it was given to this account and not to an anonymous caller, to whom everything looks
//! deleted. Neither errors nor `Debug` show credentials or text of a body.
//!
//! Every call waits for its turn at the [`crate::pace`]. Must not retry: the caller decides what
//! happens next.

mod answer;
mod ask;
mod attachment;
mod base;
mod bulk;
mod calls;
mod error;
mod media;
mod query;
mod search;
mod site;
mod throttle;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::pace::{AccountId, Pace, Priority};
pub use crate::payload::FieldId;
pub use answer::Answer;
pub use attachment::{Download, MediaPlace};
pub use base::{BadBaseUrl, BaseUrl};
pub use bulk::{BULK_CHANGELOGS, BULK_ISSUES};
pub use calls::Identity;
pub use error::{Error, Outage, Scope, Unusable};
pub use media::MediaHosts;
pub use query::{Fields, History, IssueQuery};

const USER_AGENT: &str = concat!("jiralake/", env!("CARGO_PKG_VERSION"));

/// Without it Jira translates the names of fields and statuses to the account's language.
const FORCE_LANGUAGE: HeaderName = HeaderName::from_static("x-force-accept-language");

/// Where to ask and as whom.
#[derive(Clone)]
pub struct Account {
    /// The site or the gateway.
    pub base: BaseUrl,
    /// The account's e-mail address.
    pub email: String,
    /// Its API token.
    pub token: SecretString,
    /// How long and how much.
    pub limits: Limits,
    /// Where attachments may be downloaded from.
    pub media: MediaHosts,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, email: _, token: _, limits, media } = self;
        f.debug_struct("Account")
            .field("base", base)
            .field("limits", limits)
            .field("media", media)
            .finish_non_exhaustive()
    }
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For reaching the host.
    pub connect_timeout: Duration,
    /// For the whole call, the last byte of the body included; not for downloads.
    pub total_timeout: Duration,
    /// For each piece of a download.
    pub idle_timeout: Duration,
    /// For a body, counted after decompression.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            body_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Asks Jira as one account. Cheap to clone; clones share connections, the pace and what is known of
/// the account.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// With which its calls wait for their turn.
    priority: Priority,
}

struct Inner {
    account: Account,
    http: reqwest::Client,
    /// For attachments, which may take long and must come as they are stored.
    media: reqwest::Client,
    pace: Pace,
    /// Who asks, as the pace counts it.
    account_id: AccountId,
    /// The `X-AAccountId` that `/myself` was answered with. While it is known, an answer without it
    /// was given to somebody else.
    answered_to: Mutex<Option<HeaderValue>>,
}

impl Client {
    /// As [`Client::with_pace`], with a pace of its own: right for a process with one account only.
    pub fn new(account: Account) -> Result<Self, Unusable> {
        Self::with_pace(account, Pace::default())
    }

    /// Prepares a client that shares the pace with others; nothing is sent. Fails when the credentials cannot be used at all (empty,
    /// or an e-mail address with a colon, at which Basic authentication would cut it) or when the
    /// machine's root certificates cannot be loaded.
    pub fn with_pace(account: Account, pace: Pace) -> Result<Self, Unusable> {
        if account.email.trim().is_empty() || account.email.contains(':') {
            return Err(Unusable::Email);
        }
        if account.token.expose_secret().trim().is_empty() {
            return Err(Unusable::Token);
        }
        // Whoever was first has installed the same provider: an error here only says so.
        drop(rustls::crypto::ring::default_provider().install_default());
        let Limits { total_timeout, idle_timeout, .. } = account.limits;
        let http = transport(&account)
            .default_headers(HeaderMap::from_iter([
                (ACCEPT, HeaderValue::from_static("application/json")),
                (ACCEPT_LANGUAGE, HeaderValue::from_static("en")),
                (FORCE_LANGUAGE, HeaderValue::from_static("true")),
            ]))
            .timeout(total_timeout)
            .gzip(true);
        let media = transport(&account).read_timeout(idle_timeout).gzip(false);
        let http = http.build().map_err(Unusable::Transport)?;
        let media = media.build().map_err(Unusable::Transport)?;
        let answered_to = Mutex::new(None);
        let account_id = pace.account(&format!("{} {}", account.base, account.email));
        let inner = Inner { account, http, media, pace, account_id, answered_to };
        Ok(Self { inner: Arc::new(inner), priority: Priority::Webhook })
    }

    /// The same client with calls of this priority; without it they are as urgent as webhooks.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        Self { priority, ..self.clone() }
    }

    /// The pace that this client keeps.
    pub fn pace(&self) -> &Pace {
        &self.inner.pace
    }

    /// Where this client asks.
    pub fn base(&self) -> &BaseUrl {
        &self.inner.account.base
    }

    fn answered_to(&self) -> Option<HeaderValue> {
        self.inner.answered_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, account: Option<HeaderValue>) {
        *self.inner.answered_to.lock().unwrap_or_else(PoisonError::into_inner) = account;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("account", &self.inner.account).finish_non_exhaustive()
    }
}

/// What all requests have in common.
fn transport(account: &Account) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(account.limits.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    if account.base.is_loopback() { builder.no_proxy() } else { builder }
}

#[cfg(test)]
mod tests;
