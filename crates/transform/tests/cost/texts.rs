//! Single values to texts, and a webhook's body to its event.

use jira::event::Event;
use serde_json::{Value, json};
use transform::{adf, readable, redact};

use super::shapes::SHAPES;
use super::{Bound, Cost, FIXED, check_linear};

const SIZE: usize = 16 * 1024;

#[test]
fn a_document_costs_in_proportion() {
    // A line break in a list is one byte in and 41 out.
    let bound = Bound { allocated: 200, output: 24, fixed: FIXED };
    for shape in SHAPES {
        check_linear(shape.name, SIZE, bound, |size| {
            let value = (shape.make)(size);
            [Cost::of(value.to_string().len(), || {
                let media: usize = adf::media(&value).iter().map(|media| media.id.len()).sum();
                media + adf::text(&value).map_or(0, |text| text.len())
            })]
        });
    }
}

#[test]
fn a_readable_value_costs_in_proportion() {
    let bound = Bound { allocated: 200, output: 24, fixed: FIXED };
    for shape in SHAPES {
        check_linear(shape.name, SIZE, bound, |size| {
            let value = (shape.make)(size);
            [Cost::of(value.to_string().len(), || readable(&value).map_or(0, |text| text.len()))]
        });
    }
}

#[test]
fn redaction_costs_in_proportion() {
    let bound = Bound { allocated: 12, output: 3, fixed: FIXED };
    let parts = "https:// ?token= ://a & ( %3F a:b@ https://a? =; ?key=あ /?key=a& //:a@ key%3Da%26 \
        ?user[password]=a& (?key=(a) ?key=あ;";
    for part in parts.split(' ') {
        check_linear(part, SIZE, bound, |size| {
            let text = part.repeat(size / part.len());
            [Cost::of(text.len(), || redact::urls(&text).len())]
        });
    }
}

#[test]
fn an_event_costs_in_proportion() {
    let bound = Bound { allocated: 16, output: 1, fixed: FIXED };
    type Around = fn(Value) -> Value;
    let bodies: [(&str, Around); 6] = [
        ("a value", |value| value),
        ("a name", |value| json!({"webhookEvent": value})),
        ("an issue", |value| json!({"issue": value})),
        ("an id", |value| json!({"issue": {"id": value, "key": value}})),
        ("a comment", |value| json!({"comment": {"self": value}, "x": value})),
        ("a link", |value| json!({"issueLink": {"sourceIssueId": value}, "worklog": value})),
    ];
    for shape in SHAPES {
        for (name, body) in bodies {
            check_linear(&format!("{} as {name}", shape.name), SIZE, bound, |size| {
                let body = serde_json::to_vec(&body((shape.make)(size))).unwrap();
                [Cost::of(body.len(), || {
                    Event::parse(&body).map_or(0, |event| size_of_val(&event))
                })]
            });
        }
    }
    let deep = "[".repeat(SIZE) + &"]".repeat(SIZE);
    let body = format!("{{\"issue\":{{\"id\":\"7\"}},\"deep\":{deep}}}");
    assert_eq!(Event::parse(body.as_bytes()).unwrap().subjects.len(), 1);
}
