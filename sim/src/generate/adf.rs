//! The building blocks of an Atlassian document: each function makes one node.

use serde_json::{Map, Value, json};

/// A document of these blocks.
pub(crate) fn doc(blocks: Vec<Value>) -> Value {
    with(json!({ "type": "doc", "version": 1 }), "content", Value::Array(blocks))
}

/// A block or inline node that only has content.
pub(crate) fn node(kind: &str, content: Vec<Value>) -> Value {
    // `json!` would copy the content, and once more on every level above.
    let mut node = Map::new();
    node.insert("type".to_owned(), Value::from(kind));
    node.insert("content".to_owned(), Value::Array(content));
    Value::Object(node)
}

/// A node with attributes and content.
fn rich(kind: &str, attrs: Value, content: Vec<Value>) -> Value {
    with(node(kind, content), "attrs", attrs)
}

/// The object with one more member.
pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

/// A paragraph.
pub(crate) fn paragraph(inline: Vec<Value>) -> Value {
    node("paragraph", inline)
}

/// A paragraph of one plain sentence.
pub(crate) fn line(sentence: &str) -> Value {
    paragraph(vec![text(sentence)])
}

/// Plain text; a text node must not be empty, so nothing becomes one space.
pub(crate) fn text(words: &str) -> Value {
    json!({ "type": "text", "text": if words.is_empty() { " " } else { words } })
}

/// Text with one mark without attributes, such as `strong`.
pub(crate) fn marked(words: &str, mark: &str) -> Value {
    json!({ "type": "text", "text": words, "marks": [{ "type": mark }] })
}

/// Text that leads to an address.
pub(crate) fn link(words: &str, href: &str) -> Value {
    json!({
        "type": "text",
        "text": words,
        "marks": [{ "type": "link", "attrs": { "href": href } }],
    })
}

/// A line break within a paragraph.
pub(crate) fn hard_break() -> Value {
    json!({ "type": "hardBreak" })
}

/// A heading.
pub(crate) fn heading(level: u8, words: &str) -> Value {
    json!({ "type": "heading", "attrs": { "level": level }, "content": [text(words)] })
}

/// A list; `kind` is `bulletList` or `orderedList`, each item a list of blocks.
pub(crate) fn list(kind: &str, items: Vec<Vec<Value>>) -> Value {
    let items = items.into_iter().map(|blocks| node("listItem", blocks)).collect();
    match kind {
        "orderedList" => rich(kind, json!({ "order": 1 }), items),
        _ => node(kind, items),
    }
}

/// Code as it was pasted.
pub(crate) fn code(language: &str, words: &str) -> Value {
    rich("codeBlock", json!({ "language": language }), vec![text(words)])
}

/// A coloured box.
pub(crate) fn panel(kind: &str, blocks: Vec<Value>) -> Value {
    rich("panel", json!({ "panelType": kind }), blocks)
}

/// A part that opens on click.
pub(crate) fn expand(title: &str, blocks: Vec<Value>) -> Value {
    rich("expand", json!({ "title": title }), blocks)
}

/// A table whose first row is the header.
pub(crate) fn table(local_id: &str, rows: Vec<Vec<String>>) -> Value {
    let rows = rows
        .into_iter()
        .enumerate()
        .map(|(at, cells)| {
            let kind = if at == 0 { "tableHeader" } else { "tableCell" };
            let cells = cells.iter().map(|cell| rich(kind, json!({}), vec![line(cell)])).collect();
            node("tableRow", cells)
        })
        .collect();
    let attrs = json!({ "isNumberColumnEnabled": false, "layout": "default", "localId": local_id });
    rich("table", attrs, rows)
}

/// A list of things to do, `(done, words)`.
pub(crate) fn tasks(local_id: &str, items: &[(bool, String)]) -> Value {
    let items = items
        .iter()
        .enumerate()
        .map(|(at, (done, words))| {
            let state = if *done { "DONE" } else { "TODO" };
            json!({
                "type": "taskItem",
                "attrs": { "localId": format!("{local_id}-{at}"), "state": state },
                "content": [text(words)],
            })
        })
        .collect::<Vec<_>>();
    json!({ "type": "taskList", "attrs": { "localId": local_id }, "content": items })
}

/// What was agreed.
pub(crate) fn decision(local_id: &str, words: &str) -> Value {
    json!({
        "type": "decisionList",
        "attrs": { "localId": local_id },
        "content": [{
            "type": "decisionItem",
            "attrs": { "localId": format!("{local_id}-0"), "state": "DECIDED" },
            "content": [text(words)],
        }],
    })
}

/// A person, by account id and name.
pub(crate) fn mention(account_id: &str, name: &str) -> Value {
    json!({
        "type": "mention",
        "attrs": { "id": account_id, "text": format!("@{name}"), "accessLevel": "" },
    })
}

/// An emoji with its short name, its code point and, unless it is a site's own, its character.
pub(crate) fn emoji(short_name: &str, id: &str, character: &str) -> Value {
    let mut attrs = json!({ "shortName": format!(":{short_name}:"), "id": id });
    if !character.is_empty() {
        attrs = with(attrs, "text", json!(character));
    }
    json!({ "type": "emoji", "attrs": attrs })
}

/// A smart link within a line.
pub(crate) fn inline_card(url: &str) -> Value {
    json!({ "type": "inlineCard", "attrs": { "url": url } })
}

/// A smart link on its own.
pub(crate) fn block_card(url: &str) -> Value {
    json!({ "type": "blockCard", "attrs": { "url": url } })
}

/// A day.
pub(crate) fn date(epoch_ms: i64) -> Value {
    let midnight = epoch_ms - epoch_ms.rem_euclid(86_400_000);
    json!({ "type": "date", "attrs": { "timestamp": midnight.to_string() } })
}

/// A coloured word.
pub(crate) fn status(words: &str, color: &str, local_id: &str) -> Value {
    json!({
        "type": "status",
        "attrs": { "text": words, "color": color, "localId": local_id, "style": "" },
    })
}

/// A picture between two blocks, by its media id, which is not the attachment's id.
pub(crate) fn picture(media_id: &str, filename: &str) -> Value {
    json!({
        "type": "mediaSingle",
        "attrs": { "layout": "align-start", "width": 640, "widthType": "pixel" },
        "content": [{
            "type": "media",
            "attrs": {
                "type": "file", "id": media_id, "alt": filename, "collection": "",
                "height": 480, "width": 640,
            },
        }],
    })
}

/// Files in a row, by their media ids.
pub(crate) fn files(media_ids: &[&str]) -> Value {
    let files = media_ids
        .iter()
        .map(|id| json!({ "type": "media", "attrs": { "type": "file", "id": id, "collection": "" } }))
        .collect();
    node("mediaGroup", files)
}
