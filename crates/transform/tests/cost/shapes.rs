//! Values that are small to write and could be large to handle: deep, wide, repeated, escaped.

use serde_json::{Value, json};

/// A kind of value; `make` returns one of about so many bytes.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) make: fn(usize) -> Value,
}

/// As deep as a parser goes, with room for the places that the values are put in.
const DEPTH: usize = 100;

const fn shape(name: &'static str, make: fn(usize) -> Value) -> Shape {
    Shape { name, make }
}

pub(crate) const SHAPES: &[Shape] = &[
    shape("deep lists", |size| many(size, nested(DEPTH, json!("a"), |inner| json!([inner])))),
    shape("deep lists of two", |size| {
        many(size, nested(DEPTH, json!("\"\\"), |inner| json!(["\\", inner])))
    }),
    shape("deep objects", |size| {
        many(size, nested(DEPTH, json!("a"), |inner| json!({"o": inner})))
    }),
    shape("deep values", |size| {
        many(size, nested(DEPTH / 2, json!("\""), |inner| json!([{"value": inner}])))
    }),
    shape("deep names", |size| {
        many(size, nested(DEPTH / 3, json!("\\"), |inner| json!([{"name": [inner]}])))
    }),
    shape("one deep list", |size| nested(DEPTH, json!("\"".repeat(size)), |inner| json!([inner]))),
    shape("wide numbers", |size| many(size, json!(7))),
    shape("wide fractions", |size| many(size, json!(1e15))),
    shape("wide texts", |size| many(size, json!("a"))),
    shape("wide empty texts", |size| many(size, json!(""))),
    shape("wide empty lists", |size| many(size, json!([]))),
    shape("wide empty objects", |size| many(size, json!({}))),
    shape("wide lists", |size| json!([[many(size, json!("\""))]])),
    shape("wide objects", |size| many(size, json!({"id": 1, "name": "n", "created": "x"}))),
    shape("many members", |size| {
        (0..size / 12)
            .map(|n| (format!("m{n}"), json!(n)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }),
    shape("escaped quotes", |size| json!("\"".repeat(size / 2))),
    shape("escaped backslashes", |size| json!(["\\".repeat(size / 2)])),
    shape("escaped controls", |size| json!([["\u{1}".repeat(size / 6)]])),
    shape("escaped thrice", |size| json!([[["\\\"".repeat(size / 4)]]])),
    shape("a text", |size| json!("é".repeat(size / 2))),
    shape("breaks", |size| json!("a\n".repeat(size / 3))),
    shape("a document", |size| document(&many(size, paragraph("a")))),
    shape("documents in lists", |size| many(size, document(&json!([paragraph("a\nb")])))),
    shape("lines in deep lists", |size| {
        let text = paragraph(&"a\n".repeat(size / 3));
        let item = |inner: Value| {
            json!({"type": "bulletList", "content": [
            {"type": "listItem", "content": [inner]}]})
        };
        document(&json!([nested(20, text, item)]))
    }),
    shape("cells", |size| table(&many(size, json!(0)))),
    shape("rows", |size| {
        let rows = many(size, json!({"type": "tableRow", "content": [0, 0, 0]}));
        document(&json!([{"type": "table", "content": rows}]))
    }),
    shape("code in cells", |size| {
        let code = json!({"type": "codeBlock", "content": [{"type": "text", "text": "a\nb\n"}]});
        table(&many(size, json!({"type": "tableCell", "content": [code]})))
    }),
    shape("links", |size| {
        let href = "https://a.example/?token=b&x=".to_owned() + &"y".repeat(100);
        let marks = json!([{"type": "link", "attrs": {"href": href}}]);
        document(&many(size, json!({"type": "text", "text": "a", "marks": marks})))
    }),
    shape("URLs", |size| {
        document(&json!([paragraph(&"https://a.example/?key=b ".repeat(size / 25))]))
    }),
    shape("short parameters", |size| json!("/?".to_owned() + &"key=a&".repeat(size / 6))),
    shape("hard breaks", |size| {
        document(
            &json!([{"type": "paragraph", "content": many(size, json!({"type": "hardBreak"}))}]),
        )
    }),
    shape("media", |size| {
        let media = json!({"type": "media", "attrs": {"id": "m", "alt": "f"}});
        document(&many(size, media))
    }),
    shape("mixed", |size| mixed(size, 1)),
    shape("mixed otherwise", |size| mixed(size, 2)),
];

/// A list of as many of these as fit.
pub(crate) fn many(size: usize, value: Value) -> Value {
    let count = size / (value.to_string().len() + 1);
    Value::Array(vec![value; count.max(1)])
}

pub(crate) fn nested(levels: usize, inner: Value, around: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(inner, |inner, _| around(inner))
}

pub(crate) fn document(nodes: &Value) -> Value {
    json!({"type": "doc", "version": 1, "content": nodes})
}

pub(crate) fn paragraph(text: &str) -> Value {
    json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
}

fn table(cells: &Value) -> Value {
    document(&json!([{"type": "table", "content": [{"type": "tableRow", "content": cells}]}]))
}

/// Values of all kinds by chance, the same for the same seed.
fn mixed(size: usize, seed: u64) -> Value {
    let mut chance = Chance(seed);
    let (mut values, mut length) = (Vec::new(), 0);
    while length < size {
        let value = chance.value(12);
        length += value.to_string().len() + 1;
        values.push(value);
    }
    Value::Array(values)
}

struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn value(&mut self, levels: usize) -> Value {
        const NAMES: [&str; 14] = [
            "id",
            "name",
            "value",
            "type",
            "content",
            "text",
            "attrs",
            "items",
            "created",
            "author",
            "displayName",
            "key",
            "media_id",
            "completedCycles",
        ];
        const TEXTS: [&str; 8] =
            ["", "\"\\\"", "a\nb", "doc", "text", "\u{1}", "2026-02-03T12:06:52.829+0100", "7"];
        match self.next(if levels == 0 { 4 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.next(1000)),
            2 | 3 => json!(TEXTS[self.next(TEXTS.len())]),
            4 | 5 => (0..self.next(4)).map(|_| self.value(levels - 1)).collect(),
            _ => {
                let count = self.next(4);
                let members = (0..count)
                    .map(|_| (NAMES[self.next(NAMES.len())].to_owned(), self.value(levels - 1)));
                Value::Object(members.collect())
            }
        }
    }
}
