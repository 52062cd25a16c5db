//! Searches by JQL. The query and the page token travel in the body; the index behind them lags, so
//! that what a search does not find may be there all the same.

use serde_json::{Value, json};

use super::{Client, Error};
use crate::payload::{FieldId, FoundPage, SearchPage};

/// The most entries that a page may be asked for. Jira gives so many only of ids and keys; with
/// fields it gives 100, and it may give fewer of either.
const MOST_RESULTS: u32 = 5_000;

const NO_LIST: Error = Error::Malformed { what: "no list of issues" };

impl Client {
    /// A page of the issues that a bounded JQL query finds, with these fields (of none, id only).
    /// `page_size` is a wish between 1 and 5,000. A token works for seven days, and only with the
    /// query that it came from.
    pub async fn search(
        &self,
        jql: &str,
        fields: &[FieldId],
        page_size: u32,
        token: Option<&str>,
    ) -> Result<SearchPage, Error> {
        let fields: Vec<&str> = fields.iter().map(FieldId::as_str).collect();
        // An empty list would mean whatever Jira's default is.
        let fields = if fields.is_empty() { vec!["id"] } else { fields };
        let page_size = page_size.clamp(1, MOST_RESULTS);
        SearchPage::read(self.found(jql, &fields, page_size, token).await?).ok_or(NO_LIST)
    }

    /// A page of what a bounded JQL query finds, with the time of each issue's last change.
    pub async fn search_updated(&self, jql: &str, token: Option<&str>) -> Result<FoundPage, Error> {
        let found = self.found(jql, &["updated"], MOST_RESULTS, token).await?;
        FoundPage::read(&found).ok_or(NO_LIST)
    }

    /// A page of what a bounded JQL query finds, without the times: up to 5,000 issues in one page.
    pub async fn search_keys(&self, jql: &str, token: Option<&str>) -> Result<FoundPage, Error> {
        let found = self.found(jql, &["key"], MOST_RESULTS, token).await?;
        FoundPage::read(&found).ok_or(NO_LIST)
    }

    /// About how many issues a bounded JQL query finds; late changes may not be counted yet.
    pub async fn approximate_count(&self, jql: &str) -> Result<u64, Error> {
        let url = self.url(&["search", "approximate-count"]);
        let answer = self.post("approximate_count", url, &json!({"jql": jql})).await?;
        let count = answer.json.get("count").and_then(Value::as_u64);
        count.ok_or(Error::Malformed { what: "no count" })
    }

    async fn found(
        &self,
        jql: &str,
        fields: &[&str],
        page_size: u32,
        token: Option<&str>,
    ) -> Result<Value, Error> {
        let mut body = json!({"jql": jql, "maxResults": page_size, "fields": fields});
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("nextPageToken".to_owned(), token.into());
        }
        let answer = self.post("search", self.url(&["search", "jql"]), &body).await?;
        Ok(answer.json)
    }
}
