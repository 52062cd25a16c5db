//! How a call is made: its URL, its credentials, and the way from the request to an answer that can
//! be believed.

use std::time::Instant as Stopwatch;

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use tracing::debug;
use url::Url;

use super::answer::{self, Answer};
use super::error::Outage;
use super::{Client, Error, Inner};
use crate::pace::{Ask, Permit};
use crate::payload::Page;
use crate::time::{Clock, Instant};

/// One request: its name in the log and for the pace, and where it goes.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) method: Method,
    pub(super) request: RequestBuilder,
}

/// A response whose body is not read yet.
pub(super) struct Sent {
    pub(super) response: Response,
    /// Whether it can be believed.
    pub(super) checked: Result<(), Error>,
    began: Stopwatch,
    /// A place among the requests in flight, until the body is read.
    _place: Permit,
}

impl Client {
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        self.base().api(&[&["rest", "api", "3"], segments].concat())
    }

    pub(super) async fn page(
        &self,
        name: &'static str,
        url: Url,
        lists: &[&str],
    ) -> Result<Page, Error> {
        let answer = self.get(name, url).await?;
        Page::read(answer.json, lists).ok_or(Error::Malformed { what: "a page without its list" })
    }

    pub(super) async fn post(
        &self,
        name: &'static str,
        url: Url,
        body: &Value,
    ) -> Result<Answer, Error> {
        let mut call = self.authorized(name, Method::POST, url);
        call.request = call.request.json(body);
        self.ask(call).await
    }

    pub(super) async fn get(&self, name: &'static str, url: Url) -> Result<Answer, Error> {
        self.ask(self.authorized(name, Method::GET, url)).await
    }

    pub(super) fn authorized(&self, name: &'static str, method: Method, url: Url) -> Call {
        let account = &self.inner.account;
        // The header is marked as sensitive there: transport logs do not show it.
        let request = self.inner.http.request(method.clone(), url);
        let request = request.basic_auth(&account.email, Some(account.token.expose_secret()));
        Call { name, method, request }
    }

    async fn ask(&self, call: Call) -> Result<Answer, Error> {
        // Read before the call: what is learned while it runs is about later answers.
        let expected = self.answered_to();
        let sent = self.send(call, expected.as_ref()).await?;
        self.read(sent).await
    }

    /// Sends a call when its turn has come and tells the pace what came of it. `expected` is the
    /// account that must have been answered, as far as that is known.
    pub(super) async fn send(
        &self,
        call: Call,
        expected: Option<&HeaderValue>,
    ) -> Result<Sent, Error> {
        let Call { name, method, request } = call;
        let Inner { pace, account_id, .. } = &*self.inner;
        let ask = Ask { kind: (name, method), account: *account_id, priority: self.priority };
        let place = pace.admit(ask).await?;
        let began = Stopwatch::now();
        check_clock(Clock::system().now())?;
        let response = request.send().await?;
        let status = response.status().as_u16();
        let took_ms = began.elapsed().as_millis();
        debug!(call = name, status, took_ms, "jira answered {name} with {status}");
        let checked = answer::check(&response, expected);
        place.tell(&checked);
        Ok(Sent { response, checked, began, _place: place })
    }

    /// Reads a response that can be believed to its end.
    pub(super) async fn read(&self, sent: Sent) -> Result<Answer, Error> {
        let Sent { response, checked, began, _place } = sent;
        checked?;
        let date = super::throttle::date(response.headers());
        let json = answer::json(response, self.inner.account.limits.body_bytes).await?;
        Ok(Answer { json, took: began.elapsed(), date })
    }
}

/// The TLS library panics when the clock shows a time before 1970; so nothing is sent then.
pub(super) fn check_clock(now: Instant) -> Result<(), Error> {
    if now.millis() < 0 {
        return Err(Error::Unreachable { what: Outage::Clock, source: None });
    }
    Ok(())
}

pub(super) fn paged(mut url: Url, start_at: u64, max_results: u32) -> Url {
    url.query_pairs_mut()
        .append_pair("startAt", &start_at.to_string())
        .append_pair("maxResults", &max_results.to_string());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_while_the_clock_shows_a_time_before_1970() {
        let at = |millis| check_clock(Instant::from_millis(millis).unwrap());
        assert!(at(0).is_ok());
        let refused = at(-1);
        assert!(matches!(refused, Err(Error::Unreachable { what: Outage::Clock, .. })));
    }
}
