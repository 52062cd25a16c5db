//! JSON as the mapping reads it: a tree whose texts are borrowed from what was read, made either
//! of the bytes of a file ([`parse`]) or of a `serde_json` value ([`Json::of`]).
//!
//! Promises: an object's members are sorted by name, and of several of one name the last counts,
//! as in a `serde_json::Value`; the JSON text of a tree is that of the value. What was made of
//! bytes may lack members that nobody wanted ([`Want`]), and is otherwise equal.

mod index;
mod lanes;
mod parse;
mod text;

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::Value;

pub(crate) use index::Indexed;
use lanes::is_same;
pub(crate) use parse::parse;
use text::quote;

/// Where a tree's lists, and texts that had to be made, are kept.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, to be used for the next tree without asking for memory again.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// Bytes that it holds, used or not.
    pub fn bytes(&self) -> usize {
        self.0.allocated_bytes()
    }
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(Number),
    /// A text.
    Text(&'a str),
    /// A list.
    List(&'a [Json<'a>]),
    /// An object's members, by name.
    Object(&'a [Member<'a>]),
}

/// Among so few members, looking at one after the other is fastest.
const FEW: usize = 16;

/// How deep a value is followed. One that came through a parser has half as many levels; one that
/// was made otherwise may have any number, and the stack has not.
const MAX_LEVELS: usize = 256;

/// What the JSON text of a list or object has, mostly.
const TEXT_BYTES: usize = 256;

/// A member of an object.
pub type Member<'a> = (&'a str, Json<'a>);

/// A number, in the same three kinds in which `serde_json` keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Zero or more.
    Whole(u64),
    /// Less than zero.
    Negative(i64),
    /// Anything else.
    Float(f64),
}

/// Which members of an object are read. What an array holds is wanted as the array is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Want<'w> {
    /// All, at any depth: the value's JSON text may be needed.
    All,
    /// These, each as it says.
    Only(&'w [(&'w str, Want<'w>)]),
    /// These, and all custom fields whole.
    Fields(&'w [(&'w str, Want<'w>)]),
}

impl Number {
    fn of(number: &serde_json::Number) -> Self {
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(whole), _, _) => Self::Whole(whole),
            (None, Some(negative), _) => Self::Negative(negative),
            (None, None, float) => Self::Float(float.unwrap_or_default()),
        }
    }

    /// It as a signed integer, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Whole(whole) => i64::try_from(whole).ok(),
            Self::Negative(negative) => Some(negative),
            Self::Float(_) => None,
        }
    }

    /// It as an unsigned integer, if it is one.
    pub fn as_u64(self) -> Option<u64> {
        if let Self::Whole(whole) = self { Some(whole) } else { None }
    }
}

impl<'a> Json<'a> {
    /// The same as a value, whose texts are borrowed. Lists and objects deeper than 256 levels
    /// are empty.
    pub fn of(value: &'a Value, arena: &'a Arena) -> Self {
        Self::within(MAX_LEVELS, value, arena)
    }

    fn within(levels: usize, value: &'a Value, arena: &'a Arena) -> Self {
        let inner = levels.saturating_sub(1);
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(Number::of(number)),
            Value::String(text) => Self::Text(text),
            Value::Array(_) if levels == 0 => Self::List(&[]),
            Value::Object(_) if levels == 0 => Self::Object(&[]),
            Value::Array(elements) => {
                let elements = elements.iter().map(|element| Self::within(inner, element, arena));
                Self::List(arena.0.alloc_slice_fill_iter(elements))
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| (&**name, Self::within(inner, value, arena)));
                Self::Object(arena.0.alloc_slice_fill_iter(members))
            }
        }
    }

    /// The same without what is inside of members: enough to tell what a document is.
    pub(crate) fn outline(value: &'a Value, arena: &'a Arena) -> Self {
        let Value::Object(members) = value else { return Self::of(value, arena) };
        let scalars = members.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
        let scalars = scalars.map(|(name, value)| (&**name, Self::of(value, arena)));
        let scalars = scalars.collect::<Vec<_>>();
        Self::Object(arena.0.alloc_slice_copy(&scalars))
    }

    /// The JSON text of a list of texts; `None` is `null`.
    pub(crate) fn texts<'t>(texts: impl Iterator<Item = Option<Cow<'t, str>>>) -> String {
        let texts = texts.collect::<Vec<_>>();
        let texts = texts.iter().map(|text| text.as_deref().map_or(Json::Null, Json::Text));
        Json::List(&texts.collect::<Vec<_>>()).text()
    }

    /// The same as a tree of its own.
    pub(crate) fn copied(value: &Value, arena: &'a Arena) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(Number::of(number)),
            Value::String(text) => Self::Text(arena.0.alloc_str(text)),
            Value::Array(elements) => {
                let elements = elements.iter().map(|element| Self::copied(element, arena));
                Self::List(arena.0.alloc_slice_fill_iter(elements))
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| (&*arena.0.alloc_str(name), Self::copied(value, arena)));
                Self::Object(arena.0.alloc_slice_fill_iter(members))
            }
        }
    }

    /// The same as a value of its own.
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::from(flag),
            Self::Number(Number::Whole(whole)) => Value::from(whole),
            Self::Number(Number::Negative(negative)) => Value::from(negative),
            Self::Number(Number::Float(float)) => Value::from(float),
            Self::Text(text) => Value::from(text),
            Self::List(elements) => elements.iter().map(|element| element.to_value()).collect(),
            Self::Object(members) => {
                let members =
                    members.iter().map(|(name, json)| ((*name).to_owned(), json.to_value()));
                Value::Object(members.collect())
            }
        }
    }

    /// Its JSON text, without blanks.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(match self {
            Self::Text(text) => text.len() + 2,
            Self::List(_) | Self::Object(_) => TEXT_BYTES,
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
        });
        self.write(&mut text);
        text
    }

    fn write(self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
            Self::Number(Number::Whole(whole)) => out.push_str(&whole.to_string()),
            Self::Number(Number::Negative(negative)) => out.push_str(&negative.to_string()),
            Self::Number(Number::Float(float)) => out.push_str(&Value::from(float).to_string()),
            Self::Text(text) => quote(text, out),
            Self::List(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (name, json)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    quote(name, out);
                    out.push(':');
                    json.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The member of that name, if it is an object that has one.
    pub fn get(self, name: &str) -> Option<Self> {
        let members = self.as_object()?;
        if members.len() <= FEW {
            let is_it = |(known, _): &&Member<'_>| is_same(known, name);
            return members.iter().find(is_it).map(|(_, json)| *json);
        }
        let at = members.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        members.get(at).map(|(_, json)| *json)
    }

    /// What is found by one member's name after another.
    pub fn find(self, names: &[&str]) -> Option<Self> {
        names.iter().try_fold(self, |json, name| json.get(name))
    }

    /// The text, if it is one.
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// It as a signed integer, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        if let Self::Number(number) = self { number.as_i64() } else { None }
    }

    /// It as an unsigned integer, if it is one.
    pub fn as_u64(self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_u64() } else { None }
    }

    /// The elements, if it is a list.
    pub fn as_list(self) -> Option<&'a [Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    /// The members, if it is an object.
    pub fn as_object(self) -> Option<&'a [Member<'a>]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self, Self::Object(_))
    }
}

#[cfg(test)]
mod tests;
