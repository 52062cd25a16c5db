//! The field catalogue: `GET /field` (a bare array) and `GET /field/search` (pages), whose union
//! names every field of a site.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text;
use crate::id::Malformed;

/// A field's id that can stand in a URL: `summary`, `fixVersions`, `customfield_10004`.
///
/// Rule: an ASCII letter, then up to 99 ASCII letters, digits or `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(Box<str>);

impl FieldId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FieldId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let good = matches!(text.as_bytes(), [first, rest @ ..]
            if first.is_ascii_alphabetic() && rest.len() <= 99
            && rest.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'));
        if good { Ok(Self(text.into())) } else { Err(Malformed::new("field id")) }
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One field of the catalogue. Written and read back in Jira's own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// `summary`, `customfield_10004`.
    pub id: String,
    /// The name people see; not unique, and an administrator may change it.
    #[serde(default)]
    pub name: String,
    /// The name before translation, where Jira tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untranslated_name: Option<String>,
    /// What kind of value it holds; system fields such as `issuekey` have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<FieldSchema>,
}

/// The kind of value a field holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// `string`, `array`, `sd-servicelevelagreement` …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What an array holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// The system field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The custom field's type key, such as `com.atlassian.servicedesk:sd-sla-field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<String>,
}

impl Field {
    /// Reads one entry of either catalogue call; an entry without an id is none.
    pub fn read(json: &Value) -> Option<Self> {
        let schema = json.get("schema").filter(|schema| schema.is_object());
        Some(Self {
            id: text(json, "id").filter(|id| !id.is_empty())?,
            name: text(json, "name").unwrap_or_default(),
            untranslated_name: text(json, "untranslatedName"),
            schema: schema.map(|schema| FieldSchema {
                kind: text(schema, "type"),
                items: text(schema, "items"),
                system: text(schema, "system"),
                custom: text(schema, "custom"),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_ids_are_ascii_tokens() {
        for good in ["summary", "fixVersions", "customfield_10004", "a", &"a".repeat(100)] {
            assert_eq!(good.parse::<FieldId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "*all",
            "-comment",
            "a,b",
            "a b",
            "1a",
            "_a",
            "ä",
            "a&b=c",
            "a\n",
            &"a".repeat(101),
        ] {
            assert!(bad.parse::<FieldId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_odd_member_costs_itself_and_not_the_field() {
        let odd = serde_json::json!({
            "id": "customfield_1", "name": 7, "schema": {"type": ["x"], "custom": "a:b"}, "more": {},
        });
        let field = Field::read(&odd).unwrap();
        assert_eq!((field.id.as_str(), field.name.as_str()), ("customfield_1", ""));
        assert_eq!(field.schema.and_then(|schema| schema.custom).as_deref(), Some("a:b"));
        assert_eq!(Field::read(&serde_json::json!({"name": "no id"})), None);
        assert_eq!(Field::read(&serde_json::json!("text")), None);
    }

    #[test]
    fn a_field_is_written_and_read_back_in_jiras_form() {
        let json = serde_json::json!({
            "id": "customfield_2", "name": "SLA",
            "schema": {"type": "sd-servicelevelagreement", "custom": "com.atlassian.servicedesk:sd-sla-field"},
        });
        let field = Field::read(&json).unwrap();
        assert_eq!(serde_json::to_value(&field).unwrap(), json);
        assert_eq!(serde_json::from_value::<Field>(json).unwrap(), field);
    }
}
