//! Store files that were replaced: kept for the readers that opened the catalog before, removed
//! after a grace. What a stop leaves here is swept by age at the next start.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use jira::time::Instant;

use crate::verify::regular;

/// How long a replaced file stays: longer than any query may take.
pub(crate) const READER_GRACE: Duration = Duration::from_secs(300);

/// Store files that were replaced, with the instant of it, oldest first.
#[derive(Default)]
pub(crate) struct Retired(VecDeque<(Instant, PathBuf)>);

impl Retired {
    pub(crate) fn add(&mut self, files: impl Iterator<Item = PathBuf>, now: Instant) {
        self.0.extend(files.map(|path| (now, path)));
    }

    /// Removes what no reader can be using any more.
    pub(crate) fn remove_old(&mut self, now: Instant) {
        while let Some((since, path)) = self.0.front()
            && now.since(*since) > READER_GRACE
        {
            if let Err(error) = regular::remove(path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a replaced file, leaving it to the sweep");
            }
            self.0.pop_front();
        }
    }
}
