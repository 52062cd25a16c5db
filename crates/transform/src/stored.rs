//! What became of an attachment's bytes: what the snapshot claims, united with what is on disk.
//!
//! The disk decides: bytes that are there are stored whatever the snapshot claims, and a claim of
//! bytes that are not there means that they are still to come.

use crate::column::known;
use crate::issue::Issue;
use crate::json::Json;
use crate::node::{Got, Node, Text, odd_text};

/// Longest text of a claim. Ours are shorter, and several attachments may have the id of one claim.
const CLAIM_BYTES: usize = 256;

/// Of an attachment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Stored,
    Pending,
    TooLarge,
    Failed,
}

impl State {
    /// The word in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Pending => "pending",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
        }
    }
}

impl<'a> Issue<'a> {
    /// A member of what the snapshot claims of an attachment's bytes. A number is its text
    /// and odd, as elsewhere; a long text, a list and an object are NULL and odd.
    pub(crate) fn claim(&self, attachment: Node<'_>, member: &str) -> Text<'a> {
        let id = attachment.at("id").id().value;
        let claim = id.map_or(Node::Absent, |id| self.at("_attachments").at(&id));
        match claim.at(member).value() {
            Got { value: Some(Json::Text(text)), .. } if text.len() <= CLAIM_BYTES => known(text),
            Got { value: Some(scalar @ (Json::Number(_) | Json::Bool(_))), .. } => odd_text(scalar),
            Got { value: Some(_), .. } => Got::ODD,
            Got { value: None, odd } => Got { value: None, odd },
        }
    }

    /// The state of an attachment's bytes.
    pub(crate) fn state(&self, attachment: Node<'_>) -> Got<State> {
        let id = attachment.at("id").id().value;
        if id.is_some_and(|id| self.files.contains_key(&*id)) {
            return Got::some(State::Stored);
        }
        let claimed = self.claim(attachment, "state");
        match claimed.value.as_deref() {
            Some("too_large") => Got::some(State::TooLarge),
            Some("failed") => Got::some(State::Failed),
            Some("stored" | "pending") => Got::some(State::Pending),
            // Without a word that is known they are still to come, in any case.
            Some(_) => Got { value: Some(State::Pending), odd: true },
            None => Got { value: Some(State::Pending), odd: claimed.odd },
        }
    }
}
