//! One page of a list that is asked for by position, with its several names for the same things.

use serde_json::Value;

/// One page of a list.
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
        // The second names are those of the service desk.
        let start_at = number("startAt").or_else(|| number("start"));
        let total = number("total");
        let is_last = json.get("isLast").or_else(|| json.get("isLastPage"));
        let is_last = is_last.and_then(Value::as_bool);
        let list = names.iter().find(|name| json.get(**name).is_some_and(Value::is_array))?;
        let Value::Array(items) = json.get_mut(*list)?.take() else { return None };
        Some(Self { start_at, total, is_last, items })
    }

    /// Reads a page that is nothing but its list: the first empty one is the end.
    pub fn bare(json: Value) -> Option<Self> {
        let Value::Array(items) = json else { return None };
        Some(Self { start_at: None, total: None, is_last: None, items })
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
    fn the_service_desk_has_its_own_names() {
        let json = json!({"size": 1, "start": 50, "limit": 50, "isLastPage": true, "values": [{"id": "3"}]});
        let page = Page::read(json, &["values"]).unwrap();
        assert_eq!((page.start_at, page.is_last, page.total), (Some(50), Some(true), None));
    }

    #[test]
    fn a_bare_list_says_nothing_about_its_end() {
        let page = Page::bare(json!([{"accountId": "a"}])).unwrap();
        assert_eq!((page.items.len(), page.is_last, page.total), (1, None, None));
        for bad in [json!({}), json!({"values": []}), json!(null)] {
            assert_eq!(Page::bare(bad.clone()), None, "{bad}");
        }
    }
}
