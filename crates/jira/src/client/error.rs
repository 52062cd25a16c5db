//! What can be wrong with an answer. Every variant carries what the decision about it needs, and
//! nothing of a body.

use std::time::Duration;

/// Why there is no answer that can be believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many requests, or Jira asks for a pause.
    #[error("jira throttles {scope}{}", wait.map(|wait| format!(", for {} s", wait.as_secs())).unwrap_or_default())]
    Throttled {
        /// How long Jira asks to wait, at most two hours; nothing if it did not say, or said a time
        /// that has passed.
        wait: Option<Duration>,
        /// What has to wait.
        scope: Scope,
    },
    /// No whole answer came: another try may bring it.
    #[error("cannot reach jira: {what}")]
    Unreachable {
        /// How far it came.
        what: Outage,
        /// The transport's own words, without the URL.
        source: Option<reqwest::Error>,
    },
    /// Jira failed (5xx).
    #[error("jira failed with status {status}")]
    Server {
        /// The status.
        status: u16,
        /// How long Jira asks to wait, if it did.
        wait: Option<Duration>,
    },
    /// 401: the credentials are refused, for every call.
    #[error("jira refuses the credentials (401)")]
    Unauthorized,
    /// The answer was given to somebody else than this account, usually to an anonymous caller: the
    /// token has expired or a CAPTCHA is due. What it says about presence or absence means nothing.
    #[error("jira answered as to an anonymous caller: the token is wrong or has expired")]
    Anonymous,
    /// 403: the account may not do this.
    #[error("jira forbids this to the account (403)")]
    Forbidden,
    /// 404, given to this account: deleted, never there, or hidden from it.
    #[error("jira does not find it (404)")]
    NotFound,
    /// Any other status that is no success: 3xx (never followed) and 4xx.
    #[error("jira rejects the request with status {status}")]
    Rejected {
        /// The status.
        status: u16,
    },
    /// A success that cannot be read.
    #[error("cannot read jira's answer: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The body is longer than the limit.
    #[error("jira's answer is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

/// What a throttled answer asks to hold back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The account's or app's quota: every call.
    Everything,
    /// The burst limit: this kind of call.
    Endpoint,
    /// The limit of one issue.
    Issue,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Everything => "everything",
            Self::Endpoint => "this kind of request",
            Self::Issue => "this issue",
        })
    }
}

/// How far a call came that got no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outage {
    /// No connection: name, route, port or TLS.
    Connect,
    /// The time was up.
    TimedOut,
    /// The connection broke before the answer was whole.
    Cut,
    /// The machine's clock shows a time before 1970, with which TLS cannot check a certificate.
    Clock,
}

impl std::fmt::Display for Outage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::TimedOut => "no answer in time",
            Self::Cut => "the answer broke off",
            Self::Clock => "the clock of this machine shows a time before 1970",
        })
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let what = if error.is_connect() {
            Outage::Connect
        } else if error.is_timeout() {
            Outage::TimedOut
        } else {
            Outage::Cut
        };
        Self::Unreachable { what, source: Some(error.without_url()) }
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The e-mail address is empty or holds a colon.
    #[error("the account's e-mail address is empty or holds a colon")]
    Email,
    /// The token is empty.
    #[error("the account's API token is empty")]
    Token,
    /// TLS cannot be set up on this machine.
    #[error("cannot set up TLS: are root certificates installed?")]
    Transport(#[source] reqwest::Error),
}
