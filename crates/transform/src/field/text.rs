//! A custom field's value as text: the option rule of the contract, and a readable text for a
//! field of any type.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{Arena, Json};
use crate::node::{Got, Node, Text, odd_text};

/// Lists inside of each other that are read element by element. The text of an inner one is quoted
/// inside the text of the outer one, which may double it: deeper lists are JSON text once, so that
/// a readable text is never longer than [`MAX_GROWTH`] times the value's JSON text.
const MAX_LISTS: usize = 2;

/// How much longer than its value's JSON text a readable text may be.
#[cfg(test)]
const MAX_GROWTH: usize = 1 << MAX_LISTS;

/// An element of a list of texts; `None` is `null`.
pub(crate) type Element<'a> = Option<Cow<'a, str>>;

impl<'a> Node<'a> {
    /// The option rule: an object's `value`, else its `name`; anything else as text.
    pub(crate) fn option(self) -> Text<'a> {
        match self.value() {
            Got { value: Some(Json::Object(_)), .. } => {
                let named = [self.at("value"), self.at("name")].into_iter().find(|n| n.is_set());
                named.map_or(Got::ODD, |named| Got { odd: false, ..named.text() })
            }
            Got { value: Some(_), .. } => Got { odd: false, ..self.text() },
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// A list as a JSON array of one member of each element, made by `each`. A list that is `null`
    /// has no elements; one that is absent was not given, and is NULL. An element for which `each`
    /// has `None` is left out.
    pub(crate) fn json_list(self, each: impl Fn(Self) -> Got<Option<Element<'a>>>) -> Text<'a> {
        let elements = match self {
            Self::Absent => return Got::NONE,
            Self::Odd => return Got::ODD,
            Self::Is(Json::Null) => &[],
            Self::Is(Json::List(elements)) => elements,
            // A field of the same meaning that holds one option instead of several.
            Self::Is(one @ Json::Object(_)) => &[one],
            Self::Is(other) => return odd_text(other),
        };
        let mut odd = false;
        let texts = elements.iter().filter_map(|element| {
            let got = each(Self::Is(*element));
            odd |= got.odd;
            got.value.flatten()
        });
        let list = Json::texts(texts);
        Got { value: Some(Cow::Owned(list)), odd }
    }

    /// [`Self::json_list`] of the texts that `each` finds.
    pub(crate) fn json_texts(self, each: impl Fn(Self) -> Text<'a>) -> Text<'a> {
        self.json_list(|element| each(element).map(|text| Some(Some(text))))
    }

    /// Any field's value as a person would read it. Never odd: a field may be of any type.
    pub(crate) fn readable(self) -> Option<Cow<'a, str>> {
        self.readable_within(MAX_LISTS)
    }

    /// The same; lists nested deeper than `lists` are JSON text.
    fn readable_within(self, lists: usize) -> Option<Cow<'a, str>> {
        match self.value().value? {
            Json::Text(text) => Some(Cow::Borrowed(text)),
            Json::List(elements) if lists > 0 => {
                let text = |element: &Json<'a>| Self::Is(*element).readable_within(lists - 1);
                Some(Cow::Owned(Json::texts(elements.iter().filter_map(text).map(Some))))
            }
            object @ Json::Object(_) => {
                if self.at("type").plain() == Some("doc") {
                    return self.prose().value;
                }
                let name = ["value", "name", "displayName"].iter().map(|name| self.at(name));
                let mut name = name.chain([self.at("requestType").at("name")]);
                let name = name.find_map(Self::plain).map(Cow::Borrowed);
                name.or_else(|| Some(Cow::Owned(object.text())))
            }
            other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_)) => {
                Some(Cow::Owned(other.text()))
            }
        }
    }

    /// The text, if it is one: nothing is made of a value of another type.
    fn plain(self) -> Option<&'a str> {
        self.value().value.and_then(Json::as_str)
    }
}

/// Any field's value as a person would read it, as `custom_fields.value_text` has it; null is `None`.
pub fn readable(value: &Value) -> Option<String> {
    let arena = Arena::new();
    Node::Is(Json::of(value, &arena)).readable().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(value: Value, wanted: &str) {
        assert_eq!(readable(&value).as_deref(), Some(wanted), "{value}");
    }

    #[test]
    fn lists_in_a_list_are_quoted_once_and_deeper_ones_are_json() {
        check(json!(["a", {"value": "b"}, 3, null]), r#"["a","b","3"]"#);
        check(json!([["a", {"value": "b"}]]), r#"["[\"a\",\"b\"]"]"#);
        check(json!([[["a"]]]), r#"["[\"[\\\"a\\\"]\"]"]"#);
        let inner = r#"[{"value":"b"}]"#;
        let quoted = |text: &str| Value::from(vec![text]).to_string();
        check(json!([[[{"value": "b"}]]]), &quoted(&quoted(inner)));
        check(json!([[[[["a"]]]]]), &quoted(&quoted(r#"[[["a"]]]"#)));
    }

    #[test]
    fn a_readable_text_is_a_small_multiple_of_its_value() {
        for leaf in ["\"", "\\", "\u{1}", "\n", "a"] {
            let mut value = json!(leaf.repeat(1000));
            for levels in 0..60 {
                let (text, json) = (readable(&value).unwrap(), value.to_string());
                let most = MAX_GROWTH * json.len() + 8;
                assert!(text.len() <= most, "{leaf:?} in {levels} lists: {}", text.len());
                value = Value::Array(vec![value]);
            }
        }
    }
}
