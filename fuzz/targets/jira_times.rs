//! Jira's times, dates and ids: what is read, printed and read again is the same.

#![no_main]

use jira::id::{AttachmentId, IssueId, IssueKey, MediaId, Subject};
use jira::payload::BulkChangelogs;
use jira::time::{Instant, Month, is_date};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let read = Instant::parse(text);
    let number = text.parse().ok().and_then(Instant::from_millis);
    for at in [read, number].into_iter().flatten() {
        instant(at);
    }
    if let Ok(month) = text.parse::<Month>() {
        assert_eq!(month.to_string(), text);
    }
    if is_date(text) {
        let at = Instant::parse(&format!("{text}T00:00:00.000+0000"));
        assert_eq!(at.map(Instant::date).as_deref(), Some(text));
    }
    ids(text);
    histories(text);
});

fn instant(at: Instant) {
    for form in [at.iso(), at.jira()] {
        assert_eq!(Instant::parse(&form), Some(at), "{form}");
        let colon = form.replace("+0000", "+00:00");
        assert_eq!(Instant::parse(&colon), Some(at), "{colon}");
    }
    assert_eq!(Instant::from_millis(at.millis()), Some(at));
    assert_eq!(at.micros(), at.millis() * 1000);
    let month = Month::of(Some(at));
    assert_eq!(month.to_string().parse::<Month>().as_ref(), Ok(&month));
    if month != Month::UNKNOWN {
        assert!(is_date(&at.date()) && at.date().starts_with(&month.to_string()));
    }
}

fn ids(text: &str) {
    if let Ok(id) = text.parse::<IssueId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = text.parse::<AttachmentId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(key) = text.parse::<IssueKey>() {
        assert_eq!(format!("{}-{}", key.project(), key.number()), text);
        assert!(text.len() <= 274 && text.is_ascii());
    }
    if let Ok(id) = text.parse::<MediaId>() {
        assert!(id.as_str().eq_ignore_ascii_case(text));
    }
    if let Ok(subject) = text.parse::<Subject>() {
        assert_eq!(subject.to_string(), text);
    }
}

/// A history's time in any form becomes one that is read as the same instant, or stays.
fn histories(text: &str) {
    for created in [Value::from(text), serde_json::from_str(text).unwrap_or_default()] {
        let page = json!({"issueChangeLogs": [
            {"issueId": "7", "changeHistories": [{"created": created}]}]});
        let page = BulkChangelogs::read(page).expect("it has a list");
        let usual = &page.histories[0].1[0]["created"];
        if *usual != created {
            let at = usual.as_str().and_then(Instant::parse);
            assert_eq!(at.map(Instant::jira).as_deref(), usual.as_str(), "{created}");
        }
    }
}
