//! The answers of the bulk reads.

use serde_json::Value;

use super::text;
use crate::id::IssueId;
use crate::time::Instant;

/// Several whole issues. One that was asked for and is not here was deleted, is hidden, or could
/// not be given now: only a look at it alone says which.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BulkIssues {
    /// The issues that came, in the order of their ids.
    pub issues: Vec<Value>,
    /// How many Jira says it could not give now; they are among those that did not come.
    pub errors: usize,
}

impl BulkIssues {
    /// Reads the answer of `POST /issue/bulkfetch`.
    pub fn read(mut json: Value) -> Option<Self> {
        let errors = json.get("issueErrors").and_then(Value::as_array).map_or(0, Vec::len);
        let Value::Array(issues) = json.get_mut("issues")?.take() else { return None };
        Some(Self { issues, errors })
    }
}

/// A page of the histories of several issues.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BulkChangelogs {
    /// Entries by issue, oldest first; an issue goes on with the next page. The `created` of each is
    /// in the form that all other answers have.
    pub histories: Vec<(IssueId, Vec<Value>)>,
    /// Parts without a readable issue or list. Not zero means that something was not read.
    pub unreadable: usize,
    /// The token of the next page.
    pub next: Option<String>,
}

impl BulkChangelogs {
    /// Reads the answer of `POST /changelog/bulkfetch`.
    pub fn read(mut json: Value) -> Option<Self> {
        let next = text(&json, "nextPageToken").filter(|token| !token.is_empty());
        let Value::Array(logs) = json.get_mut("issueChangeLogs")?.take() else { return None };
        let count = logs.len();
        let histories: Vec<_> = logs.into_iter().filter_map(history_of_one).collect();
        Some(Self { unreadable: count.saturating_sub(histories.len()), histories, next })
    }
}

fn history_of_one(mut log: Value) -> Option<(IssueId, Vec<Value>)> {
    let id = IssueId::read(log.get("issueId")?)?;
    let Value::Array(mut histories) = log.get_mut("changeHistories")?.take() else { return None };
    for created in histories.iter_mut().filter_map(|history| history.get_mut("created")) {
        if let Some(usual) = usual_form(created) {
            *created = usual.into();
        }
    }
    Some((id, histories))
}

/// A time in Jira's usual form, if it is another one: Atlassian's description shows epoch seconds
/// here, its schema says a date, and both have been seen.
fn usual_form(created: &Value) -> Option<String> {
    let at = match created {
        Value::String(text) if is_usual(text) => return None,
        Value::String(text) => Instant::parse(text).or_else(|| epoch(text)),
        Value::Number(number) => epoch(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    at.map(Instant::jira)
}

/// `2026-02-03T12:06:52.829+0100`: the offset, whatever it is, has no colon.
fn is_usual(text: &str) -> bool {
    let sign = text.len().checked_sub("+0100".len()).and_then(|at| text.as_bytes().get(at));
    matches!(sign, Some(b'+' | b'-')) && Instant::parse(text).is_some()
}

/// Seconds with or without a fraction, or milliseconds: as milliseconds the first hundred billion
/// ended in 1973, as seconds they last until the year 5138.
fn epoch(text: &str) -> Option<Instant> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // The number parser would take a sign.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let millis = if whole < 100_000_000_000 {
        let thousandths: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        whole.saturating_mul(1000).saturating_add(thousandths)
    } else {
        whole
    };
    Instant::from_millis(i64::try_from(millis).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn created(created: Value) -> Value {
        let json = json!({"issueChangeLogs": [
            {"issueId": "7", "changeHistories": [{"id": "1", "created": created}]},
        ]});
        BulkChangelogs::read(json).unwrap().histories[0].1[0]["created"].take()
    }

    #[test]
    fn every_time_has_jiras_usual_form() {
        let check = |from: Value, to: Value| assert_eq!(created(from.clone()), to, "{from}");
        let usual = json!("2026-02-03T11:06:52.829+0000");
        check(json!(1_770_116_812_829_i64), usual.clone());
        check(json!("1770116812829"), usual.clone());
        check(json!("2026-02-03T12:06:52.829+01:00"), usual.clone());
        check(json!("2026-02-03T11:06:52.829Z"), usual.clone());
        check(json!(1_770_116_812.829), usual);
        check(json!(1_770_116_812), json!("2026-02-03T11:06:52.000+0000"));
        check(json!("1770116812"), json!("2026-02-03T11:06:52.000+0000"));
        check(json!(1_492_070_429), json!("2017-04-13T08:00:29.000+0000"));
    }

    #[test]
    fn what_is_in_it_or_cannot_be_read_stays_as_it_came() {
        for same in [
            json!("2026-02-03T12:06:52.829+0100"),
            json!("2026-02-03T12:06:52.829-0330"),
            json!("yesterday"),
            json!("+0100"),
            json!(""),
            json!(-5),
            json!(u64::MAX),
            json!(1e300),
            json!(null),
            json!({}),
        ] {
            assert_eq!(created(same.clone()), same);
        }
    }

    #[test]
    fn an_issue_may_come_in_parts_and_an_unreadable_part_is_counted() {
        let json = json!({"nextPageToken": "t", "issueChangeLogs": [
            {"issueId": "7", "changeHistories": [{"id": "1"}, {"id": "2"}]},
            {"issueId": 8, "changeHistories": []},
            {"issueId": "x", "changeHistories": []},
            {"issueId": "9"},
            3,
        ]});
        let page = BulkChangelogs::read(json).unwrap();
        let id = |n| IssueId::new(n).unwrap();
        let first = (id(7), vec![json!({"id": "1"}), json!({"id": "2"})]);
        assert_eq!(page.histories, [first, (id(8), vec![])]);
        assert_eq!((page.unreadable, page.next.as_deref()), (3, Some("t")));
    }

    #[test]
    fn the_last_page_has_no_token_and_no_list_is_not_an_empty_one() {
        let last = |token: Value| {
            BulkChangelogs::read(json!({"issueChangeLogs": [], "nextPageToken": token})).unwrap()
        };
        assert_eq!(last(json!(null)), BulkChangelogs::default());
        assert_eq!(last(json!("")), BulkChangelogs::default());
        for bad in [json!({}), json!([]), json!({"issueChangeLogs": null, "issues": null})] {
            assert_eq!(BulkChangelogs::read(bad.clone()), None, "{bad}");
            assert_eq!(BulkIssues::read(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn issues_that_jira_could_not_give_are_counted() {
        let json =
            json!({"issues": [{"id": "7"}], "issueErrors": [{"id": "8", "errorMessage": "later"}]});
        let page = BulkIssues::read(json).unwrap();
        assert_eq!(page, BulkIssues { issues: vec![json!({"id": "7"})], errors: 1 });
    }
}
