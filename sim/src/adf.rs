//! Atlassian documents from plain text, and back to the wiki text that webhooks carry.
//!
//! The way back covers what tickets use; it never fails: an unknown node is its children.

use serde_json::{Value, json};

use crate::json::Members;

/// A document with one paragraph per line of the text.
pub fn from_text(text: &str) -> Value {
    let paragraphs: Vec<Value> = text
        .lines()
        .map(|line| match line {
            "" => json!({"type": "paragraph", "content": []}),
            line => json!({"type": "paragraph", "content": [{"type": "text", "text": line}]}),
        })
        .collect();
    json!({"type": "doc", "version": 1, "content": paragraphs})
}

/// Whether a value is an Atlassian document.
pub(crate) fn is_document(value: &Value) -> bool {
    value.member("type") == "doc" && value.member("content").is_array()
}

/// The wiki text of a document; a plain string is itself.
pub(crate) fn to_wiki(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => blocks(other, "").trim_end().to_owned(),
    }
}

fn children(node: &Value) -> &[Value] {
    node.member("content").as_array().map_or(&[], Vec::as_slice)
}

fn attr<'a>(node: &'a Value, name: &str) -> &'a str {
    node.member("attrs")[name].as_str().unwrap_or_default()
}

/// Block nodes, each followed by an empty line; `bullets` is the list prefix so far (`*#`).
fn blocks(node: &Value, bullets: &str) -> String {
    children(node).iter().map(|child| block(child, bullets)).collect()
}

fn block(node: &Value, bullets: &str) -> String {
    match node.member("type").as_str().unwrap_or_default() {
        "paragraph" => format!("{}\n\n", inlines(node)),
        "heading" => {
            format!(
                "h{}. {}\n\n",
                node.member("attrs").member("level").as_u64().unwrap_or(1),
                inlines(node)
            )
        }
        "bulletList" => list(node, &format!("{bullets}*")),
        "orderedList" => list(node, &format!("{bullets}#")),
        "taskList" | "decisionList" => list(node, &format!("{bullets}*")),
        "codeBlock" => match attr(node, "language") {
            "" => format!("{{code}}\n{}\n{{code}}\n\n", inlines(node)),
            language => format!("{{code:{language}}}\n{}\n{{code}}\n\n", inlines(node)),
        },
        "blockquote" => format!("{{quote}}\n{}\n{{quote}}\n\n", blocks(node, "").trim_end()),
        "panel" => format!("{{panel}}\n{}\n{{panel}}\n\n", blocks(node, "").trim_end()),
        "rule" => "----\n\n".to_owned(),
        "table" => format!("{}\n", children(node).iter().map(row).collect::<String>()),
        "expand" | "nestedExpand" => format!("*{}*\n\n{}", attr(node, "title"), blocks(node, "")),
        "mediaSingle" | "mediaGroup" => {
            format!("{}\n\n", children(node).iter().map(inline).collect::<String>())
        }
        "blockCard" | "embedCard" => format!("{}\n\n", card(node)),
        "extension" => attr(node, "text").to_owned(),
        _ if children(node).is_empty() => inline(node),
        _ => blocks(node, bullets),
    }
}

fn list(node: &Value, bullets: &str) -> String {
    let items: String = children(node).iter().map(|item| list_item(item, bullets)).collect();
    if bullets.len() > 1 { items } else { format!("{items}\n") }
}

fn list_item(item: &Value, bullets: &str) -> String {
    let mut text = String::new();
    let mut nested = String::new();
    for child in children(item) {
        match child.member("type").as_str().unwrap_or_default() {
            "bulletList" | "orderedList" | "taskList" => nested.push_str(&block(child, bullets)),
            "paragraph" | "codeBlock" | "mediaSingle" => text.push_str(block(child, "").trim_end()),
            _ => text.push_str(&inline(child)),
        }
    }
    format!("{bullets} {text}\n{nested}")
}

fn row(node: &Value) -> String {
    let mut line = String::new();
    let mut bar = "|";
    for cell in children(node) {
        bar = if cell.member("type") == "tableHeader" { "||" } else { "|" };
        line.push_str(bar);
        line.push_str(blocks(cell, "").trim_end());
    }
    format!("{line}{bar}\n")
}

fn inlines(node: &Value) -> String {
    children(node).iter().map(inline).collect()
}

fn inline(node: &Value) -> String {
    match node.member("type").as_str().unwrap_or_default() {
        "text" => marked(node),
        "hardBreak" => "\n".to_owned(),
        "mention" => format!("[~accountid:{}]", attr(node, "id")),
        "emoji" if !attr(node, "text").is_empty() => attr(node, "text").to_owned(),
        "emoji" => attr(node, "shortName").to_owned(),
        "date" => date(attr(node, "timestamp")),
        "status" | "placeholder" | "inlineExtension" => attr(node, "text").to_owned(),
        "inlineCard" => card(node),
        "media" | "mediaInline" => match attr(node, "alt") {
            "" => format!("!{}!", attr(node, "id")),
            alt => format!("!{alt}|thumbnail!"),
        },
        _ => inlines(node),
    }
}

fn card(node: &Value) -> String {
    let url = match attr(node, "url") {
        "" => node.member("attrs").member("data").member("url").as_str().unwrap_or_default(),
        url => url,
    };
    format!("[{url}|{url}|smart-link]")
}

fn date(timestamp: &str) -> String {
    timestamp
        .parse()
        .ok()
        .and_then(chrono::DateTime::<chrono::Utc>::from_timestamp_millis)
        .map(|at| at.format("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

fn marked(node: &Value) -> String {
    let mut text = node.member("text").as_str().unwrap_or_default().to_owned();
    for mark in node.member("marks").as_array().map_or(&[][..], Vec::as_slice) {
        text = match mark.member("type").as_str().unwrap_or_default() {
            "strong" => format!("*{text}*"),
            "em" => format!("_{text}_"),
            "strike" => format!("-{text}-"),
            "underline" => format!("+{text}+"),
            "code" => format!("{{{{{text}}}}}"),
            "link" => format!("[{text}|{}]", attr(mark, "href")),
            _ => text,
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{from_text, to_wiki};

    #[test]
    fn text_survives_the_way_through_a_document() {
        assert_eq!(to_wiki(&from_text("one\ntwo")), "one\n\ntwo");
    }

    #[test]
    fn lists_links_code_and_mentions_become_wiki_markup() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let item = |node| json!({"type": "listItem", "content": [{"type": "paragraph", "content": [node]}]});
        let link = json!({"type": "text", "text": "here", "marks": [{"type": "link", "attrs": {"href": "https://e.org"}}]});
        let mention = json!({"type": "mention", "attrs": {"id": "5b1", "text": "@Ada"}});
        let document = json!({"type": "doc", "version": 1, "content": [
            {"type": "bulletList", "content": [item(text("one")), item(link)]},
            {"type": "codeBlock", "attrs": {"language": "rust"}, "content": [text("fn main() {}")]},
            {"type": "paragraph", "content": [mention]},
        ]});
        assert_eq!(
            to_wiki(&document),
            "* one\n* [here|https://e.org]\n\n{code:rust}\nfn main() {}\n{code}\n\n[~accountid:5b1]"
        );
    }

    #[test]
    fn a_plain_string_is_itself() {
        assert_eq!(to_wiki(&json!("h1. as it is")), "h1. as it is");
    }
}
