//! Many issues in one request. Both calls leave out without a word what was deleted or is hidden:
//! what did not come has to be looked at one by one before anything is concluded from it.

use serde_json::{Value, json};

use super::{Client, Error, Fields, History};
use crate::id::IssueId;
use crate::payload::{BulkChangelogs, BulkIssues, FieldId};

/// The most issues that [`Client::bulk_issues`] may be asked for; Jira refuses more.
pub const BULK_ISSUES: usize = 100;

/// The most issues that [`Client::bulk_changelogs`] may be asked for; Jira refuses more.
pub const BULK_CHANGELOGS: usize = 1_000;

/// Entries of a page of changelogs. Jira would give 10,000, but one entry can hold a description's
/// two texts of 32,767 characters: so many of those would exceed the bound of any body.
const HISTORIES: u32 = 1_000;

impl Client {
    /// Up to [`BULK_ISSUES`] issues, in the order of their ids and not of the request. Embedded are
    /// the newest 20 comments, 20 worklogs and 40 changelog entries: fewer than with one issue.
    pub async fn bulk_issues(
        &self,
        ids: &[IssueId],
        fields: &Fields,
        history: History,
    ) -> Result<BulkIssues, Error> {
        if ids.is_empty() {
            return Ok(BulkIssues::default());
        }
        // Without a list it would be the fields that Jira's own lists show.
        let fields: Vec<&str> = match fields {
            Fields::All => vec!["*all"],
            Fields::These(none) if none.is_empty() => vec!["id"],
            Fields::These(some) => some.iter().map(FieldId::as_str).collect(),
        };
        let mut body = json!({"issueIdsOrKeys": ids, "fields": fields});
        match history {
            History::Embed => insert(&mut body, "expand", json!(["changelog"])),
            History::Leave => {}
        }
        let answer = self.post("bulk_issues", self.url(&["issue", "bulkfetch"]), &body).await?;
        BulkIssues::read(answer.json).ok_or(Error::Malformed { what: "no list of issues" })
    }

    /// A page of the histories of up to [`BULK_CHANGELOGS`] issues, oldest change first over all of
    /// them: one issue's history may go on with the next page.
    pub async fn bulk_changelogs(
        &self,
        ids: &[IssueId],
        token: Option<&str>,
    ) -> Result<BulkChangelogs, Error> {
        if ids.is_empty() {
            return Ok(BulkChangelogs::default());
        }
        let mut body = json!({"issueIdsOrKeys": ids, "maxResults": HISTORIES});
        if let Some(token) = token {
            insert(&mut body, "nextPageToken", token.into());
        }
        let url = self.url(&["changelog", "bulkfetch"]);
        let answer = self.post("bulk_changelogs", url, &body).await?;
        BulkChangelogs::read(answer.json).ok_or(Error::Malformed { what: "no list of changelogs" })
    }
}

fn insert(body: &mut Value, name: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value);
    }
}
