//! Replies, and the bodies that Jira's errors have.

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::Request;
use crate::knobs::Failure;

/// What a handler answers; the error is a reply, too.
pub(crate) type Answer = Result<Reply, Box<Reply>>;

/// A reply, or none.
#[derive(Debug)]
pub(crate) enum Reply {
    Full {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
        /// Whether all of the body is sent.
        sent: Sent,
    },
    /// The connection is closed without an answer.
    Cut,
}

/// How much of a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Whole,
    /// Half of what `Content-Length` says, then the connection closes.
    Half,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self::Full { status, headers, body: body.into(), sent: Sent::Whole }
    }

    /// 200 with JSON.
    pub(crate) fn json(body: &Value) -> Self {
        Self::json_with(200, body)
    }

    pub(crate) fn json_with(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json;charset=UTF-8", body.to_string())
    }

    /// An `ErrorCollection`.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::json_with(status, &json!({"errorMessages": [message], "errors": {}}))
    }

    /// The errors that come without the `errors` member.
    pub(crate) fn error_without_errors(status: u16, message: &str) -> Self {
        Self::json_with(status, &json!({"errorMessages": [message]}))
    }

    pub(crate) fn no_such_issue() -> Self {
        Self::error(404, "Issue does not exist or you do not have permission to see it.")
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        let message = format!("null for uri: {path}");
        Self::json_with(404, &json!({"message": message, "status-code": 404}))
    }

    pub(crate) fn unauthenticated() -> Self {
        let message = "Client must be authenticated to access this resource.";
        Self::json_with(401, &json!({"message": message, "status-code": 401}))
    }

    pub(crate) fn wrong_method(request: &Request, allowed: &str) -> Self {
        let detail = format!("Method '{}' is not supported.", request.method);
        Self::problem(request, 405, "Method Not Allowed", &detail).with("Allow", allowed)
    }

    pub(crate) fn wrong_content_type(request: &Request, given: &str) -> Self {
        let detail = format!("Content-Type '{given}' is not supported.");
        Self::problem(request, 415, "Unsupported Media Type", &detail)
    }

    pub(crate) fn not_converted(request: &Request, name: &str, value: &str) -> Self {
        let detail = format!("Failed to convert '{name}' with value: '{value}'");
        Self::problem(request, 400, "Bad Request", &detail)
    }

    fn problem(request: &Request, status: u16, title: &str, detail: &str) -> Self {
        let body = json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail,
            "instance": request.full_path,
        });
        Self::new(status, "application/problem+json", body.to_string())
    }

    /// What a failure looks like from outside.
    pub(crate) fn failed(failure: &Failure) -> Self {
        match failure {
            Failure::Throttled { retry_after, reason } => {
                let mut reply = Self::error(429, "Rate limit exceeded.")
                    .with("X-RateLimit-Limit", "350")
                    .with("X-RateLimit-Remaining", "0");
                if let Some(seconds) = retry_after {
                    reply = reply.with("Retry-After", seconds.to_string());
                }
                match reason {
                    Some(reason) => reply.with("RateLimit-Reason", reason.clone()),
                    None => reply.with("X-Failure-Category", "FAILURE_CLIENT_RATE_LIMIT"),
                }
            }
            Failure::Unavailable { retry_after } => {
                let reply = Self::new(503, "text/html", "<html><body>Unavailable</body></html>");
                match retry_after {
                    Some(seconds) => reply.with("Retry-After", seconds.to_string()),
                    None => reply,
                }
            }
            Failure::Status(status) => Self::error(*status, "Internal server error"),
            Failure::NotJson => Self::new(200, "text/html", "<!doctype html><title>Jira</title>"),
            Failure::Cut | Failure::Hang(_) | Failure::Truncated => Self::Cut,
        }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Full { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }

    #[must_use]
    pub(crate) fn truncated(mut self) -> Self {
        if let Self::Full { sent, .. } = &mut self {
            *sent = Sent::Half;
        }
        self
    }

    /// What a 400 or 415 says, for the list of requests that were refused.
    pub(crate) fn why_bad(&self) -> Option<String> {
        match self {
            Self::Full { status: 400 | 415, body, .. } => {
                Some(String::from_utf8_lossy(body).into_owned())
            }
            Self::Full { .. } | Self::Cut => None,
        }
    }
}
