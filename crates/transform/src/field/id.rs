//! Ids in their reading order: those without a number (Jira's own fields, accounts) by their text,
//! then custom fields and whatever else is numbered by number.

/// An id that sorts `customfield_9` before `customfield_10`. Equal only for equal texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FieldId {
    number: Option<u64>,
    text: String,
}

impl FieldId {
    pub(crate) fn new(id: &str) -> Self {
        Self { number: custom_number(id).or_else(|| id.parse().ok()), text: id.to_owned() }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the ids of custom fields begin with.
pub(crate) const CUSTOM: &str = "customfield_";

/// Digits that the number of a custom field may have. Zeros before it could be any number of them,
/// and rows repeat the id.
const MAX_DIGITS: usize = 20;

/// The number of a custom field, `10004` of `customfield_10004`.
pub(crate) fn custom_number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix(CUSTOM)?;
    if digits.len() <= MAX_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}
