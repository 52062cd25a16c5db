//! The calls about one issue, the account and the fields, one function each. A path is made of
//! constants and typed ids; other people's text travels in a body.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::answer::{self, Answer};
use super::ask::{Call, paged};
use super::query::IssueQuery;
use super::{Client, Error};
use crate::id::{IssueId, Subject};
use crate::payload::{Field, Myself, Page, ServerInfo, TenantInfo};
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
        let sent = self.send(call, None).await?;
        let account = answer::account(sent.response.headers());
        let Answer { json, took, date } = self.read(sent).await?;
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

    /// The site's cloud id. Asked at the site without credentials; the gateway does not know it.
    pub async fn tenant_info(&self) -> Result<TenantInfo, Error> {
        let url = self.base().host(&["_edge", "tenant_info"]);
        let request = self.inner.http.get(url);
        let call = Call { name: "tenant_info", method: Method::GET, request };
        let sent = self.send(call, None).await?;
        let answer = self.read(sent).await?;
        TenantInfo::read(&answer.json).ok_or(Error::Malformed { what: "no cloud id" })
    }

    fn issue_url(&self, id: IssueId, list: &str) -> Url {
        self.url(&["issue", &id.to_string(), list])
    }
}
