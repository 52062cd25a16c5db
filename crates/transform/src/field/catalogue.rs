//! The site's own list of fields: `GET /field` united with `GET /field/search`, because project
//! fields of team-managed projects may be missing from the first.
//!
//! Kept beside the raw snapshots in Jira's own shape, so that a rebuild without network maps the
//! fields as before. An element that is no field loses only itself.

use std::collections::BTreeMap;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::id::FieldId;
use crate::snapshot::Unreadable;

/// One field of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `customfield_10004`, `summary`.
    pub id: String,
    /// The name that people see.
    pub name: String,
    /// `schema.type`: `option`, `array`, `string`.
    pub kind: Option<String>,
    /// `schema.custom`, which tells JSM fields apart whatever their name.
    pub custom: Option<String>,
}

/// The fields of a site by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    fields: BTreeMap<FieldId, Field>,
}

impl Catalogue {
    /// Reads a list of fields, or a page whose `values` is one. `file` names it in the error.
    pub fn parse(json: &[u8], file: &str) -> Result<Self, Unreadable> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|source| Unreadable::NotJson { file: file.to_owned(), source })?;
        let lacks = || Unreadable::Other { file: file.to_owned(), lacks: "list of fields" };
        let member = |name| value.get(name).and_then(Value::as_array);
        let list = value.as_array().or_else(|| member("values")).or_else(|| member("fields"));
        Ok(Self::of(list.ok_or_else(lacks)?))
    }

    /// The fields among these values.
    pub fn of(values: &[Value]) -> Self {
        let fields = values.iter().filter_map(read);
        Self { fields: fields.map(|field| (FieldId::new(&field.id), field)).collect() }
    }

    /// Both together; where both know a field, this one's word counts.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        for (id, field) in other.fields {
            self.fields.entry(id).or_insert(field);
        }
        self
    }

    /// All fields: those of Jira itself first, then custom fields by number.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.values()
    }

    /// The field with that id.
    pub fn get(&self, id: &str) -> Option<&Field> {
        self.fields.get(&FieldId::new(id))
    }

    /// The first field of that name, whatever its case.
    pub(crate) fn named(&self, name: &str) -> Option<&Field> {
        let wanted = folded(name);
        self.fields().find(|field| folded(&field.name) == wanted)
    }
}

impl Serialize for Catalogue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.fields.len()))?;
        for field in self.fields() {
            list.serialize_element(&json!({
                "id": field.id,
                "name": field.name,
                "schema": { "type": field.kind, "custom": field.custom },
            }))?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Catalogue {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::of(&Vec::deserialize(from)?))
    }
}

/// Names are compared without case and surrounding blanks.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn read(value: &Value) -> Option<Field> {
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Some(Field {
        id: text("/id").filter(|id| !id.is_empty())?,
        name: text("/name").unwrap_or_default(),
        kind: text("/schema/type"),
        custom: text("/schema/custom"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &Value) -> Catalogue {
        Catalogue::parse(json.to_string().as_bytes(), "fields.json").unwrap()
    }

    #[test]
    fn lists_and_pages_are_read_and_odd_elements_lose_themselves() {
        let fields = json!([
            {"id": "customfield_9", "name": "Nine", "schema": {"type": "option", "custom": "x:y"}},
            5, null, {"name": "no id"}, {"id": 7},
            {"id": "summary", "name": "Summary", "schema": "odd"},
            {"id": "customfield_10", "name": ["odd"]},
        ]);
        let catalogue = parse(&fields);
        let ids: Vec<_> = catalogue.fields().map(|field| field.id.as_str()).collect();
        assert_eq!(ids, ["summary", "customfield_9", "customfield_10"]);
        assert_eq!(catalogue, parse(&json!({ "values": fields, "total": 3 })));
        assert_eq!(catalogue, parse(&json!({ "fields": fields })));
        assert_eq!(catalogue, parse(&serde_json::to_value(&catalogue).unwrap()));
    }

    #[test]
    fn something_else_is_unreadable_and_not_an_empty_catalogue() {
        for text in ["", "{", "{}", "5", "\"x\"", "{\"values\": 5}", "{\"errorMessages\": []}"] {
            assert!(Catalogue::parse(text.as_bytes(), "fields.json").is_err(), "{text}");
        }
    }

    #[test]
    fn a_union_has_the_fields_of_both() {
        let one = parse(&json!([{"id": "customfield_1", "name": "One"}]));
        let two = json!([{"id": "customfield_1", "name": "x"}, {"id": "customfield_2"}]);
        let both = one.union(parse(&two));
        assert_eq!(both.fields().count(), 2);
        assert_eq!(both.get("customfield_1").map(|field| field.name.as_str()), Some("One"));
    }
}
