//! The text of documents, held against the files in `adf/`: `NAME.json` is a document, `NAME.txt`
//! its text and one line feed. And what holds for every document: bounds, and what is no document.

#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transform::adf::{self, CUT, MAX_DEPTH, MAX_TEXT, MediaRef, TOO_DEEP};

fn documents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adf");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = files.filter(|path| path.extension().unwrap() == "json").collect();
    found.sort();
    found
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The lines that differ, `-` expected and `+` found.
fn diff(expected: &str, found: &str) -> String {
    let mut lines = (expected.split('\n'), found.split('\n'));
    let mut report = String::new();
    loop {
        match (lines.0.next(), lines.1.next()) {
            (None, None) => return report,
            (a, b) if a == b => {}
            (a, b) => {
                for (sign, line) in [('-', a), ('+', b)] {
                    report.extend(line.map(|line| format!("    {sign} {line:?}\n")));
                }
            }
        }
    }
}

#[test]
fn documents_have_the_expected_text() {
    let documents = documents();
    assert!(documents.len() >= 25, "only {} documents", documents.len());
    let mut wrong = String::new();
    for path in &documents {
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
        let text = adf::text(&read(path)).unwrap_or_else(|| "(no document)".into()) + "\n";
        if text != expected {
            wrong += &format!("{}\n{}", path.display(), diff(&expected, &text));
        }
    }
    assert!(wrong.is_empty(), "expected - and found +\n{wrong}");
}

#[test]
fn every_node_and_mark_of_the_format_is_in_a_document() {
    let all: String = documents().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let all = all.replace(": ", ":");
    let names = "paragraph heading text hardBreak rule blockquote bulletList orderedList listItem \
        codeBlock panel expand nestedExpand table tableRow tableCell tableHeader taskList \
        taskItem blockTaskItem decisionList decisionItem mediaSingle mediaGroup media \
        mediaInline caption mention emoji date status inlineCard blockCard embedCard extension \
        inlineExtension bodiedExtension layoutSection layoutColumn syncBlock bodiedSyncBlock \
        placeholder strong em strike underline code link subsup textColor backgroundColor \
        alignment indentation annotation border breakout dataConsumer fragment fontSize";
    for name in names.split(' ') {
        assert!(all.contains(&format!("\"type\":\"{name}\"")), "{name}");
    }
}

#[test]
fn a_string_passes_through_unchanged() {
    for text in ["", "h1. Wiki *text*\r\n\n ", "https://a.example/?token=abc", "{\"type\":\"doc\"}"]
    {
        assert_eq!(adf::text(&json!(text)).as_deref(), Some(text));
    }
}

#[test]
fn what_is_no_document_has_no_text() {
    for value in [
        json!(null),
        json!(true),
        json!(4.5),
        json!([]),
        json!({}),
        json!(["a", "b"]),
        json!({"value": "High", "id": "1"}),
        json!([{"value": "High"}]),
        json!({"content": "x"}),
    ] {
        assert_eq!(adf::text(&value), None, "{value}");
    }
    for value in
        [json!({"type": "doc"}), json!({"content": []}), json!({"type": "doc", "content": 5})]
    {
        assert_eq!(adf::text(&value).as_deref(), Some(""), "{value}");
    }
}

#[test]
fn media_are_listed_in_order_without_external_ones() {
    let media = |attrs: Value| json!({"type": "media", "attrs": attrs});
    let document = json!({"type": "doc", "content": [
        {"type": "mediaGroup", "content": [
            media(json!({"type": "file", "id": "a", "alt": "a.png"})),
            media(json!({"type": "external", "id": "x", "url": "https://a.example"})),
            media(json!({"type": "link", "id": "b", "alt": ""})),
            media(json!({"type": "file"})), media(json!({"type": "file", "id": 7})), media(json!(null)),
        ]},
        null, "x",
        {"type": "unknown", "content": [{"type": "table", "content": [{"type": "paragraph", "content": [
            {"type": "mediaInline", "attrs": {"type": "image", "id": "c", "alt": "c.png"}},
            {"type": "mediaInline", "attrs": {"id": "a"}},
            {"type": "mention", "attrs": {"id": "not a medium"}},
        ]}]}]},
    ]});
    let found = |id: &str, alt: Option<&str>| MediaRef { id: id.into(), alt: alt.map(Into::into) };
    let expected =
        [found("a", Some("a.png")), found("b", None), found("c", Some("c.png")), found("a", None)];
    assert_eq!(adf::media(&document), expected);
    assert_eq!(adf::media(&document["content"]), expected);
    assert_eq!(adf::media(&json!("text")), []);
}

fn paragraph(text: &str) -> Value {
    json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
}

/// `levels` nodes of a type around a value.
fn nested(kind: &str, levels: usize, inner: Value) -> Value {
    (0..levels).fold(inner, |inner, _| {
        // The macro would copy what is inside, level by level.
        let members = [("type", kind.into()), ("content", Value::Array(vec![inner]))];
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    })
}

#[test]
fn deeper_nodes_are_left_out_once_and_with_a_mark() {
    let text = |levels| {
        let deep = nested("panel", levels, json!([]));
        let deep = json!({"type": "doc", "content": [
            paragraph("before"), nested("panel", levels, paragraph("deep")), paragraph("after"), deep, paragraph("end"),
        ]});
        adf::text(&deep).unwrap()
    };
    assert_eq!(text(MAX_DEPTH - 3), "before\ndeep\nafter\nend");
    assert_eq!(text(MAX_DEPTH), format!("before\n{TOO_DEEP}\nafter\nend"));
}

#[test]
fn a_document_that_a_parser_accepts_is_never_too_deep() {
    let open = "{\"type\":\"panel\",\"content\":[".repeat(63);
    let json = format!("{open}{{\"type\":\"text\",\"text\":\"deepest\"}}{}", "]}".repeat(63));
    assert_eq!(adf::text(&serde_json::from_str(&json).unwrap()).as_deref(), Some("deepest"));
    assert!(
        serde_json::from_str::<Value>(&format!("{{\"type\":\"panel\",\"content\":[{json}]}}"))
            .is_err()
    );
}

/// Drops a deep document level by level: its own drop would recurse as deep as it is.
fn dismantle(document: Value) {
    let mut left = vec![document];
    while let Some(mut value) = left.pop() {
        match &mut value {
            Value::Array(items) => left.append(items),
            Value::Object(members) => left.extend(members.remove("content")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[test]
fn any_depth_is_survived() {
    for kind in [
        "panel",
        "bulletList",
        "orderedList",
        "table",
        "tableRow",
        "taskList",
        "paragraph",
        "codeBlock",
        "odd",
    ] {
        let deep = nested(kind, 100_000, paragraph("deep"));
        let document = [paragraph("before"), deep, paragraph("after")];
        let document = Value::Array(document.into());
        let text = adf::text(&document).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after"), "{kind}: {text}");
        assert_eq!(adf::media(&document), []);
        dismantle(document);
    }
}

#[test]
fn a_long_text_is_cut_between_characters_and_says_so() {
    for shift in 0..4 {
        let long = format!("{}{}", "x".repeat(shift), "😄".repeat(MAX_TEXT / 4 + 10));
        let document = json!([paragraph(&long), paragraph("after")]);
        let text = adf::text(&document).unwrap();
        let kept = text.strip_suffix(&format!("\n{CUT}")).unwrap();
        assert!(long.starts_with(kept) && kept.len() > MAX_TEXT - 4 && kept.len() <= MAX_TEXT);
    }
    let fits = "x".repeat(MAX_TEXT);
    assert_eq!(adf::text(&paragraph(&fits)), Some(fits));
}

#[test]
fn a_cut_does_not_uncover_a_credential() {
    let url = "https://a.example/?token=S3CR3TS3CR3TS3CR3T";
    for left in 0..url.len() {
        let document = json!([paragraph(&"x".repeat(MAX_TEXT - 1 - left)), paragraph(url)]);
        assert!(!adf::text(&document).unwrap().contains("S3"), "{left}");
    }
}

/// A document of a size.
type Shape = fn(usize) -> Value;

/// What a document costs shows in what it writes: twice the document must not write more than
/// twice the text, whatever it nests. The sizes are such that a quadratic walk would not end.
#[test]
fn the_text_grows_no_faster_than_the_document() {
    let shapes: [(&str, Shape); 7] = [
        ("deep list", |n| {
            nested(
                "bulletList",
                50,
                json!({"type": "listItem", "content": vec![paragraph("x"); n]}),
            )
        }),
        ("empty cells", |n| json!({"type": "tableRow", "content": vec![json!({}); n]})),
        (
            "rows",
            |n| json!({"type": "table", "content": vec![json!({"type": "tableRow", "content": [paragraph("x"), {}]}); n]}),
        ),
        ("cells in cells", |n| {
            nested("tableRow", 50, json!({"type": "tableCell", "content": vec![paragraph("x"); n]}))
        }),
        ("breaks", |n| {
            nested(
                "listItem",
                50,
                json!({"type": "paragraph", "content":
            (0..n).map(|i| if i % 2 == 0 { json!({"type": "hardBreak"}) } else { json!({"type": "text", "text": "x"}) }).collect::<Vec<_>>()}),
            )
        }),
        (
            "blanks",
            |n| json!({"type": "paragraph", "content": vec![json!({"type": "text", "text": " "}); n]}),
        ),
        ("one link", |n| {
            json!({"type": "paragraph", "content": vec![json!({"type": "text", "text": "x",
            "marks": [{"type": "link", "attrs": {"href": "https://a.example"}}]}); n]})
        }),
    ];
    for (name, shape) in shapes {
        let length = |n| adf::text(&json!([shape(n), paragraph("end")])).unwrap().len();
        let (once, twice) = (length(10_000), length(20_000));
        assert!(twice <= 2 * once, "{name}: {once}, then {twice}");
        assert!(twice <= 20_000 * 60, "{name}: {twice}");
    }
}
