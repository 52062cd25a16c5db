//! `GET /issue/{idOrKey}`: also under former keys, then with the new key in the answer.

use serde_json::{Map, Value, json};

use super::Context;
use super::fields::{Default, Selection};
use super::reply::{Answer, Reply};
use crate::json::Members;
use crate::site::{Issue, Reader, View};

pub(crate) fn one(context: &Context<'_>) -> Answer {
    let request = context.request;
    let selection = Selection::parse(&request.params("fields"), Default::All);
    let expand = request.params("expand");
    let state = context.app.site.state();
    let Some(issue) = state.visible(context.id) else {
        return Err(Box::new(Reply::no_such_issue()));
    };
    Ok(Reply::json(&build(
        &context.reader(&state),
        issue,
        &Shape { selection, expand, view: View::ISSUE },
    )))
}

/// What of an issue is answered.
pub(crate) struct Shape {
    pub(crate) selection: Selection,
    pub(crate) expand: Vec<String>,
    pub(crate) view: View,
}

/// An issue in the shape that was asked for.
pub(crate) fn build(reader: &Reader<'_>, issue: &Issue, shape: &Shape) -> Value {
    let mut json = reader.frame(issue);
    if shape.selection.is_bare() {
        return Value::Object(json);
    }
    let fields = shape.selection.apply(reader.state, reader.fields(issue, shape.view));
    for name in &shape.expand {
        let value = match name.as_str() {
            "changelog" => reader.changelog(issue, shape.view),
            "renderedFields" => rendered(reader, issue, &fields),
            "names" => about(reader, &fields, |field| field.member("name").clone()),
            "schema" => about(reader, &fields, |field| field.member("schema").clone()),
            "transitions" => json!([]),
            "operations" | "editmeta" | "versionedRepresentations" => json!({}),
            _ => continue,
        };
        json.insert(name.clone(), value);
    }
    json.insert("fields".to_owned(), Value::Object(fields));
    Value::Object(json)
}

/// Something from the catalogue for each field of the answer.
fn about(
    reader: &Reader<'_>,
    fields: &Map<String, Value>,
    what: impl Fn(&Value) -> Value,
) -> Value {
    let known = reader.state.furniture.fields.iter();
    let shown = known.filter_map(|field| {
        let id = field.member("id").as_str()?;
        fields.contains_key(id).then(|| (id.to_owned(), what(field)))
    });
    Value::Object(shown.collect())
}

/// The HTML of an issue: as it was generated, else the dates in words and the texts in paragraphs.
fn rendered(reader: &Reader<'_>, issue: &Issue, fields: &Map<String, Value>) -> Value {
    let stored = issue.rendered.as_object();
    let shown = fields.iter().map(|(name, value)| {
        let html = match value {
            document if crate::adf::is_document(document) => {
                let text = crate::adf::to_wiki(document);
                json!(text.split("\n\n").map(|it| format!("<p>{it}</p>")).collect::<String>())
            }
            Value::String(text) => match crate::time::parse(text) {
                Some(at) => json!(reader.place.zone.friendly(at)),
                None => Value::Null,
            },
            _ => Value::Null,
        };
        let stored = stored.and_then(|stored| stored.get(name)).filter(|it| !it.is_null());
        (name.clone(), stored.cloned().unwrap_or(html))
    });
    Value::Object(shown.collect())
}
