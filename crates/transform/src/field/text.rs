//! A custom field's value as text: the option rule of the contract, and a readable text for a
//! field of any type.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{Arena, Json};
use crate::node::{Got, Node, Text, odd_text};

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
        match self.value().value? {
            Json::Text(text) => Some(Cow::Borrowed(text)),
            Json::List(elements) => {
                let texts = elements.iter().filter_map(|element| Self::Is(*element).readable());
                Some(Cow::Owned(Json::texts(texts.map(Some))))
            }
            object @ Json::Object(_) => {
                if self.at("type").text().value.is_some_and(|kind| kind == "doc") {
                    return self.prose().value;
                }
                let name = ["value", "name", "displayName"].iter().map(|name| self.at(name));
                let name = name.chain([self.at("requestType").at("name")]);
                let mut texts = name.map(Self::text);
                texts
                    .find_map(|text| text.value.filter(|_| !text.odd))
                    .or_else(|| Some(Cow::Owned(object.text())))
            }
            other @ (Json::Null | Json::Bool(_) | Json::Number(_)) => {
                Some(Cow::Owned(other.text()))
            }
        }
    }
}

/// Any field's value as a person would read it, as `custom_fields.value_text` has it; null is `None`.
pub fn readable(value: &Value) -> Option<String> {
    let arena = Arena::new();
    Node::Is(Json::of(value, &arena)).readable().map(Cow::into_owned)
}
