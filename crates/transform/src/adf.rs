//! Atlassian Document Format → readable plain text, and the media that a document shows.
//!
//! Promises: nothing is validated; a node that is malformed loses itself and never its siblings;
//! credentials in URLs are redacted; time is linear in the document, and depth and size are
//! bounded, with a mark where something was left out. Must not fail or panic on any JSON.
//!
//! The text: blocks, list items and table rows are lines, and no line is empty unless the author
//! broke it twice. Three rules need a word:
//! - Code is verbatim: its lines are not indented, also inside lists, and a row of a table that
//!   holds several lines of code has several lines. All else in a cell becomes one line.
//! - Neighbouring nodes with the same link are one link, `text (url)`.
//! - A table inside a cell is flattened into it.

mod node;
mod page;
mod walk;

use serde_json::Value;

use node::Node;
use walk::Walk;

use crate::json::{Arena, Json};

/// Nodes nested deeper than this are left out. A document that came through a JSON parser with the
/// usual limit of 128 levels cannot be deeper, as each node takes two of them.
pub const MAX_DEPTH: usize = 64;

/// Text longer than this, in bytes, is cut and ends with [`CUT`]. It is measured before redaction.
pub const MAX_TEXT: usize = 4 * 1024 * 1024;

/// The last line of a text that was cut.
pub const CUT: &str = "[text cut at 4 MiB]";

/// Stands where the first node deeper than [`MAX_DEPTH`] was left out.
pub const TOO_DEEP: &str = "[deeper content left out]";

/// A file that a document shows. The id is that of the media service, not of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRef {
    /// The media service's id.
    pub id: String,
    /// The alternative text; new content has the file name there.
    pub alt: Option<String>,
}

/// The readable text of a document, a node or an array of nodes. A string is a text already and
/// passes through unchanged. `None` for null and for whatever else is not a document: an object
/// without a `type` or an array as `content`, an array without nodes, numbers and booleans.
pub fn text(value: &Value) -> Option<String> {
    text_of(Json::of(value, &Arena::new()))
}

/// The same of JSON that was read already.
pub(crate) fn text_of(json: Json<'_>) -> Option<String> {
    match json {
        Json::Text(text) => Some(text.to_owned()),
        Json::List(nodes) if nodes.iter().copied().any(is_node) => Some(Walk::text_of(nodes)),
        Json::Object(_) if is_node(json) => Some(Walk::text_of(&[json])),
        Json::List(_) | Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// The media of a document in its order, each as often as it is shown. External images, which are
/// URLs, are not among them.
pub fn media(value: &Value) -> Vec<MediaRef> {
    media_of(Json::of(value, &Arena::new()))
}

/// The same of JSON that was read already.
pub(crate) fn media_of(json: Json<'_>) -> Vec<MediaRef> {
    let mut found = Vec::new();
    collect_media(json, 0, &mut found);
    found
}

fn is_node(json: Json<'_>) -> bool {
    Node::of(json).is_some_and(Node::looks_like_one)
}

fn collect_media(json: Json<'_>, depth: usize, found: &mut Vec<MediaRef>) {
    if depth > MAX_DEPTH {
        return;
    }
    if let Json::List(nodes) = json {
        for node in nodes.iter().filter(|node| node.is_object()) {
            collect_media(*node, depth + 1, found);
        }
    }
    let Some(node) = Node::of(json) else { return };
    let is_media = matches!(node.kind(), "media" | "mediaInline");
    if is_media && node.attr_text("type") != Some("external") {
        let alt = node.attr_text("alt").map(str::to_owned);
        found.extend(node.attr_text("id").map(|id| MediaRef { id: id.to_owned(), alt }));
    }
    for child in node.children() {
        if child.is_object() {
            collect_media(*child, depth + 1, found);
        }
    }
}
