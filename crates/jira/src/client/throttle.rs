//! How long a throttled answer asks to wait, and what.
//!
//! Reads `Retry-After` (seconds or a date), else `X-RateLimit-Reset`, both bounded; the scope from
//! `RateLimit-Reason`. The `Beta-` and `X-Beta-` headers announce limits that are not in force and
//! are not looked at.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::error::Scope;
use crate::time::Instant;

/// Quotas are by the hour; what asks for more is mistaken or hostile.
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 60 * 60);

/// The wait that the answer asks for. A time that is unreadable, negative or over is no wait: the
/// caller's own back-off is the better answer to a limit that is said to be over.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers).or_else(|| reset(headers)).map(|wait| wait.min(LONGEST_WAIT))
}

/// What has to wait; an unknown reason concerns the kind of call that met it.
pub(super) fn scope(headers: &HeaderMap) -> Scope {
    let reason = text(headers, "ratelimit-reason").unwrap_or_default().to_ascii_lowercase();
    if reason.contains("quota") {
        Scope::Everything
    } else if reason.contains("per-issue") {
        Scope::Issue
    } else {
        Scope::Endpoint
    }
}

/// The answer's own `Date`.
pub(super) fn date(headers: &HeaderMap) -> Option<Instant> {
    http_date(text(headers, DATE.as_str())?)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are more than the longest wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        http_date(value)?.since(date(headers)?)
    };
    Some(wait).filter(|wait| !wait.is_zero())
}

fn reset(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, "x-ratelimit-reset")?;
    let at = Instant::parse(value).or_else(|| {
        let at = DateTime::parse_from_str(&with_seconds(value)?, "%Y-%m-%dT%H:%M:%S%#z").ok()?;
        Instant::from_millis(at.timestamp_millis())
    })?;
    Some(at.since(date(headers)?)).filter(|wait| !wait.is_zero())
}

/// `2026-03-26T16:00Z` as `2026-03-26T16:00:00Z`: Jira leaves the seconds out at times.
fn with_seconds(value: &str) -> Option<String> {
    let (minutes, zone) = value.split_at_checked("2026-03-26T16:00".len())?;
    Some(format!("{minutes}:00{zone}"))
}

fn http_date(value: &str) -> Option<Instant> {
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Instant::from_millis(at.timestamp_millis())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    const NOW: (&str, &str) = ("date", "Thu, 26 Mar 2026 15:59:30 GMT");

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn check(pairs: &[(&str, &str)], seconds: Option<u64>) {
        assert_eq!(wait(&headers(pairs)), seconds.map(Duration::from_secs), "{pairs:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check(&[("retry-after", "1")], Some(1));
        check(&[("Retry-After", " 1847 ")], Some(1847));
        check(&[("retry-after", "Thu, 26 Mar 2026 16:00:00 GMT"), NOW], Some(30));
        check(&[("retry-after", "Thu, 26 Mar 2026 16:00:00 GMT")], None);
    }

    #[test]
    fn absurd_waits_are_bounded_and_waits_that_are_over_are_none() {
        check(&[("retry-after", "999999")], Some(7200));
        check(&[("retry-after", "99999999999999999999999999")], Some(7200));
        check(&[("retry-after", "Thu, 26 Mar 2099 16:00:00 GMT"), NOW], Some(7200));
        check(&[("x-ratelimit-reset", "2099-03-26T16:00:00Z"), NOW], Some(7200));
        check(&[("retry-after", "-5")], None);
        check(&[("retry-after", "0")], None);
        check(&[("retry-after", "")], None);
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "Thu, 26 Mar 2026 15:00:00 GMT"), NOW], None);
    }

    #[test]
    fn the_reset_time_helps_when_retry_after_does_not() {
        check(&[("x-ratelimit-reset", "2026-03-26T16:00Z"), NOW], Some(30));
        check(&[("x-ratelimit-reset", "2026-03-26T16:00:10Z"), NOW], Some(40));
        check(&[("x-ratelimit-reset", "2026-03-26T17:00+01:00"), NOW], Some(30));
        check(&[("retry-after", "7"), ("x-ratelimit-reset", "2026-03-26T16:00Z"), NOW], Some(7));
        check(&[("retry-after", "-7"), ("x-ratelimit-reset", "2026-03-26T16:00Z"), NOW], Some(30));
        check(&[("x-ratelimit-reset", "2026-03-26T16:00Z")], None);
        check(&[("x-ratelimit-reset", "2026-03-26T15:00Z"), NOW], None);
        check(&[("x-ratelimit-reset", "2026-03-26Tй")], None);
    }

    #[test]
    fn beta_headers_ask_for_nothing() {
        let beta =
            [("beta-retry-after", "60"), ("x-beta-ratelimit-reset", "2026-03-26T16:00Z"), NOW];
        check(&beta, None);
        assert_eq!(scope(&headers(&[("beta-ratelimit-reason", "jira-quota-x")])), Scope::Endpoint);
    }

    #[test]
    fn the_reason_says_what_waits() {
        let check = |reason: &str, scope_: Scope| {
            assert_eq!(scope(&headers(&[("RateLimit-Reason", reason)])), scope_, "{reason}");
        };
        check("jira-quota-global-based", Scope::Everything);
        check("jira-quota-tenant-based", Scope::Everything);
        check("Jira-Quota-Tenant-Based", Scope::Everything);
        check("jira-burst-based", Scope::Endpoint);
        check("jira-per-issue-on-write", Scope::Issue);
        check("jira-cost-based", Scope::Endpoint);
        check("", Scope::Endpoint);
        assert_eq!(scope(&HeaderMap::new()), Scope::Endpoint);
    }
}
