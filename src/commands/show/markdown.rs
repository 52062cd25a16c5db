//! A ticket as Markdown, for people and models: everything that the snapshot holds, oldest first,
//! nothing made up. What a part lacks is said in words.

use std::fmt::Write;

use jira::time::Instant;
use serde_json::Value;
use transform::{FieldMap, adf, readable};

use crate::report::escaped;

/// Letters of a person's name in a line of the history, which repeats it for each item of a change.
/// Jira's own names are not longer.
const NAME_LETTERS: usize = 255;

/// Letters of a value in a line of the history; that of long texts is in the snapshot.
const VALUE_LETTERS: usize = 120;

/// The whole ticket. Its size MUST be linear in that of the snapshot.
pub(crate) fn ticket(json: &Value, names: &FieldMap) -> String {
    let mut page = Page(String::new());
    let fields = json.get("fields").unwrap_or(&Value::Null);
    page.heading(json, fields);
    page.section("Description", adf::text(at(fields, "/description")).as_deref());
    page.custom_fields(fields, names);
    page.comments(list(fields, "/comment/comments"));
    page.attachments(list(fields, "/attachment"));
    page.links(list(fields, "/issuelinks"), list(json, "/_remote_links"));
    let worklogs = json.get("_worklogs").and_then(Value::as_array);
    page.worklogs(worklogs.map_or_else(|| list(fields, "/worklog/worklogs"), Vec::as_slice));
    page.history(list(json, "/changelog/histories"));
    page.gaps(at(json, "/_parts"));
    page.0
}

/// Writing to a `String` cannot fail, so its results carry nothing.
struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).and_then(|()| self.0.write_char('\n')).unwrap_or_default();
    }

    fn title(&mut self, title: &str) {
        self.line(format_args!("\n## {title}\n"));
    }

    fn section(&mut self, title: &str, text: Option<&str>) {
        if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
            self.title(title);
            self.block(text);
        }
    }

    /// Text over several lines: each line safe on its own.
    fn block(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format_args!("{}", escaped(line)));
        }
    }

    fn heading(&mut self, json: &Value, fields: &Value) {
        self.line(format_args!("# {}: {}\n", text(json, "/key"), text(fields, "/summary")));
        if let Some(deleted) = json.get("_deleted_at").and_then(Value::as_str) {
            self.line(format_args!("**Gone from Jira since {}.**\n", escaped(deleted)));
        }
        for (label, value) in [
            ("Type", text(fields, "/issuetype/name")),
            ("Status", text(fields, "/status/name")),
            ("Priority", text(fields, "/priority/name")),
            ("Resolution", text(fields, "/resolution/name")),
            ("Reporter", text(fields, "/reporter/displayName")),
            ("Assignee", text(fields, "/assignee/displayName")),
            ("Labels", names(list(fields, "/labels"))),
            ("Components", names(list(fields, "/components"))),
            ("Parent", text(fields, "/parent/key")),
            ("Created", when(fields, "/created")),
            ("Updated", when(fields, "/updated")),
            ("Resolved", when(fields, "/resolutiondate")),
            ("Due", text(fields, "/duedate")),
            ("Copied", text(json, "/_synced_at")),
        ] {
            if !value.is_empty() {
                self.line(format_args!("- {label}: {value}"));
            }
        }
    }

    fn custom_fields(&mut self, fields: &Value, names: &FieldMap) {
        let custom = fields.as_object().into_iter().flatten();
        let mut rows: Vec<(String, String)> = custom
            .filter(|(id, value)| id.starts_with("customfield_") && !is_empty(value))
            .filter_map(|(id, value)| {
                let name = names.field(id).map_or(id.as_str(), |field| &field.name);
                Some((name.to_owned(), readable(value)?))
            })
            .collect();
        rows.sort();
        if !rows.is_empty() {
            self.title("Fields");
        }
        for (name, value) in rows {
            self.line(format_args!("- {}: {}", escaped(&name), escaped(&value)));
        }
    }

    fn comments(&mut self, comments: &[Value]) {
        if comments.is_empty() {
            return;
        }
        self.title(&format!("Comments ({})", comments.len()));
        for comment in comments {
            let inside = match comment.get("jsdPublic").and_then(Value::as_bool) {
                Some(false) => " (internal)",
                Some(true) | None => "",
            };
            let author = text(comment, "/author/displayName");
            self.line(format_args!("### {author}, {}{inside}\n", when(comment, "/created")));
            self.block(adf::text(at(comment, "/body")).unwrap_or_default().trim());
            self.line(format_args!(""));
        }
    }

    fn attachments(&mut self, attachments: &[Value]) {
        if !attachments.is_empty() {
            self.title(&format!("Attachments ({})", attachments.len()));
        }
        for file in attachments {
            let size =
                at(file, "/size").as_u64().map_or_else(String::new, |n| format!(", {n} bytes"));
            self.line(format_args!(
                "- {} (id {}{size})",
                text(file, "/filename"),
                text(file, "/id")
            ));
        }
    }

    fn links(&mut self, links: &[Value], remote: &[Value]) {
        if !links.is_empty() || !remote.is_empty() {
            self.title("Links");
        }
        for link in links {
            for (side, words) in
                [("inwardIssue", "/type/inward"), ("outwardIssue", "/type/outward")]
            {
                if let Some(other) = link.get(side) {
                    let (key, summary) = (text(other, "/key"), text(other, "/fields/summary"));
                    let status = text(other, "/fields/status/name");
                    self.line(format_args!("- {} {key}: {summary} [{status}]", text(link, words)));
                }
            }
        }
        for link in remote {
            self.line(format_args!(
                "- {}: {}",
                text(link, "/object/title"),
                text(link, "/object/url")
            ));
        }
    }

    fn worklogs(&mut self, worklogs: &[Value]) {
        if !worklogs.is_empty() {
            self.title(&format!("Work ({})", worklogs.len()));
        }
        for log in worklogs {
            let author = text(log, "/author/displayName");
            let comment = adf::text(at(log, "/comment")).unwrap_or_default().replace('\n', " ");
            let (started, spent) = (when(log, "/started"), text(log, "/timeSpent"));
            self.line(format_args!("- {started} {author}: {spent} {}", escaped(&comment)));
        }
    }

    fn history(&mut self, histories: &[Value]) {
        if histories.is_empty() {
            return;
        }
        self.title(&format!("History ({})", histories.len()));
        let mut ordered: Vec<&Value> = histories.iter().collect();
        ordered.sort_by_key(|entry| at(entry, "/created").as_str().and_then(Instant::parse));
        for entry in ordered {
            let author = cut(text(entry, "/author/displayName"), NAME_LETTERS);
            for item in list(entry, "/items") {
                let change =
                    format!("{} → {}", short(item, "/fromString"), short(item, "/toString"));
                let (at, field) = (when(entry, "/created"), text(item, "/field"));
                self.line(format_args!("- {at} {author}: {field}: {change}"));
            }
        }
    }

    /// Parts that are not complete, so that nobody takes a gap for an absence.
    fn gaps(&mut self, parts: &Value) {
        let parts = parts.as_object().into_iter().flatten();
        let gaps: Vec<_> =
            parts.filter(|(_, part)| at(part, "/complete").as_bool() == Some(false)).collect();
        if !gaps.is_empty() {
            self.title("Not complete");
        }
        for (name, part) in gaps {
            self.line(format_args!("- {}: {}", escaped(name), text(part, "/reason")));
        }
    }
}

fn at<'a>(json: &'a Value, path: &str) -> &'a Value {
    json.pointer(path).unwrap_or(&Value::Null)
}

fn list<'a>(json: &'a Value, path: &str) -> &'a [Value] {
    at(json, path).as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Value, path: &str) -> String {
    match at(json, path) {
        Value::String(text) => escaped(text),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// A change's value in one line.
fn short(json: &Value, path: &str) -> String {
    let whole = text(json, path);
    if whole.is_empty() { "(empty)".to_owned() } else { cut(whole, VALUE_LETTERS) }
}

/// The text, of which no more than so many letters are left.
fn cut(whole: String, letters: usize) -> String {
    match whole.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}

fn when(json: &Value, path: &str) -> String {
    at(json, path).as_str().and_then(Instant::parse).map_or_else(String::new, Instant::iso)
}

fn names(values: &[Value]) -> String {
    let name = |value: &Value| match value {
        Value::String(label) => escaped(label),
        value => text(value, "/name"),
    };
    values.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty() || members.contains_key("errorMessage"),
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    /// Bytes of the page, and bytes that were asked for to write it.
    fn cost(json: &Value) -> (u64, u64) {
        let names = FieldMap::new(&BTreeMap::new(), None).unwrap();
        let mut length = 0;
        let write = || length = ticket(json, &names).len() as u64;
        let allocated = allocation_counter::measure(write).bytes_total;
        (length, allocated)
    }

    fn check(what: &str, make: impl Fn(usize) -> Value) {
        const FIXED: u64 = 64 * 1024;
        let sizes = [32_000, 64_000].map(|size| (cost(&make(size)), make(size).to_string().len()));
        for ((length, allocated), input) in sizes {
            assert!(length <= 400 * input as u64 + FIXED, "{what}: {length} bytes of {input}");
            assert!(allocated <= 2000 * input as u64 + FIXED, "{what}: {allocated} of {input}");
        }
        let [(half, _), (whole, _)] = sizes;
        assert!(whole.0 <= half.0 * 26 / 10 + FIXED, "{what}: {half:?} → {whole:?}");
        assert!(whole.1 <= half.1 * 26 / 10 + FIXED, "{what}: {half:?} → {whole:?}");
    }

    #[test]
    fn a_page_costs_in_proportion_to_the_ticket() {
        let items = |size: usize| vec![json!({}); size / 6];
        check("an author of many items", |size| {
            json!({"changelog": {"histories": [
                {"author": {"displayName": "a".repeat(size / 2)}, "items": items(size)}]}})
        });
        check(
            "values of many items",
            |size| json!({"changelog": {"histories": [{"items": vec![json!({"fromString": "\u{1}"}); size / 25]}]}}),
        );
        check("nested lists", |size| {
            let nested = (0..100).fold(json!("\""), |inner, _| Value::Array(vec![inner]));
            json!({"fields": {"customfield_1": vec![nested; size / 200]}})
        });
        check("controls", |size| {
            let text = "\u{1}\n".repeat(size / 8);
            json!({"fields": {"summary": text, "description": text, "labels": [text],
                "comment": {"comments": [{"body": text}]}}})
        });
        check(
            "comments",
            |size| json!({"fields": {"comment": {"comments": vec![json!({}); size / 3]}}}),
        );
        check("links", |size| json!({"_remote_links": vec![json!({}); size / 3]}));
    }

    #[test]
    fn a_long_name_is_cut_in_the_history_only() {
        let person = json!({"displayName": "ä".repeat(300)});
        let json = json!({"fields": {"reporter": person}, "changelog": {"histories": [
            {"author": person, "items": [{"field": "x"}]}]}});
        let page = ticket(&json, &FieldMap::new(&BTreeMap::new(), None).unwrap());
        assert!(page.contains(&format!("- Reporter: {}\n", "ä".repeat(300))));
        assert!(page.contains(&format!(" {}…: x: (empty) → (empty)\n", "ä".repeat(255))));
    }
}
