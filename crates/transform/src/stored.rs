//! What became of an attachment's bytes: what the snapshot claims, united with what is on disk.
//!
//! The disk decides: bytes that are there are stored whatever the snapshot claims, and a claim of
//! bytes that are not there means that they are still to come.

use crate::issue::Issue;
use crate::node::{Got, Node};

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
    /// What the snapshot claims of an attachment's bytes.
    pub(crate) fn claim(&self, attachment: Node<'_>) -> Node<'a> {
        let id = attachment.at("id").id().value;
        id.map_or(Node::Absent, |id| self.at("_attachments").at(&id))
    }

    /// The state of an attachment's bytes.
    pub(crate) fn state(&self, attachment: Node<'_>) -> Got<State> {
        let id = attachment.at("id").id().value;
        if id.is_some_and(|id| self.files.contains_key(&*id)) {
            return Got::some(State::Stored);
        }
        let claimed = self.claim(attachment).at("state").text();
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
