//! The page that a document is written on, line by line.
//!
//! Everything that may turn out to be nothing is written late: line breaks, list markers and cell
//! separators wait until a text follows. So an empty block leaves no trace, whatever it is in.

use std::borrow::Cow;

use super::{CUT, MAX_TEXT, TOO_DEEP};
use crate::redact;

/// Lines are not indented further than this, or a deep list would cost its depth in every line.
const MAX_INDENT: usize = 40;

const CELL: &str = " | ";

/// Where the next text goes.
#[derive(PartialEq, Eq)]
enum Place {
    /// On a new line.
    NewLine,
    /// On the present line, after this many line breaks.
    SameLine { breaks: usize },
}

/// A link that is being written.
struct Link<'a> {
    href: &'a str,
    /// Where its text starts in `out`, once there is any.
    start: Option<usize>,
}

/// A row of a table that is being written.
struct Row {
    /// List markers before the row, and the indentation before them.
    markers: String,
    indent: usize,
    /// Cells that began since the last text.
    cells: usize,
    written: bool,
}

/// What [`Page::end_item`] goes back to.
pub(super) struct Item {
    markers: usize,
    indent: usize,
}

pub(super) struct Page<'a> {
    out: String,
    place: Place,
    /// Blanks at the start of a line, which stay only if a text follows.
    blanks: String,
    /// Where the text of the present line starts: the blanks before are not its own.
    floor: usize,
    /// Columns that the present item is indented by.
    indent: usize,
    /// Markers of items that have no text yet, and the indentation before the first of them.
    markers: String,
    markers_indent: usize,
    row: Option<Row>,
    link: Option<Link<'a>>,
    /// A URL was written last; a letter right behind it would become part of it.
    after_url: bool,
    full: bool,
    too_deep: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new() -> Self {
        Self {
            out: String::new(),
            place: Place::NewLine,
            blanks: String::new(),
            floor: 0,
            indent: 0,
            markers: String::new(),
            markers_indent: 0,
            row: None,
            link: None,
            after_url: false,
            full: false,
            too_deep: false,
        }
    }

    /// Whether nothing more can be written.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// The whole text, without credentials. Redaction comes last, so that it also sees a URL that
    /// the editor had split into several nodes.
    pub(super) fn finish(mut self) -> String {
        self.end_line();
        let mut text = match redact::urls(&self.out) {
            Cow::Borrowed(_) => self.out,
            Cow::Owned(clean) => clean,
        };
        if self.full {
            text.push('\n');
            text.push_str(CUT);
        }
        text
    }

    /// Text as it is; its line breaks are the author's.
    pub(super) fn text(&mut self, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            match lines.peek() {
                Some(_) => {
                    self.run(line.strip_suffix('\r').unwrap_or(line));
                    self.line_break();
                }
                None => self.run(line),
            }
        }
    }

    /// A text that must not break the line: a name, a label.
    pub(super) fn word(&mut self, text: &str) {
        if text.contains(['\n', '\r']) {
            self.run(&text.replace(['\n', '\r'], " "));
        } else {
            self.run(text);
        }
    }

    /// A URL that stands for itself.
    pub(super) fn url(&mut self, url: &str) {
        let glued = self.out.ends_with(char::is_alphanumeric) || self.after_url;
        if glued && self.place == (Place::SameLine { breaks: 0 }) {
            self.push(" ");
        }
        self.after_url = false;
        self.word(&redact::url(url));
        self.after_url = true;
    }

    /// What follows links to `href`, or to nothing.
    pub(super) fn link(&mut self, href: Option<&'a str>) {
        if self.link.as_ref().map(|link| link.href) != href {
            self.close_link();
            self.link = href.map(|href| Link { href, start: None });
        }
    }

    /// A break inside a block. At the end of the block it will not have mattered.
    pub(super) fn line_break(&mut self) {
        if let Place::SameLine { breaks } = &mut self.place {
            *breaks += 1;
        }
    }

    /// Ends the block, if one was begun.
    pub(super) fn end_line(&mut self) {
        self.close_link();
        if self.place != Place::NewLine {
            let length = self.out.trim_end().len().max(self.floor);
            self.out.truncate(length);
        }
        self.place = Place::NewLine;
        self.blanks.clear();
        self.after_url = false;
    }

    /// Begins an item: its first line starts with the marker, the others are indented.
    pub(super) fn begin_item(&mut self, marker: &str, indent: usize) -> Item {
        self.end_line();
        let item = Item { markers: self.markers.len(), indent: self.indent };
        if self.markers.is_empty() {
            self.markers_indent = self.indent;
        }
        self.markers.push_str(marker);
        self.indent += indent;
        item
    }

    /// Ends an item; if it had no text, its marker goes with it.
    pub(super) fn end_item(&mut self, item: &Item) {
        self.end_line();
        self.markers.truncate(item.markers);
        self.indent = item.indent;
    }

    /// Whether a row is being written.
    pub(super) fn in_row(&self) -> bool {
        self.row.is_some()
    }

    /// Begins a row of a table with its first cell. Rows do not nest.
    pub(super) fn begin_row(&mut self) {
        self.end_line();
        let indent = self.line_indent();
        let markers = std::mem::take(&mut self.markers);
        self.row = Some(Row { markers, indent, cells: 0, written: false });
    }

    /// Begins the row's next cell.
    pub(super) fn next_cell(&mut self) {
        self.end_line();
        if let Some(row) = &mut self.row {
            row.cells += 1;
        }
    }

    /// Ends the row. A row of empty cells leaves nothing.
    pub(super) fn end_row(&mut self) {
        self.end_line();
        let Some(row) = self.row.take() else { return };
        if row.written {
            self.push_cells(row.cells);
        } else {
            self.markers = row.markers;
            self.markers_indent = row.indent;
        }
    }

    /// Code as it is, on lines of its own if it has several.
    pub(super) fn verbatim(&mut self, code: &str) {
        self.end_line();
        if code.trim().is_empty() {
            return;
        }
        if self.row.is_some() || !code.contains('\n') {
            self.lead();
        } else {
            if !self.markers.is_empty() {
                self.lead();
                let length = self.out.trim_end().len();
                self.out.truncate(length);
            }
            self.new_line();
        }
        self.push(code);
        self.place = Place::NewLine;
    }

    /// Says, once, that deeper nodes were left out.
    pub(super) fn too_deep(&mut self) {
        if !self.too_deep {
            self.too_deep = true;
            self.word(TOO_DEEP);
        }
    }

    /// Writes a text without line breaks.
    fn run(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.place == Place::NewLine && text.trim().is_empty() {
            self.blanks.push_str(text);
            return;
        }
        self.lead();
        if self.after_url && text.starts_with(char::is_alphanumeric) {
            self.push(" ");
        }
        self.after_url = false;
        let start = self.out.len();
        if let Some(link) = &mut self.link {
            link.start.get_or_insert(start);
        }
        self.push(text);
    }

    /// Writes what was put off until a text comes.
    fn lead(&mut self) {
        match self.place {
            Place::SameLine { breaks: 0 } => return,
            Place::SameLine { breaks } => self.push_breaks(breaks),
            Place::NewLine => {
                self.push_line_start();
                let markers = std::mem::take(&mut self.markers);
                self.push(&markers);
                self.floor = self.out.len();
                let blanks = std::mem::take(&mut self.blanks);
                self.push(&blanks);
            }
        }
        self.place = Place::SameLine { breaks: 0 };
    }

    fn push_breaks(&mut self, breaks: usize) {
        self.after_url = false;
        if self.row.is_some() {
            self.push(" ");
            return;
        }
        for _ in 0..breaks {
            self.push("\n");
        }
        self.push_indent(self.indent);
    }

    /// The start of a line, of a cell, or of a further block of a cell.
    fn push_line_start(&mut self) {
        let Some(row) = &mut self.row else {
            self.new_line();
            self.push_indent(self.line_indent());
            return;
        };
        let cells = std::mem::take(&mut row.cells);
        let markers = std::mem::take(&mut row.markers);
        let indent = row.indent;
        if !std::mem::replace(&mut row.written, true) {
            self.new_line();
            self.push_indent(indent);
            self.push(&markers);
        } else if cells == 0 {
            self.push(" ");
        }
        self.push_cells(cells);
    }

    fn line_indent(&self) -> usize {
        if self.markers.is_empty() { self.indent } else { self.markers_indent }
    }

    fn push_cells(&mut self, cells: usize) {
        for _ in 0..cells {
            self.push(CELL);
        }
    }

    fn push_indent(&mut self, indent: usize) {
        for _ in 0..indent.min(MAX_INDENT) {
            self.push(" ");
        }
    }

    fn new_line(&mut self) {
        if !self.out.is_empty() {
            self.push("\n");
        }
    }

    /// Ends the link that is being written with its target, unless its text says it already.
    fn close_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        let Some(start) = link.start else {
            self.url(link.href);
            return;
        };
        let text = self.out.get(start..).unwrap_or_default();
        if same(text, link.href) {
            // A text without scheme is not seen as a URL later.
            if let Cow::Owned(clean) = redact::url(text) {
                self.out.truncate(start);
                self.push(&clean);
            }
            return;
        }
        let open = if text.ends_with(char::is_whitespace) { "(" } else { " (" };
        let url = redact::url(link.href).replace(['\n', '\r'], " ");
        for part in [open, &url, ")"] {
            self.push(part);
        }
        self.after_url = true;
    }

    /// All text goes through here: what does not fit is cut between two characters.
    fn push(&mut self, text: &str) {
        if self.full {
            return;
        }
        let room = MAX_TEXT.saturating_sub(self.out.len());
        let fits = text.floor_char_boundary(room);
        self.full = fits < text.len();
        self.out.push_str(text.get(..fits).unwrap_or_default());
    }
}

/// Whether a link's text is its URL, give or take the scheme and a slash at the end.
fn same(text: &str, url: &str) -> bool {
    bare(text).eq_ignore_ascii_case(bare(url))
}

fn bare(url: &str) -> &str {
    let url = url.trim();
    let without = |scheme: &str| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = ["https://", "http://", "mailto:", "tel:"].into_iter().find_map(without);
    rest.unwrap_or(url).trim_end_matches('/')
}
