//! The walk through a document: which node writes what.

use super::node::Node;
use super::page::Page;
use super::{MAX_DEPTH, MAX_TEXT};
use crate::json::Json;

/// What a node stands in, which decides whether an unknown one is a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Among blocks.
    Blocks,
    /// Inside a line of text.
    Line,
}

pub(super) struct Walk<'a> {
    page: Page<'a>,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn text_of(nodes: &'a [Json<'a>]) -> String {
        let mut walk = Self { page: Page::new(), depth: 0 };
        walk.values(nodes, Flow::Blocks);
        walk.page.finish()
    }

    fn values(&mut self, values: &'a [Json<'a>], flow: Flow) {
        for value in values {
            self.value(*value, flow);
        }
    }

    fn value(&mut self, value: Json<'a>, flow: Flow) {
        let Some(node) = Node::of(value) else { return };
        if self.page.is_full() {
            return;
        }
        if self.depth == MAX_DEPTH {
            self.page.too_deep();
            return;
        }
        self.depth += 1;
        self.node(node, flow);
        self.depth -= 1;
    }

    fn node(&mut self, node: Node<'a>, flow: Flow) {
        match node.kind() {
            "text" => {
                self.page.link(node.href());
                self.page.text(node.text().unwrap_or_default());
            }
            "hardBreak" => self.page.line_break(),
            "mention" => self.word(node, node.mention().as_deref()),
            "date" => self.word(node, node.date().as_deref()),
            "emoji" => {
                self.word(node, node.attr_text("text").or_else(|| node.attr_text("shortName")));
            }
            "status" | "placeholder" => self.word(node, node.attr_text("text")),
            "mediaInline" => self.word(node, node.media_name()),
            "media" => {
                self.page.end_line();
                self.word(node, node.media_name());
                self.page.end_line();
            }
            "inlineCard" => self.card(node),
            "blockCard" | "embedCard" => {
                self.page.end_line();
                self.card(node);
                self.page.end_line();
            }
            "paragraph" | "heading" | "caption" => self.block(node, Flow::Line),
            "codeBlock" => self.code(node),
            "bulletList" | "orderedList" | "taskList" | "decisionList" => self.list(node),
            "taskItem" | "blockTaskItem" => self.task(node),
            "decisionItem" => self.item(node, "Decision: ", 2),
            "tableRow" if !self.page.in_row() => self.row(node),
            "expand" | "nestedExpand" => {
                self.page.end_line();
                self.page.word(node.attr_text("title").unwrap_or_default());
                self.block(node, Flow::Blocks);
            }
            "doc" | "blockquote" | "panel" | "listItem" | "rule" | "table" | "tableRow"
            | "tableCell" | "tableHeader" | "mediaSingle" | "mediaGroup" | "layoutSection"
            | "layoutColumn" => self.block(node, Flow::Blocks),
            _ => self.unknown(node, flow),
        }
    }

    fn block(&mut self, node: Node<'a>, flow: Flow) {
        self.page.end_line();
        self.values(node.children(), flow);
        self.page.end_line();
    }

    /// Extensions and what does not exist yet: the text they bring along, then their children.
    fn unknown(&mut self, node: Node<'a>, flow: Flow) {
        for text in [node.text(), node.attr_text("text")].into_iter().flatten() {
            self.end_block(flow);
            self.page.link(node.href());
            self.page.text(text);
        }
        self.end_block(flow);
        self.values(node.children(), flow);
        self.end_block(flow);
    }

    fn end_block(&mut self, flow: Flow) {
        if flow == Flow::Blocks {
            self.page.end_line();
        }
    }

    fn word(&mut self, node: Node<'a>, text: Option<&str>) {
        self.page.link(node.href());
        self.page.word(text.unwrap_or_default());
    }

    fn card(&mut self, node: Node<'a>) {
        self.page.link(None);
        if let Some(url) = node.card() {
            self.page.url(url);
        }
    }

    fn list(&mut self, list: Node<'a>) {
        self.page.end_line();
        let mut number = list.first_number();
        for value in list.children().iter().copied() {
            let Some(child) = Node::of(value) else { continue };
            let marker = match (list.kind(), child.kind()) {
                // A list right inside a list: one level deeper.
                (_, "bulletList" | "orderedList" | "taskList" | "decisionList") => {
                    let level = self.page.begin_item("", 2);
                    self.value(value, Flow::Blocks);
                    self.page.end_item(&level);
                    continue;
                }
                ("bulletList", _) => "- ".to_owned(),
                ("orderedList", _) => format!("{number}. "),
                _ => String::new(),
            };
            number = number.saturating_add(1);
            let item = self.page.begin_item(&marker, marker.len());
            self.value(value, Flow::Blocks);
            self.page.end_item(&item);
        }
    }

    fn task(&mut self, task: Node<'a>) {
        let done = task.attr_text("state").is_some_and(|state| state.eq_ignore_ascii_case("done"));
        self.item(task, if done { "[x] " } else { "[ ] " }, 4);
    }

    fn item(&mut self, node: Node<'a>, marker: &str, indent: usize) {
        let item = self.page.begin_item(marker, indent);
        self.values(node.children(), Flow::Line);
        self.page.end_item(&item);
    }

    /// Every child is a cell, also a malformed one, so that the others keep their columns.
    fn row(&mut self, row: Node<'a>) {
        self.page.begin_row();
        for (column, cell) in row.children().iter().enumerate() {
            if column > 0 {
                self.page.next_cell();
            }
            self.value(*cell, Flow::Blocks);
        }
        self.page.end_row();
    }

    fn code(&mut self, node: Node<'a>) {
        let mut code = String::new();
        verbatim(node, MAX_DEPTH - self.depth, &mut code);
        self.page.verbatim(&code);
    }
}

/// Collects code. It should have nothing but text nodes; whatever else there is, is taken as text.
fn verbatim(node: Node<'_>, levels: usize, code: &mut String) {
    for child in node.children().iter().copied().filter_map(Node::of) {
        if code.len() > MAX_TEXT {
            return;
        }
        match child.kind() {
            "text" => code.push_str(child.text().unwrap_or_default()),
            "hardBreak" => code.push('\n'),
            _ => {
                code.push_str(child.text().unwrap_or_default());
                code.push_str(child.attr_text("text").unwrap_or_default());
                if levels > 0 {
                    verbatim(child, levels - 1, code);
                }
            }
        }
    }
}
