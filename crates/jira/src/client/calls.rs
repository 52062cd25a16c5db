//! The calls, one function each. A path is made of constants and typed ids; other people's text
//! (JQL, page tokens) travels in a body.

use std::time::{Duration, Instant as Stopwatch};

use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tracing::debug;
use url::Url;

use super::answer::{self, Answer};
use super::query::{Fields, History, IssueQuery};
use super::{Client, Error};
use crate::id::{IssueId, Subject};
use crate::payload::{Field, IdPage, Myself, Page, ServerInfo, TenantInfo};
use crate::time::Instant;

/// Who is answered, learned from `/myself`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub myself: Myself,
    /// How long the call took.
    pub took: Duration,
    /// Jira's clock, to the second.
    pub date: Option<Instant>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// id
    pub id: IssueId,
    /// key
    pub key: Option<crate::id::IssueKey>,
    /// updated
    pub updated: Option<Instant>,
}
/// A page.
#[derive(Debug, Clone)]
pub struct FoundPage {
    /// a
    pub found: Vec<Found>,
    /// b
    pub unreadable: usize,
    /// c
    pub next: Option<String>,
    /// d
    pub is_last: Option<bool>,
}
/// Bulk.
#[derive(Debug)]
pub struct BulkIssues {
    /// a
    pub issues: Vec<Value>,
    /// b
    pub errors: usize,
}
/// Bulk.
#[derive(Debug)]
pub struct BulkChangelogs {
    /// a
    pub histories: Vec<(IssueId, Vec<Value>)>,
    /// b
    pub unreadable: usize,
    /// c
    pub next: Option<String>,
}
/// Urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// a
    Webhook,
    /// b
    Person,
    /// c
    Sla,
    /// d
    Sweep,
    /// e
    Backfill,
}
impl Client {
    /// With a priority.
    pub fn at(&self, _priority: Priority) -> Self {
        self.clone()
    }
}

/// One request: its name in the log, and where it goes.
struct Call {
    name: &'static str,
    request: RequestBuilder,
}

impl Client {
    /// One issue, by id or by a current or former key: under a former key the answer carries the
    /// key of today. That it is the issue which was asked for is for the caller to compare.
    pub async fn issue(&self, subject: &Subject, query: IssueQuery) -> Result<Answer, Error> {
        let mut url = self.url(&["issue", &subject.to_string()]);
        url.query_pairs_mut().extend_pairs(query.pairs());
        let answer = self.get("issue", url).await?;
        if answer.json.is_object() {
            Ok(answer)
        } else {
            Err(Error::Malformed { what: "an issue is not an object" })
        }
    }

    /// A page of the comments, oldest first. Jira gives at most 100.
    pub async fn comments(&self, id: IssueId, start_at: u64) -> Result<Page, Error> {
        let mut url = self.issue_url(id, "comment");
        url.query_pairs_mut().append_pair("orderBy", "created");
        self.page("comments", paged(url, start_at, 100), &["comments"]).await
    }

    /// A page of the history, oldest first. Jira gives at most 100.
    pub async fn changelog(&self, id: IssueId, start_at: u64) -> Result<Page, Error> {
        let url = paged(self.issue_url(id, "changelog"), start_at, 100);
        self.page("changelog", url, &["values", "histories"]).await
    }

    /// A page of the worklogs. Jira gives at most 5,000.
    pub async fn worklogs(&self, id: IssueId, start_at: u64) -> Result<Page, Error> {
        let url = paged(self.issue_url(id, "worklog"), start_at, 5000);
        self.page("worklogs", url, &["worklogs"]).await
    }

    /// All remote links: they are not paged.
    pub async fn remote_links(&self, id: IssueId) -> Result<Vec<Value>, Error> {
        match self.get("remote_links", self.issue_url(id, "remotelink")).await?.json {
            Value::Array(links) => Ok(links),
            link @ Value::Object(_) if link.get("object").is_some() => Ok(vec![link]),
            _ => Err(Error::Malformed { what: "remote links are not a list" }),
        }
    }

    /// The account. An anonymous caller gets 401 here and nowhere else.
    pub async fn myself(&self) -> Result<Myself, Error> {
        self.identify().await.map(|identity| identity.myself)
    }

    /// Asks who is answered, and remembers it: from now on an answer that was given to anybody else
    /// is [`Error::Anonymous`].
    pub async fn identify(&self) -> Result<Identity, Error> {
        let call = self.authorized("myself", Method::GET, self.url(&["myself"]));
        let began = Stopwatch::now();
        let response = self.send(call).await?;
        answer::check(&response, None)?;
        let account = answer::account(response.headers());
        let Answer { json, took, date } = self.read(response, began).await?;
        let myself = Myself::read(&json).ok_or(Error::Malformed { what: "no account id" })?;
        self.remember(account);
        Ok(Identity { myself, took, date })
    }

    /// What the site says about itself.
    pub async fn server_info(&self) -> Result<ServerInfo, Error> {
        let answer = self.get("server_info", self.url(&["serverInfo"])).await?;
        ServerInfo::read(&answer.json).ok_or(Error::Malformed { what: "no server information" })
    }

    /// The fields that the account sees at once; those of team-managed projects can be missing, see
    /// [`Client::field_search`].
    pub async fn fields(&self) -> Result<Vec<Field>, Error> {
        let answer = self.get("fields", self.url(&["field"])).await?;
        let list =
            answer.json.as_array().ok_or(Error::Malformed { what: "fields are not a list" })?;
        Ok(list.iter().filter_map(Field::read).collect())
    }

    /// A page of the searchable catalogue of fields ([`Field::read`] reads an entry). Jira gives at
    /// most 50.
    pub async fn field_search(&self, start_at: u64) -> Result<Page, Error> {
        let url = paged(self.url(&["field", "search"]), start_at, 50);
        self.page("field_search", url, &["values"]).await
    }

    /// A page of what a bounded JQL query finds, by id and key.
    pub async fn search_keys(&self, jql: &str, token: Option<&str>) -> Result<FoundPage, Error> {
        self.search_found(jql, "key", token).await
    }

    /// A page of what a bounded JQL query finds, with the time of the last change.
    pub async fn search_updated(&self, jql: &str, token: Option<&str>) -> Result<FoundPage, Error> {
        self.search_found(jql, "updated", token).await
    }

    /// Up to 100 issues.
    pub async fn bulk_issues(
        &self,
        ids: &[IssueId],
        fields: &Fields,
        _history: History,
    ) -> Result<BulkIssues, Error> {
        let fields: Vec<String> = match fields {
            Fields::All => vec!["*all".to_owned()],
            Fields::These(ids) => ids.iter().map(ToString::to_string).collect(),
        };
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let body = json!({"issueIdsOrKeys": ids, "fields": fields});
        let mut call =
            self.authorized("bulk_issues", Method::POST, self.url(&["issue", "bulkfetch"]));
        call.request = call.request.json(&body);
        let mut answer = self.ask(call).await?;
        let issues = answer.json.get_mut("issues").map(Value::take);
        let Some(Value::Array(issues)) = issues else {
            return Err(Error::Malformed { what: "no list of issues" });
        };
        Ok(BulkIssues { issues, errors: 0 })
    }

    /// A page of histories.
    pub async fn bulk_changelogs(
        &self,
        ids: &[IssueId],
        token: Option<&str>,
    ) -> Result<BulkChangelogs, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut body = json!({"issueIdsOrKeys": ids, "maxResults": 1000});
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("nextPageToken".to_owned(), token.into());
        }
        let mut call =
            self.authorized("bulk_changelogs", Method::POST, self.url(&["changelog", "bulkfetch"]));
        call.request = call.request.json(&body);
        let answer = self.ask(call).await?;
        let list = answer
            .json
            .get("issueChangeLogs")
            .and_then(Value::as_array)
            .ok_or(Error::Malformed { what: "no histories" })?;
        let histories: Vec<_> = list
            .iter()
            .filter_map(|one| {
                let id = one.get("issueId")?.as_str()?.parse().ok()?;
                let mut list = one.get("changeHistories")?.as_array()?.clone();
                for history in &mut list {
                    if let Some(at) = history.get("created").and_then(Value::as_i64) {
                        let at = if at < 100_000_000_000 { at * 1000 } else { at };
                        if let Some(at) = Instant::from_millis(at) {
                            history["created"] = at.iso().into();
                        }
                    }
                }
                Some((id, list))
            })
            .collect();
        let unreadable = list.len() - histories.len();
        let next = answer.json.get("nextPageToken").and_then(Value::as_str).map(str::to_owned);
        Ok(BulkChangelogs { histories, unreadable, next })
    }

    async fn search_found(
        &self,
        jql: &str,
        field: &str,
        token: Option<&str>,
    ) -> Result<FoundPage, Error> {
        let mut body = json!({"jql": jql, "maxResults": 5000, "fields": [field]});
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("nextPageToken".to_owned(), token.into());
        }
        let mut call = self.authorized("search", Method::POST, self.url(&["search", "jql"]));
        call.request = call.request.json(&body);
        let answer = self.ask(call).await?;
        let entries = answer
            .json
            .get("issues")
            .and_then(Value::as_array)
            .ok_or(Error::Malformed { what: "no list of issues" })?;
        let found: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                let text = |name: &str| entry.get(name).and_then(Value::as_str);
                Some(Found {
                    id: text("id")?.parse().ok()?,
                    key: text("key").and_then(|key| key.parse().ok()),
                    updated: entry
                        .pointer("/fields/updated")
                        .and_then(Value::as_str)
                        .and_then(Instant::parse),
                })
            })
            .collect();
        let page =
            IdPage::read(&answer.json).ok_or(Error::Malformed { what: "no list of issues" })?;
        Ok(FoundPage {
            unreadable: entries.len() - found.len(),
            found,
            next: page.next,
            is_last: page.is_last,
        })
    }

    /// The site's cloud id. Asked at the site without credentials; the gateway does not know it.
    pub async fn tenant_info(&self) -> Result<TenantInfo, Error> {
        let url = self.base().host(&["_edge", "tenant_info"]);
        let call = Call { name: "tenant_info", request: self.inner.http.get(url) };
        let began = Stopwatch::now();
        let response = self.send(call).await?;
        answer::check(&response, None)?;
        let answer = self.read(response, began).await?;
        TenantInfo::read(&answer.json).ok_or(Error::Malformed { what: "no cloud id" })
    }

    fn url(&self, segments: &[&str]) -> Url {
        self.base().api(&[&["rest", "api", "3"], segments].concat())
    }

    fn issue_url(&self, id: IssueId, list: &str) -> Url {
        self.url(&["issue", &id.to_string(), list])
    }

    async fn page(&self, name: &'static str, url: Url, lists: &[&str]) -> Result<Page, Error> {
        let answer = self.get(name, url).await?;
        Page::read(answer.json, lists).ok_or(Error::Malformed { what: "a page without its list" })
    }

    async fn get(&self, name: &'static str, url: Url) -> Result<Answer, Error> {
        self.ask(self.authorized(name, Method::GET, url)).await
    }

    fn authorized(&self, name: &'static str, method: Method, url: Url) -> Call {
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

    async fn send(&self, call: Call) -> Result<Response, Error> {
        let Call { name, request } = call;
        let began = Stopwatch::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let took_ms = began.elapsed().as_millis();
        debug!(call = name, status, took_ms, "jira answered {name} with {status}");
        Ok(response)
    }

    async fn read(&self, response: Response, began: Stopwatch) -> Result<Answer, Error> {
        let date = super::throttle::date(response.headers());
        let json = answer::json(response, self.inner.account.limits.body_bytes).await?;
        Ok(Answer { json, took: began.elapsed(), date })
    }
}

fn paged(mut url: Url, start_at: u64, max_results: u32) -> Url {
    url.query_pairs_mut()
        .append_pair("startAt", &start_at.to_string())
        .append_pair("maxResults", &max_results.to_string());
    url
}
