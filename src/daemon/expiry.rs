//! When the API tokens run out. Atlassian lets none live longer than a year, and a request that
//! carries an expired one is answered as if nobody had signed in.
//!
//! The dates come from the settings, as no API tells them. With a date there is a metric and, from
//! 30 days before, a warning a day; without one, nothing.

use std::fmt;
use std::time::Duration;

use jira::time::{Clock, Instant, is_date};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret;
use tracing::{error, warn};

use crate::config::Settings;
use crate::config::url::shown;
use crate::exit::Usage;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// From so many days before, there are warnings.
const WARN_DAYS: u64 = 30;

/// An API token that is in use.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// Its setting, `jira.api-token`.
    pub(crate) key: &'static str,
    account: &'static str,
    expires: Option<Instant>,
}

/// How long a token is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nobody said.
    Unknown,
    /// More than 30 days.
    Enough(u64),
    /// So many whole days: time for a new one.
    Few(u64),
    /// It is over.
    Nothing,
}

/// The tokens in use and their dates; a date that is none stops the start.
pub(crate) fn tokens(settings: &Settings) -> anyhow::Result<Vec<Token>> {
    let (jira, sla) = (&settings.jira, &settings.sla);
    let main = Token {
        key: "jira.api-token",
        account: "main",
        expires: date("jira.api-token-expires", &jira.api_token_expires)?,
    };
    let second = Token {
        key: "sla.api-token",
        account: "sla",
        expires: date("sla.api-token-expires", &sla.api_token_expires)?,
    };
    let is_used = !sla.api_token.expose_secret().is_empty();
    Ok(std::iter::once(main).chain(is_used.then_some(second)).collect())
}

/// The first moment of the day: a token must not be counted on for longer.
fn date(key: &str, text: &str) -> anyhow::Result<Option<Instant>> {
    if text.is_empty() {
        return Ok(None);
    }
    let instant = Some(text)
        .filter(|text| is_date(text))
        .and_then(|text| Instant::parse(&format!("{text}T00:00:00Z")));
    instant.map(Some).ok_or_else(|| {
        let remedy = "write the day on which the token expires as YYYY-MM-DD, or nothing";
        Usage(format!("{key}: `{}` is not a date; {remedy}", shown(text))).into()
    })
}

impl Token {
    /// How long it is still good.
    pub(crate) fn left(&self, now: Instant) -> Left {
        match self.expires {
            None => Left::Unknown,
            Some(expires) if expires <= now => Left::Nothing,
            Some(expires) => match expires.since(now).as_secs() / DAY.as_secs() {
                days @ ..=WARN_DAYS => Left::Few(days),
                days => Left::Enough(days),
            },
        }
    }

    /// When it expires, for people: `expires on 2027-01-31, in 12 days`.
    pub(crate) fn tell(&self, now: Instant) -> impl fmt::Display + use<> {
        let date = self.expires.map(Instant::date).unwrap_or_default();
        match self.left(now) {
            Left::Unknown => format!("{}-expires is not set: nothing warns in time", self.key),
            Left::Nothing => format!("expired on {date}"),
            Left::Few(0) => format!("expires on {date}, within a day"),
            Left::Few(1) => format!("expires on {date}, in 1 day"),
            Left::Few(days) | Left::Enough(days) => format!("expires on {date}, in {days} days"),
        }
    }

    fn warn(&self, now: Instant) {
        const REMEDY: &str = "make a new one (docs/operations.md, Tokens and secrets)";
        let (account, key, told) = (self.account, self.key, self.tell(now));
        match self.left(now) {
            Left::Unknown | Left::Enough(_) => {}
            Left::Few(days_left) => {
                warn!(account, days_left, "the token of {key} {told}: {REMEDY}")
            }
            Left::Nothing => error!(account, "the token of {key} {told}: {REMEDY}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    account: &'static str,
}

/// Registers the dates that are known.
pub(crate) fn register(tokens: &[Token], registry: &mut Registry) {
    let dates = Family::<Of, Gauge>::default();
    for token in tokens {
        if let Some(expires) = token.expires {
            dates.get_or_create(&Of { account: token.account }).set(expires.millis() / 1000);
        }
    }
    registry.register(
        "jiralake_token_expiry_timestamp_seconds",
        "When the API token of an account expires, where the settings say it",
        dates,
    );
}

/// Warns now and then daily; without end.
pub(crate) async fn remind(tokens: Vec<Token>, clock: Clock) {
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        tokens.iter().for_each(|token| token.warn(clock.now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expires: &str, now: &str, left: Left, told: &str) {
        let expires = date("jira.api-token-expires", expires).unwrap();
        let token = Token { key: "jira.api-token", account: "main", expires };
        let now = Instant::parse(now).unwrap();
        assert_eq!(token.left(now), left);
        assert_eq!(token.tell(now).to_string(), told);
    }

    #[test]
    fn what_is_left_is_counted_in_whole_days_until_the_day_begins() {
        let on = "2027-01-31";
        let of = |told| format!("expires on 2027-01-31, {told}");
        check(on, "2026-12-30T23:59:59Z", Left::Enough(31), &of("in 31 days"));
        check(on, "2026-12-31T00:00:01Z", Left::Few(30), &of("in 30 days"));
        check(on, "2027-01-29T12:00:00Z", Left::Few(1), &of("in 1 day"));
        check(on, "2027-01-30T12:00:00Z", Left::Few(0), &of("within a day"));
        check(on, "2027-01-31T00:00:00Z", Left::Nothing, "expired on 2027-01-31");
        let unset = "jira.api-token-expires is not set: nothing warns in time";
        check("", "2027-01-31T00:00:00Z", Left::Unknown, unset);
    }

    #[test]
    fn a_date_that_is_none_is_refused_with_key_value_and_remedy() {
        for text in ["31.01.2027", "2027-02-30", "2027-1-31", "soon", " 2027-01-31"] {
            let error = date("sla.api-token-expires", text).unwrap_err().to_string();
            let all = ["sla.api-token-expires", text, "YYYY-MM-DD"];
            assert!(all.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
