//! Places between two durable steps, where a test can end the process as a crash would.
//!
//! Outside tests a step costs nothing and cannot fail.

use crate::error::Error;

/// The durable steps of a commit and of a dimension's replacement, each named after what is on disk by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The entries of a dimension are new, its file is the old one.
    Listed,
    /// A new file is complete under its temporary name.
    Staged,
    /// One new file has its name in the store.
    Stored,
    /// All new files are in the store; the ledger knows none of them.
    AllStored,
    /// The ledger's transaction is done; the visible names are the old ones.
    Committed,
    /// The visible names of all tables but `issues` are new.
    ChildrenVisible,
    /// All visible names are new, `views.sql` is the old one.
    Visible,
}

/// What happens at each step: nothing, outside tests.
#[derive(Clone, Default)]
pub(crate) struct Steps {
    #[cfg(test)]
    pub(crate) crash: std::sync::Arc<std::sync::Mutex<Option<Step>>>,
}

impl Steps {
    /// Passes a step, or ends here when a test says so.
    #[cfg_attr(
        not(test),
        expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests fail here")
    )]
    pub(crate) fn pass(&self, _step: Step) -> Result<(), Error> {
        #[cfg(test)]
        if *self.crash.lock().unwrap() == Some(_step) {
            let source = std::io::Error::other(format!("the test crashed at {_step:?}"));
            return Err(Error::Disk { doing: "pass", path: "failpoint".into(), source });
        }
        Ok(())
    }
}
