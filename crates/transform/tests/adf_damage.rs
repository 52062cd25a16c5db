//! Damaged documents: whatever happens to a node, its siblings keep their text and nothing panics.

#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

use std::path::Path;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::test_runner::Config;
use serde_json::{Map, Value, json};
use transform::adf;

const BEFORE: &str = "SENTINEL-BEFORE";
const AFTER: &str = "SENTINEL-AFTER";

/// Names that mean something to the walk, so that random objects are often nearly nodes.
fn word() -> impl Strategy<Value = String> {
    let known = "doc paragraph text heading hardBreak bulletList orderedList listItem table tableRow \
        tableCell codeBlock panel expand mediaSingle media mediaInline mention emoji date \
        status taskList taskItem decisionItem inlineCard blockCard extension link strong \
        unknown external DONE";
    prop_oneof![
        4 => prop::sample::select(known.split(' ').collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => Just("https://a.example/?token=abc".to_owned()),
        1 => "[ \n\r@.-]{0,3}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    let known = "type content text attrs marks href url data id alt order state timestamp title \
        shortName version";
    prop_oneof![9 => prop::sample::select(known.split(' ').collect::<Vec<_>>()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner.clone()), 0..6)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
            (word(), prop::collection::vec(inner.clone(), 0..6), inner).prop_map(
                |(kind, content, attrs)| json!({"type": kind, "content": content, "attrs": attrs})
            ),
        ]
    })
}

fn documents() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adf");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().unwrap() == "json");
    files.sort();
    files
        .iter()
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Puts `other` in the place of the value number `at`, counted in depth-first order.
fn replace(value: &mut Value, at: &mut usize, other: &Value) {
    if *at == 0 {
        *value = other.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, other)),
        Value::Object(members) => members.values_mut().for_each(|item| replace(item, at, other)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text node. The blanks keep it apart from a URL that the damage may end with.
fn sentinel(text: &str) -> Value {
    json!({"type": "text", "text": format!(" {text} ")})
}

fn paragraph(text: &str) -> Value {
    json!({"type": "paragraph", "content": [sentinel(text)]})
}

/// The damaged node between two siblings, in every kind of place that has several children.
fn places(damaged: &Value) -> Vec<Value> {
    let around = |kind: &str, before: Value, after: Value| json!({"type": kind, "content": [before, damaged, after]});
    let within = |kind: &str, inner: &str| {
        let sibling = |text| json!({"type": inner, "content": [paragraph(text)]});
        around(kind, sibling(BEFORE), sibling(AFTER))
    };
    let mut places = vec![
        json!([paragraph(BEFORE), damaged, paragraph(AFTER)]),
        around("codeBlock", sentinel(BEFORE), sentinel(AFTER)),
        within("bulletList", "listItem"),
        within("orderedList", "listItem"),
        within("taskList", "taskItem"),
        within("table", "tableRow"),
        within("tableRow", "tableCell"),
        within("layoutSection", "layoutColumn"),
    ];
    for kind in ["paragraph", "heading", "taskItem", "futureInline"] {
        places.push(around(kind, sentinel(BEFORE), sentinel(AFTER)));
    }
    for kind in ["doc", "panel", "listItem", "tableCell", "blockquote", "expand", "futureBlock"] {
        places.push(around(kind, paragraph(BEFORE), paragraph(AFTER)));
    }
    places
}

fn siblings_survive(damaged: &Value) {
    for place in places(damaged) {
        let text = adf::text(&place).unwrap();
        let (before, after) = (text.find(BEFORE), text.rfind(AFTER));
        assert!(before.is_some() && after > before, "{place}\n{text}");
        adf::media(&place);
    }
}

#[test]
fn the_siblings_of_every_document_survive() {
    for document in documents() {
        siblings_survive(&document);
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_json_is_survived(value in anything()) {
        adf::text(&value);
        adf::media(&value);
    }

    #[test]
    fn the_siblings_of_anything_survive(value in anything()) {
        siblings_survive(&value);
    }

    #[test]
    fn the_siblings_of_a_damaged_document_survive(
        which in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), anything()), 1..4),
    ) {
        let documents = documents();
        let mut document = which.get(&documents).clone();
        for (at, other) in damage {
            let mut at = at.index(count(&document));
            replace(&mut document, &mut at, &other);
        }
        siblings_survive(&document);
    }
}
