//! Tolerant reading: a place in the JSON that may be absent or of another type than expected.
//!
//! Reading never fails. What a column gets is a [`Got`]: a value or none, and whether the JSON was
//! odd there, which means of a type that Jira does not document for the place.

use std::borrow::Cow;

use jira::time::Instant;

use crate::json::{Json, Number};

/// What a place gave for a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got<T> {
    /// The column's value; `None` is NULL.
    pub(crate) value: Option<T>,
    /// The JSON was of an unexpected type.
    pub(crate) odd: bool,
}

/// Text that is borrowed from the snapshot where that is possible.
pub(crate) type Text<'a> = Got<Cow<'a, str>>;

impl<T> Got<T> {
    pub(crate) const NONE: Self = Self { value: None, odd: false };
    pub(crate) const ODD: Self = Self { value: None, odd: true };

    pub(crate) fn some(value: T) -> Self {
        Self { value: Some(value), odd: false }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Got<U> {
        Got { value: self.value.map(change), odd: self.odd }
    }

    pub(crate) fn filter(self, keep: impl FnOnce(&T) -> bool) -> Self {
        Self { value: self.value.filter(keep), odd: self.odd }
    }
}

impl Text<'_> {
    /// The same, borrowed from this one.
    pub(crate) fn borrowed(&self) -> Text<'_> {
        Got { value: self.value.as_deref().map(Cow::Borrowed), odd: self.odd }
    }
}

impl Got<i64> {
    /// The value, or `absent` where there was none and nothing odd.
    pub(crate) fn or(self, absent: i64) -> Self {
        Self { value: self.value.or((!self.odd).then_some(absent)), odd: self.odd }
    }
}

impl<T> From<Option<T>> for Got<T> {
    fn from(value: Option<T>) -> Self {
        Self { value, odd: false }
    }
}

/// A place in the JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'a> {
    /// Not there.
    Absent,
    /// There, perhaps as `null`.
    Is(Json<'a>),
    /// Below something that has no members.
    Odd,
}

impl<'a> Node<'a> {
    /// The member of that name. `null` has no members and that is not odd.
    pub(crate) fn at(self, name: &str) -> Self {
        match self {
            Self::Is(object @ Json::Object(_)) => object.get(name).map_or(Self::Absent, Self::Is),
            Self::Absent | Self::Is(Json::Null) => Self::Absent,
            Self::Is(_) | Self::Odd => Self::Odd,
        }
    }

    /// The value, unless it is absent or `null`.
    pub(crate) fn value(self) -> Got<Json<'a>> {
        match self {
            Self::Absent | Self::Is(Json::Null) => Got::NONE,
            Self::Is(value) => Got::some(value),
            Self::Odd => Got::ODD,
        }
    }

    /// Whether there is something other than `null`.
    pub(crate) fn is_set(self) -> bool {
        self.value().value.is_some()
    }

    /// A text. Another type becomes its JSON text and is odd.
    pub(crate) fn text(self) -> Text<'a> {
        match self.value() {
            Got { value: Some(Json::Text(text)), .. } => Got::some(Cow::Borrowed(text)),
            Got { value: Some(other), .. } => odd_text(other),
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// An e-mail address; hidden ones come absent, null or empty.
    pub(crate) fn email(self) -> Text<'a> {
        self.at("emailAddress").text().filter(|email| !email.is_empty())
    }

    /// An id, which Jira gives as a string in some places and as a number in others.
    pub(crate) fn id(self) -> Text<'a> {
        match self {
            Self::Is(number @ Json::Number(_)) => Got::some(Cow::Owned(number.text())),
            Self::Absent | Self::Is(_) | Self::Odd => self.text(),
        }
    }

    /// A whole number; `5.0` is one, `4.5` and `"5"` are odd.
    pub(crate) fn int(self) -> Got<i64> {
        match self.value() {
            Got { value: Some(Json::Number(number)), .. } => {
                whole(number).map_or(Got::ODD, Got::some)
            }
            Got { value: Some(_), .. } => Got::ODD,
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// A boolean and nothing that could be taken for one.
    pub(crate) fn flag(self) -> Got<bool> {
        match self.value() {
            Got { value: Some(Json::Bool(flag)), .. } => Got::some(flag),
            Got { value: Some(_), .. } => Got::ODD,
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// One of Jira's timestamps.
    pub(crate) fn time(self) -> Got<Instant> {
        match self.value() {
            Got { value: Some(Json::Text(text)), .. } => {
                Instant::parse(text).map_or(Got::ODD, Got::some)
            }
            Got { value: Some(_), .. } => Got::ODD,
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// Prose: an ADF document or a plain string, as text. Anything else is odd.
    pub(crate) fn prose(self) -> Text<'a> {
        match self.value() {
            Got { value: Some(value @ (Json::Object(_) | Json::List(_))), .. } => {
                let text = crate::adf::text_of(value).map(|text| Got::some(Cow::Owned(text)));
                text.unwrap_or_else(|| odd_text(value))
            }
            Got { .. } => self.text(),
        }
    }

    /// A list's elements; none for `null`. Something that is no list is lost and counted.
    pub(crate) fn list(self, lost: &mut u64) -> &'a [Json<'a>] {
        match self {
            Self::Is(Json::List(elements)) => elements,
            Self::Absent | Self::Is(Json::Null) => &[],
            Self::Is(_) | Self::Odd => {
                *lost += 1;
                &[]
            }
        }
    }

    /// The objects of a list. Other elements are lost and counted.
    pub(crate) fn objects(self, lost: &mut u64) -> Vec<Self> {
        let elements = self.list(lost);
        let objects: Vec<_> =
            elements.iter().filter(|element| element.is_object()).copied().map(Self::Is).collect();
        *lost += count(elements.len().saturating_sub(objects.len())).unsigned_abs();
        objects
    }
}

/// The JSON text of a value of an unexpected type.
pub(crate) fn odd_text<'a>(value: Json<'_>) -> Text<'a> {
    Got { value: Some(Cow::Owned(value.text())), odd: true }
}

/// A length as a table's number.
pub(crate) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn whole(number: Number) -> Option<i64> {
    // Beyond 2^53 a float no longer names one whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        Number::Whole(whole) => i64::try_from(whole).ok(),
        Number::Negative(negative) => Some(negative),
        Number::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT => {
            format!("{float:.0}").parse().ok()
        }
        Number::Float(_) => None,
    }
}
