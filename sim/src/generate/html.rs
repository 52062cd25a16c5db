//! The HTML that `renderedFields` and `renderedBody` hold, made from the document.
//!
//! Close to what Jira renders, not the same: nothing should depend on its details.

use serde_json::Value;

/// A document as HTML; a value that is no document is the empty string.
pub fn html(document: &Value) -> String {
    let mut out = String::new();
    blocks(document, &mut out);
    out
}

fn blocks(node: &Value, out: &mut String) {
    let children = node.get("content").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        block(child, out);
    }
}

fn wrapped(tag: &str, node: &Value, out: &mut String) {
    out.push('<');
    out.push_str(tag);
    out.push('>');
    blocks(node, out);
    out.push_str("</");
    out.push_str(tag);
    out.push_str(">\n");
}

fn attr<'a>(node: &'a Value, name: &str) -> &'a str {
    node.get("attrs").and_then(|attrs| attrs.get(name)).and_then(Value::as_str).unwrap_or("")
}

fn block(node: &Value, out: &mut String) {
    match node.get("type").and_then(Value::as_str).unwrap_or("") {
        "paragraph" => wrapped("p", node, out),
        "heading" => wrapped("h2", node, out),
        "bulletList" | "taskList" | "decisionList" => wrapped("ul", node, out),
        "orderedList" => wrapped("ol", node, out),
        "listItem" | "taskItem" | "decisionItem" => wrapped("li", node, out),
        "blockquote" => wrapped("blockquote", node, out),
        "table" => wrapped("table", node, out),
        "tableRow" => wrapped("tr", node, out),
        "tableHeader" => wrapped("th", node, out),
        "tableCell" => wrapped("td", node, out),
        "codeBlock" => wrapped("pre", node, out),
        "panel" | "expand" => wrapped("div", node, out),
        "rule" => out.push_str("<hr/>\n"),
        _ => inline(node, out),
    }
}

fn inline(node: &Value, out: &mut String) {
    match node.get("type").and_then(Value::as_str).unwrap_or("") {
        "text" => escape(node.get("text").and_then(Value::as_str).unwrap_or(""), out),
        "hardBreak" => out.push_str("<br/>\n"),
        "mention" | "status" => escape(attr(node, "text"), out),
        "emoji" if attr(node, "text").is_empty() => escape(attr(node, "shortName"), out),
        "emoji" => escape(attr(node, "text"), out),
        "date" => escape(attr(node, "timestamp"), out),
        "inlineCard" | "blockCard" => {
            out.push_str("<a href=\"");
            escape(attr(node, "url"), out);
            out.push_str("\" class=\"external-link\">");
            escape(attr(node, "url"), out);
            out.push_str("</a>");
        }
        "media" => {
            out.push_str("<span class=\"image-wrap\"><img alt=\"");
            escape(attr(node, "alt"), out);
            out.push_str("\"/></span>");
        }
        _ => blocks(node, out),
    }
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::html;
    use crate::generate::adf;

    #[test]
    fn text_is_escaped_and_blocks_are_kept_apart() {
        let document = adf::doc(vec![adf::line("a < b"), adf::line("\"c\"")]);
        assert_eq!(html(&document), "<p>a &lt; b</p>\n<p>&quot;c&quot;</p>\n");
        assert_eq!(html(&json!(null)), "");
    }
}
