//! Last step: what the sender is told, and under which name it is counted.
//!
//! Jira sends again after 408, 409, 425, 429 and 5xx, and never after another 4xx. So a 4xx here is
//! the sender's fault for certain, everything of ours is a 503 with `Retry-After`, and a body that
//! broke off on the way is a 408. The texts are constant; nothing of a request is repeated, except
//! an event name and an issue that were parsed into safe forms.

use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jira::event::Event;
use jira::id::Subject;
use ledger::Recorded;
use serde::Serialize;

/// Seconds until a sender who can choose should come again.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A delivery that is on disk.
pub(crate) struct Acknowledged {
    pub(crate) event: Event,
    pub(crate) recorded: Recorded,
}

impl Acknowledged {
    pub(crate) fn new(event: Event, recorded: Recorded) -> Self {
        Self { event, recorded }
    }

    /// The issue for people: its key where the body named one, else the first id.
    pub(crate) fn issue(&self) -> Option<String> {
        let key = self.event.key.as_ref().map(ToString::to_string);
        key.or_else(|| self.event.subjects.first().map(Subject::to_string))
    }
}

impl IntoResponse for Acknowledged {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Answer<'a> {
            status: &'static str,
            event: Option<&'a str>,
            issue: Option<String>,
        }
        let event = self.event.name.as_deref();
        axum::Json(Answer { status: "ok", event, issue: self.issue() }).into_response()
    }
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no signature")]
    Unsigned,
    #[error("no signature matches")]
    WrongSignature,
    #[error("the body is not a JSON object")]
    NotJson,
    #[error("no issue key")]
    NoIssueKey,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body took too long")]
    Timeout,
    /// The connection or the body's framing broke: the sender's or the network's doing, so it is
    /// asked for once more.
    #[error("the body broke off")]
    Cut(#[source] axum::Error),
    #[error("only POST is answered here")]
    NotAPost,
    #[error("too many requests in hand")]
    Busy,
    #[error("the ledger did not take it")]
    NotRecorded(#[source] ledger::Error),
    #[error("the thread that checked it died")]
    Died(#[source] tokio::task::JoinError),
}

impl Refusal {
    /// The status, the outcome to count and to name in the answer.
    pub(crate) fn outcome(&self) -> (StatusCode, Outcome) {
        match self {
            Self::Unsigned => (StatusCode::UNAUTHORIZED, Outcome::Unsigned),
            Self::WrongSignature => (StatusCode::UNAUTHORIZED, Outcome::WrongSignature),
            Self::NotJson => (StatusCode::BAD_REQUEST, Outcome::NotJson),
            Self::NoIssueKey => (StatusCode::BAD_REQUEST, Outcome::NoIssueKey),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Outcome::TooLarge),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, Outcome::Timeout),
            Self::Cut(_) => (StatusCode::REQUEST_TIMEOUT, Outcome::Cut),
            Self::NotAPost => (StatusCode::METHOD_NOT_ALLOWED, Outcome::NotAPost),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, Outcome::Busy),
            Self::NotRecorded(_) | Self::Died(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, Outcome::Error)
            }
        }
    }
}

impl From<ledger::Error> for Refusal {
    fn from(error: ledger::Error) -> Self {
        match error {
            ledger::Error::Busy => Self::Busy,
            other => Self::NotRecorded(other),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, outcome) = self.outcome();
        let body = format!(r#"{{"status":"error","reason":"{}"}}"#, outcome.name());
        let mut response = (status, [(CONTENT_TYPE, JSON)], body).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, COME_AGAIN),
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"))
            }
            _ => None,
        };
        // What is left of the body is not read, so the connection cannot carry another request.
        if matches!(
            self,
            Self::Unsigned | Self::TooLarge | Self::Timeout | Self::Cut(_) | Self::Busy
        ) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// How a request ended: a bounded set, for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Ok,
    Duplicate,
    Unsigned,
    WrongSignature,
    NotJson,
    NoIssueKey,
    TooLarge,
    Timeout,
    Cut,
    NotAPost,
    Busy,
    Error,
}

impl Outcome {
    /// Those that a delivery can end with.
    pub(crate) const OF_DELIVERIES: [Self; 11] = [
        Self::Ok,
        Self::Duplicate,
        Self::Unsigned,
        Self::WrongSignature,
        Self::NotJson,
        Self::TooLarge,
        Self::Timeout,
        Self::Cut,
        Self::NotAPost,
        Self::Busy,
        Self::Error,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Duplicate => "duplicate",
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong_signature",
            Self::NotJson => "not_json",
            Self::NoIssueKey => "no_issue_key",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Cut => "cut",
            Self::NotAPost => "not_a_post",
            Self::Busy => "busy",
            Self::Error => "error",
        }
    }
}
