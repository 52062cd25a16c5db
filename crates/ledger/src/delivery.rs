//! What a delivery is before and after it is recorded.

use bytes::Bytes;
use jira::id::Subject;
use jira::time::Instant;

use crate::Error;

/// A verified webhook on its way into the ledger.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// When the door had the whole body.
    pub received_at: Instant,
    /// Jira's name for the delivery, the same across its retries; a known one is not recorded again.
    /// One that is empty or longer than 255 bytes is not Jira's and counts as absent.
    pub identifier: Option<String>,
    /// `webhookEvent`; kept up to 255 characters.
    pub event: Option<String>,
    /// How often Jira had tried before.
    pub retry: Option<u32>,
    /// Primary or Secondary; kept up to 255 characters.
    pub flow: Option<String>,
    /// The issues it points at. None: it is noted, and nothing is raised.
    pub subjects: Vec<Subject>,
    /// Whether the event says that an issue was deleted.
    pub deleted: bool,
    /// The bytes that were signed.
    pub body: Bytes,
}

/// The answer to a delivery: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its number; of a duplicate, the number of the first.
    pub seq: i64,
    /// Whether its identifier was known already.
    pub duplicate: bool,
}

/// A recorded delivery, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, in the order of recording.
    pub seq: i64,
    /// When the door had the whole body.
    pub received_at: Instant,
    /// Jira's name for it.
    pub identifier: Option<String>,
    /// `webhookEvent`.
    pub event: Option<String>,
    /// How often Jira had tried before.
    pub retry: Option<u32>,
    /// Primary or Secondary.
    pub flow: Option<String>,
    /// How often the same identifier came again.
    pub repeats: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Length of the body.
    pub body_bytes: u64,
    /// The issues it points at, each with what became of that.
    pub subjects: Vec<DeliverySubject>,
}

/// An issue that a delivery points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySubject {
    /// The issue; by id as soon as that was known.
    pub subject: Subject,
    /// What became of the delivery as far as this issue goes.
    pub outcome: Outcome,
    /// Why it is parked.
    pub reason: Option<String>,
}

/// What became of a delivery. Of one with several subjects: pending if any is, else parked if any
/// is, else applied if any is, else superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Some issue it points at is still to be looked at.
    Pending,
    /// It waits for a person, or a person took it out of the work.
    Parked,
    /// The state it told of, or a newer one, is in the lake, and it was the newest hint then.
    Applied,
    /// A newer hint was applied in its place.
    Superseded,
    /// It points at no issue and is kept for the record.
    Noted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Parked, Self::Applied, Self::Superseded, Self::Noted];

    /// The outcome's name, as commands and metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Parked => "parked",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Noted => "noted",
        }
    }

    /// From its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// From a stored row, where a subject may also be dropped.
    pub(crate) fn stored(text: &str) -> Result<Self, Error> {
        let name = if text == "dropped" { "parked" } else { text };
        Self::named(name).ok_or(Error::unreadable("an outcome"))
    }
}

/// A subject as it is stored.
pub(crate) fn subject(text: &str) -> Result<Subject, Error> {
    text.parse().map_err(|_| Error::unreadable("a subject"))
}
