//! Identities, parsed once at the edge: an [`IssueKey`] can stand in a path or a URL because
//! nothing but a well-formed key can become one.
//!
//! Identity is the numeric [`IssueId`]; keys change when an issue moves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not an id or key of the wanted form. The text itself is not repeated: it may come
/// from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed {0}")]
pub struct Malformed(&'static str);

impl Malformed {
    pub(crate) fn new(what: &'static str) -> Self {
        Self(what)
    }
}

/// The numeric id of an issue: never changes, never reused. JSON carries it as a string, issue
/// link events as a number; both are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueId(i64);

impl IssueId {
    /// From a number; ids are positive.
    pub fn new(id: i64) -> Result<Self, Malformed> {
        if id > 0 { Ok(Self(id)) } else { Err(Malformed("issue id")) }
    }

    /// The number, for databases.
    pub fn get(self) -> i64 {
        self.0
    }

    /// From a member of an answer.
    pub(crate) fn read(json: &serde_json::Value) -> Option<Self> {
        match json.as_str() {
            Some(text) => text.parse().ok(),
            None => Self::new(json.as_i64()?).ok(),
        }
    }
}

impl FromStr for IssueId {
    type Err = Malformed;

    /// Decimal digits only (no sign, no blanks, no leading zero), so that equal ids are equal texts.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        decimal(text).map(Self).ok_or(Malformed("issue id"))
    }
}

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The numeric id of an attachment: never changes, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(i64);

impl AttachmentId {
    /// From a number; ids are positive.
    pub fn new(id: i64) -> Result<Self, Malformed> {
        if id > 0 { Ok(Self(id)) } else { Err(Malformed("attachment id")) }
    }

    /// The number, for databases.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl FromStr for AttachmentId {
    type Err = Malformed;

    /// As [`IssueId`]: decimal digits only.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        decimal(text).map(Self).ok_or(Malformed("attachment id"))
    }
}

impl fmt::Display for AttachmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The numeric id of a customer organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId(i64);

impl FromStr for OrganizationId {
    type Err = Malformed;

    /// As [`IssueId`]: decimal digits only.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        decimal(text).map(Self).ok_or(Malformed("organization id"))
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id by which texts show a file: a UUID of the media host, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaId(Box<str>);

impl MediaId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        if lengths && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(Malformed("media id"))
        }
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An issue key such as `SUPPORT-15186`: ASCII, bounded, the whole text.
///
/// Rule: an upper-case letter, then up to 254 upper-case letters, digits or `_`, a hyphen, then 1
/// to 18 digits without a leading zero (Jira's default project key pattern, length-bounded).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueKey(Box<str>);

impl IssueKey {
    /// The project's key: what stands before the last hyphen.
    pub fn project(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(project, _)| project)
    }

    /// The number behind the hyphen.
    pub fn number(&self) -> u64 {
        self.0.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IssueKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let bad = Malformed("issue key");
        let (project, number) = text.split_once('-').ok_or(bad)?;
        let project_ok = matches!(project.as_bytes(), [first, rest @ ..]
            if first.is_ascii_uppercase() && rest.len() <= 254
            && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_'));
        let number_ok = matches!(number.as_bytes(), [b'1'..=b'9', rest @ ..]
            if rest.len() <= 17 && rest.iter().all(u8::is_ascii_digit));
        if project_ok && number_ok { Ok(Self(text.into())) } else { Err(bad) }
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A positive number of ASCII digits, without a sign, blanks or a leading zero.
fn decimal(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|id| digits && *id > 0)
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(IssueId);
serde_as_text!(IssueKey);
serde_as_text!(AttachmentId);
serde_as_text!(MediaId);

/// What a hint points at: an id, or a key that still has to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The issue itself.
    Id(IssueId),
    /// A current or former key.
    Key(IssueKey),
}

impl FromStr for Subject {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Key))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ascii_bounded_and_whole() {
        for good in ["A-1", "SUPPORT-15186", "A1_B-999999999999999999"] {
            assert_eq!(good.parse::<IssueKey>().map(|k| k.to_string()), Ok(good.into()));
        }
        let long = format!("{}-1", "A".repeat(256));
        for bad in [
            "",
            "-1",
            "A-",
            "A-0",
            "A-01",
            "a-1",
            "1A-1",
            "A-1\n",
            " A-1",
            "A-1 ",
            "A--1",
            "A-1-1",
            "A-١",
            "Ä-1",
            "../A-1",
            "A/B-1",
            "A-1/..",
            "A-1\0",
            "A-1234567890123456789",
            &long,
        ] {
            assert!(bad.parse::<IssueKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_are_plain_positive_decimals() {
        assert_eq!("10021".parse::<IssueId>().map(IssueId::get), Ok(10021));
        assert_eq!("10021".parse::<AttachmentId>().map(AttachmentId::get), Ok(10021));
        for bad in ["", "0", "-1", "+1", "01", "1 ", "١", "9223372036854775808", "1e3"] {
            assert!(bad.parse::<IssueId>().is_err(), "{bad:?}");
            assert!(bad.parse::<AttachmentId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_knows_its_project_and_number() {
        let key: IssueKey = "AB_C-42".parse().unwrap();
        assert_eq!((key.project(), key.number()), ("AB_C", 42));
    }

    #[test]
    fn a_media_id_is_a_uuid_in_lower_case() {
        let id = "0B5C7A2E-1111-4222-8333-abcdefabcdef".parse::<MediaId>();
        assert_eq!(id.unwrap().as_str(), "0b5c7a2e-1111-4222-8333-abcdefabcdef");
        for bad in [
            "",
            "0b5c7a2e111142228333abcdefabcdef",
            "0b5c7a2e-1111-4222-8333-abcdefabcdeg",
            "0b5c7a2e-1111-4222-8333-abcdefabcdef-",
            "0b5c7a2e-1111-4222-8333-abcdefabcde",
            "0b5c7a2-11111-4222-8333-abcdefabcdef",
            "0b5c7a2e-1111-4222-8333-abcdefabcd/f",
            "{0b5c7a2e-1111-4222-8333-abcdefabcdef}",
        ] {
            assert!(bad.parse::<MediaId>().is_err(), "{bad:?}");
        }
    }
}
