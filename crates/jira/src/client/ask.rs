//! How a call is made: its URL, its credentials, and the way from the request to an answer that can
//! be believed.

use std::time::Instant as Stopwatch;

use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use tracing::debug;
use url::Url;

use super::answer::{self, Answer};
use super::{Client, Error};
use crate::payload::Page;

/// One request: its name in the log, and where it goes.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) request: RequestBuilder,
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
        let request = self.inner.http.request(method, url);
        let request = request.basic_auth(&account.email, Some(account.token.expose_secret()));
        Call { name, request }
    }

    async fn ask(&self, call: Call) -> Result<Answer, Error> {
        // Read before the call: what is learned while it runs is about later answers.
        let expected = self.answered_to();
        let began = Stopwatch::now();
        let response = self.send(call).await?;
        answer::check(&response, expected.as_ref())?;
        self.read(response, began).await
    }

    pub(super) async fn send(&self, call: Call) -> Result<Response, Error> {
        let Call { name, request } = call;
        let began = Stopwatch::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let took_ms = began.elapsed().as_millis();
        debug!(call = name, status, took_ms, "jira answered {name} with {status}");
        Ok(response)
    }

    pub(super) async fn read(&self, response: Response, began: Stopwatch) -> Result<Answer, Error> {
        let date = super::throttle::date(response.headers());
        let json = answer::json(response, self.inner.account.limits.body_bytes).await?;
        Ok(Answer { json, took: began.elapsed(), date })
    }
}

pub(super) fn paged(mut url: Url, start_at: u64, max_results: u32) -> Url {
    url.query_pairs_mut()
        .append_pair("startAt", &start_at.to_string())
        .append_pair("maxResults", &max_results.to_string());
    url
}
