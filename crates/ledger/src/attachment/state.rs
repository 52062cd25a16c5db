//! What can have become of an attachment's bytes, in the words of snapshots, tables and metrics.

/// Of an attachment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// To be downloaded.
    Pending,
    /// On disk, whole.
    Stored,
    /// Larger than what is downloaded.
    TooLarge,
    /// Not to be had.
    Failed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Stored, Self::TooLarge, Self::Failed];

    /// The word in snapshots, tables and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stored => "stored",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
        }
    }

    /// The state of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What is known of an attachment's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes {
    /// What became of them.
    pub state: State,
    /// Checksum in hex of what is on disk.
    pub sha256: Option<String>,
    /// The id by which texts show the file.
    pub media_id: Option<String>,
    /// Why they are not on disk.
    pub reason: Option<String>,
}

impl Bytes {
    /// Of an attachment that nobody has tried to download.
    pub const UNTRIED: Self =
        Self { state: State::Pending, sha256: None, media_id: None, reason: None };
}
