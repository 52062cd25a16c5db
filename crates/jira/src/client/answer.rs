//! From a response to an answer that can be believed: who was answered, with what status, how much
//! of it came, and whether it can be read. In that order, so that a 404 given to an anonymous caller
//! is never taken for an absence.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::error::{Error, Outage};
use super::throttle;
use crate::time::Instant;

const ACCOUNT_ID: &str = "x-aaccountid";
const LOGIN_REASON: &str = "x-seraph-loginreason";

/// A readable answer, given to the right account.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The body.
    pub json: Value,
    /// From the request to the last byte.
    pub took: Duration,
    /// Jira's clock, to the second.
    pub date: Option<Instant>,
}

/// The id of the account that a response was given to, as Jira writes it there.
pub(super) fn account(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ACCOUNT_ID).filter(|id| !id.is_empty()).cloned()
}

/// Checks status and headers. `expected` is the account that must have been answered, as far as that
/// is known.
pub(super) fn check(response: &Response, expected: Option<&HeaderValue>) -> Result<(), Error> {
    let (status, headers) = (response.status(), response.headers());
    match status {
        StatusCode::UNAUTHORIZED => return Err(Error::Unauthorized),
        // Limits and failures are often answered by what stands before Jira, which knows no accounts.
        StatusCode::TOO_MANY_REQUESTS => return Err(throttled(headers)),
        StatusCode::SERVICE_UNAVAILABLE if headers.contains_key(RETRY_AFTER) => {
            return Err(throttled(headers));
        }
        StatusCode::REQUEST_TIMEOUT => {
            return Err(Error::Unreachable { what: Outage::TimedOut, source: None });
        }
        other if other.is_server_error() => {
            return Err(Error::Server { status: other.as_u16(), wait: throttle::wait(headers) });
        }
        _ => {}
    }
    if login_failed(headers) {
        return Err(Error::Anonymous);
    }
    let believed = status.is_success()
        || status == StatusCode::FORBIDDEN
        || status == StatusCode::NOT_FOUND
        || status == StatusCode::GONE;
    if believed && expected.is_some() && account(headers).as_ref() != expected {
        return Err(Error::Anonymous);
    }
    match status {
        StatusCode::FORBIDDEN => Err(Error::Forbidden),
        StatusCode::NOT_FOUND => Err(Error::NotFound),
        other if other.is_success() => Ok(()),
        other => Err(Error::Rejected { status: other.as_u16() }),
    }
}

/// Reads a checked response to its end and parses it.
pub(super) async fn json(response: Response, limit_bytes: usize) -> Result<Value, Error> {
    let json_type = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
    let body = body(response, limit_bytes).await?;
    if !json_type {
        return Err(Error::Malformed { what: "the content type is not JSON" });
    }
    // The parser's own words would quote the body.
    serde_json::from_slice(&body).map_err(|_| Error::Malformed { what: "the body is not JSON" })
}

async fn body(mut response: Response, limit_bytes: usize) -> Result<Vec<u8>, Error> {
    let too_large = || Error::TooLarge { limit_bytes };
    let announced = usize::try_from(response.content_length().unwrap_or(0));
    if announced.map_or(true, |bytes| bytes > limit_bytes) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > limit_bytes.saturating_sub(body.len()) {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn throttled(headers: &HeaderMap) -> Error {
    Error::Throttled { wait: throttle::wait(headers), scope: throttle::scope(headers) }
}

/// Whether Jira says that it did not accept the credentials: it goes on then as if there were none.
fn login_failed(headers: &HeaderMap) -> bool {
    headers.get_all(LOGIN_REASON).iter().any(|value| {
        let reasons = value.as_bytes().to_ascii_uppercase();
        let says = |reason: &[u8]| reasons.windows(reason.len()).any(|part| part == reason);
        says(b"AUTHENTICATED_FAILED") || says(b"AUTHENTICATION_DENIED")
    })
}

/// `application/json`, `application/problem+json`, with any parameters.
fn is_json(content_type: &HeaderValue) -> bool {
    let kind = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
