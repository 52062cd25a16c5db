//! One page of a list: the `startAt` style with its several names for the list, and the page of
//! ids that the search answers.

use serde_json::Value;

use super::text;
use crate::id::{IssueId, IssueKey};

/// One page of a `startAt` list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Where Jira says the page starts.
    pub start_at: Option<u64>,
    /// How long Jira says the whole list is, at this moment.
    pub total: Option<u64>,
    /// Whether Jira says it is the last page; only some lists say so.
    pub is_last: Option<bool>,
    /// The entries.
    pub items: Vec<Value>,
}

impl Page {
    /// Reads a page whose list goes by one of `names`. Without the list it is no page: a list that
    /// is missing or not a list is never taken for an empty one.
    pub fn read(mut json: Value, names: &[&str]) -> Option<Self> {
        let number = |name: &str| json.get(name).and_then(Value::as_u64);
        let (start_at, total) = (number("startAt"), number("total"));
        let is_last = json.get("isLast").and_then(Value::as_bool);
        let list = names.iter().find(|name| json.get(**name).is_some_and(Value::is_array))?;
        let Value::Array(items) = json.get_mut(*list)?.take() else { return None };
        Some(Self { start_at, total, is_last, items })
    }
}

/// One page of what a search finds. A short page is not the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPage {
    /// The issues, by id; the key is there if Jira told it.
    pub issues: Vec<(IssueId, Option<IssueKey>)>,
    /// Entries without a readable id. Not zero means that something was not read.
    pub unreadable: usize,
    /// The token of the next page; none when Jira says that this is the last, or gives no token.
    pub next: Option<String>,
    /// What Jira itself says about being the last page.
    pub is_last: Option<bool>,
}

impl IdPage {
    /// Reads the answer of `POST /search/jql`.
    pub fn read(json: &Value) -> Option<Self> {
        let entries = json.get("issues")?.as_array()?;
        let issues: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                let id = match entry.get("id")? {
                    Value::String(id) => id.parse().ok()?,
                    number => IssueId::new(number.as_i64()?).ok()?,
                };
                Some((id, text(entry, "key").and_then(|key| key.parse().ok())))
            })
            .collect();
        let is_last = json.get("isLast").and_then(Value::as_bool);
        let token = text(json, "nextPageToken").filter(|token| !token.is_empty());
        Some(Self {
            unreadable: entries.len().saturating_sub(issues.len()),
            issues,
            next: token.filter(|_| is_last != Some(true)),
            is_last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_list_is_not_an_empty_list() {
        let names = ["comments"];
        for bad in [json!({}), json!([]), json!({"comments": null}), json!({"comments": {}})] {
            assert_eq!(Page::read(bad.clone(), &names), None, "{bad}");
        }
        let empty = Page::read(json!({"comments": [], "total": 0}), &names).unwrap();
        assert_eq!((empty.items.len(), empty.total), (0, Some(0)));
    }

    #[test]
    fn a_total_that_is_not_a_count_is_unknown() {
        for odd in [json!(-1), json!("7"), json!(1.5), json!(null)] {
            let page = Page::read(json!({"values": [], "total": odd}), &["values"]).unwrap();
            assert_eq!(page.total, None);
        }
    }

    #[test]
    fn the_search_ends_where_jira_says_so() {
        let check = |json: Value, next: Option<&str>| {
            assert_eq!(IdPage::read(&json).unwrap().next.as_deref(), next, "{json}");
        };
        check(json!({"issues": [], "nextPageToken": "t", "isLast": false}), Some("t"));
        check(json!({"issues": [], "nextPageToken": "t"}), Some("t"));
        check(json!({"issues": [], "nextPageToken": "t", "isLast": true}), None);
        check(json!({"issues": [], "nextPageToken": null, "isLast": true}), None);
        check(json!({"issues": []}), None);
    }

    #[test]
    fn an_entry_without_a_readable_id_is_counted() {
        let json = json!({"issues": [
            {"id": "7", "key": "A-1"}, {"id": 8}, {"id": "x", "key": "A-2"}, 3, {"id": "9", "key": "../"},
        ]});
        let page = IdPage::read(&json).unwrap();
        let key = |text: &str| text.parse::<IssueKey>().ok();
        let id = |n| IssueId::new(n).unwrap();
        assert_eq!(page.issues, vec![(id(7), key("A-1")), (id(8), None), (id(9), None)]);
        assert_eq!(page.unreadable, 2);
        assert_eq!(IdPage::read(&json!({"errors": {}})), None);
    }
}
