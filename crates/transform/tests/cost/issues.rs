//! Issues in which something long is said once and could be repeated in every row.

use serde_json::{Value, json};

use super::shapes::{document, many};

/// A kind of issue; `make` returns one of about so many bytes.
pub(crate) struct Issue {
    pub(crate) name: &'static str,
    pub(crate) make: fn(usize) -> Value,
}

const fn issue(name: &'static str, make: fn(usize) -> Value) -> Issue {
    Issue { name, make }
}

pub(crate) const ISSUES: &[Issue] = &[
    issue("a change's id", |size| change(size, "id")),
    issue("a change's author", |size| change(size, "author")),
    issue("a change's odd author", |size| {
        history(&json!([{"id": "1", "items": many(size / 2, json!({})),
            "author": {"displayName": many(size / 2, json!("\""))}}]))
    }),
    issue("many changes", |size| {
        let change = json!({"id": "a".repeat(50), "items": [{}, {}, {}]});
        history(&many(size, change))
    }),
    issue("keys", |size| {
        let moved = json!({"field": "Key", "fromString": "ABCDEFGHIJ-1000000000"});
        history(&json!([{"id": "1", "items": many(size, moved)}]))
    }),
    issue("a comment's id", |size| {
        let media = json!({"type": "media", "attrs": {"id": "m"}});
        let comment = json!({"id": long(size), "body": document(&many(size / 2, media))});
        fields(json!({"comment": {"comments": [comment]}}))
    }),
    issue("an attachment's id behind its name", |size| {
        let media = json!({"type": "media", "attrs": {"id": "m", "alt": "f"}});
        fields(json!({"attachment": [{"id": long(size), "filename": "f"}],
            "description": document(&many(size / 2, media))}))
    }),
    issue("an attachment's id behind its media", |size| {
        let media = json!({"type": "media", "attrs": {"id": "m"}});
        let mut issue = fields(json!({"description": document(&many(size / 2, media))}));
        issue["_attachments"] = json!({long(size): {"media_id": "m"}});
        issue
    }),
    issue("a claim of many attachments", |size| {
        let mut issue = fields(json!({"attachment": many(size / 2, json!({"id": "1"}))}));
        issue["_attachments"] = json!({"1": {"media_id": long(size)}});
        issue
    }),
    issue("an odd claim of many attachments", |size| {
        let mut issue = fields(json!({"attachment": many(size / 2, json!({"id": "1"}))}));
        issue["_attachments"] = json!({"1": {"state": many(size / 2, json!("a"))}});
        issue
    }),
    issue("a metric's name", |size| {
        let metric = json!({"name": long(size), "completedCycles": many(size / 2, json!({}))});
        fields(json!({"customfield_10161": metric}))
    }),
    issue("a metric's id", |size| {
        let id = format!("customfield_{}7", "0".repeat(size / 2));
        fields(json!({id: {"completedCycles": many(size / 2, json!({}))}}))
    }),
    issue("the key", |size| {
        let mut issue = history(&json!([{"id": "1", "items": many(size, json!({}))}]));
        issue["key"] = json!(format!("{}-1", "A".repeat(255)));
        issue
    }),
    issue("metrics", |size| {
        let metric = json!({"completedCycles": [{}]});
        let fields_of = (0..size / 40).map(|n| (format!("customfield_{n}"), metric.clone()));
        fields(Value::Object(fields_of.collect()))
    }),
];

fn long(size: usize) -> String {
    "a".repeat(size / 2)
}

fn fields(fields: Value) -> Value {
    json!({"id": "10021", "key": "SUPPORT-15186", "fields": fields})
}

fn history(histories: &Value) -> Value {
    json!({"id": "10021", "key": "SUPPORT-15186", "fields": {},
        "changelog": {"histories": histories}})
}

fn change(size: usize, member: &str) -> Value {
    let said = if member == "author" {
        json!({"displayName": "a".repeat(size / 6), "accountId": "b".repeat(size / 6),
            "emailAddress": "c".repeat(size / 6)})
    } else {
        json!(long(size))
    };
    history(&json!([{member: said, "items": many(size / 2, json!({}))}]))
}
