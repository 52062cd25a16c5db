//! One page of what a search finds. A short page, even an empty one, is not the last one.

use serde_json::Value;

use super::text;
use crate::id::{IssueId, IssueKey};
use crate::time::Instant;

/// A page of issues with the fields that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// The issues, as they came.
    pub issues: Vec<Value>,
    /// The token of the next page; none when Jira says that this is the last, or gives no token.
    pub next: Option<String>,
    /// What Jira itself says about being the last page. `Some(false)` without a token means that
    /// the search broke off.
    pub is_last: Option<bool>,
}

impl SearchPage {
    /// Reads the answer of `POST /search/jql`.
    pub fn read(mut json: Value) -> Option<Self> {
        let (next, is_last) = ending(&json);
        let Value::Array(issues) = json.get_mut("issues")?.take() else { return None };
        Some(Self { issues, next, is_last })
    }
}

/// One issue that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its identity.
    pub id: IssueId,
    /// Its key, if Jira told it.
    pub key: Option<IssueKey>,
    /// When it last changed, if that was asked for and can be read.
    pub updated: Option<Instant>,
}

impl Found {
    fn read(json: &Value) -> Option<Self> {
        Some(Self {
            id: IssueId::read(json.get("id")?)?,
            key: text(json, "key").and_then(|key| key.parse().ok()),
            updated: json
                .pointer("/fields/updated")
                .and_then(Value::as_str)
                .and_then(Instant::parse),
        })
    }
}

/// A page of identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPage {
    /// The issues.
    pub found: Vec<Found>,
    /// Entries without a readable id. Not zero means that something was not read.
    pub unreadable: usize,
    /// As [`SearchPage::next`].
    pub next: Option<String>,
    /// As [`SearchPage::is_last`].
    pub is_last: Option<bool>,
}

impl FoundPage {
    /// Reads the answer of `POST /search/jql`.
    pub fn read(json: &Value) -> Option<Self> {
        let entries = json.get("issues")?.as_array()?;
        let found: Vec<Found> = entries.iter().filter_map(Found::read).collect();
        let (next, is_last) = ending(json);
        Some(Self { unreadable: entries.len().saturating_sub(found.len()), found, next, is_last })
    }
}

/// The next page's token, and whether Jira says that there is none.
fn ending(json: &Value) -> (Option<String>, Option<bool>) {
    let is_last = json.get("isLast").and_then(Value::as_bool);
    let token = text(json, "nextPageToken").filter(|token| !token.is_empty());
    (token.filter(|_| is_last != Some(true)), is_last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_search_ends_where_jira_says_so() {
        let check = |json: Value, next: Option<&str>| {
            assert_eq!(FoundPage::read(&json).unwrap().next.as_deref(), next, "{json}");
            assert_eq!(SearchPage::read(json).unwrap().next.as_deref(), next);
        };
        check(json!({"issues": [], "nextPageToken": "t", "isLast": false}), Some("t"));
        check(json!({"issues": [], "nextPageToken": "t"}), Some("t"));
        check(json!({"issues": [], "nextPageToken": "t", "isLast": true}), None);
        check(json!({"issues": [], "nextPageToken": null, "isLast": true}), None);
        check(json!({"issues": [], "nextPageToken": ""}), None);
        check(json!({"issues": []}), None);
    }

    #[test]
    fn an_entry_without_a_readable_id_is_counted() {
        let json = json!({"issues": [
            {"id": "7", "key": "A-1"}, {"id": 8}, {"id": "x", "key": "A-2"}, 3, {"id": "9", "key": "../"},
        ]});
        let page = FoundPage::read(&json).unwrap();
        let key = |text: &str| text.parse::<IssueKey>().ok();
        let found = |n, key| Found { id: IssueId::new(n).unwrap(), key, updated: None };
        assert_eq!(page.found, [found(7, key("A-1")), found(8, None), found(9, None)]);
        assert_eq!(page.unreadable, 2);
        assert_eq!(FoundPage::read(&json!({"errors": {}})), None);
        assert_eq!(SearchPage::read(json!({"issues": {}})), None);
    }

    #[test]
    fn a_time_that_cannot_be_read_costs_only_itself() {
        let json = json!({"issues": [
            {"id": "7", "fields": {"updated": "2026-02-03T12:06:52.829+0100"}},
            {"id": "8", "fields": {"updated": 1}}, {"id": "9", "fields": null}, {"id": "10", "fields": {"updated": "?"}},
        ]});
        let page = FoundPage::read(&json).unwrap();
        let updated: Vec<_> = page.found.iter().map(|found| found.updated).collect();
        let first = Instant::parse("2026-02-03T11:06:52.829Z");
        assert!(first.is_some());
        assert_eq!(updated, [first, None, None, None]);
    }
}
