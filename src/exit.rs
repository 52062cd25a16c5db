//! Exit codes, a contract: 0 done · 1 failed · 2 wrong call or settings · 3 done, but some input
//! could not be read · 4 checked, and it differs · 5 could not check.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::report;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// All of it.
    All,
    /// Everything but what was reported as unreadable.
    Partly,
    /// What was compared is not the same.
    Differs,
    /// Something could not be compared, and what was compared is the same.
    Unchecked,
}

impl Done {
    /// How two things that were done ended together.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::All { other } else { self }
    }
}

/// The call or the settings are wrong; the text says what, which and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The exit code of a result; an error is told on stderr with its causes.
pub(crate) fn code(result: anyhow::Result<Done>) -> ExitCode {
    match result {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::Partly) => ExitCode::from(3),
        Ok(Done::Differs) => ExitCode::from(4),
        Ok(Done::Unchecked) => ExitCode::from(5),
        Err(error) => {
            report::failure(&error);
            let usage = error.chain().any(|cause| cause.is::<Usage>());
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// The exit code of a call that was not parsed: help and version are data, all else is a wrong call.
pub(crate) fn unparsed(message: &clap::Error) -> ExitCode {
    let printed = message.print().and_then(|()| io::stdout().flush());
    match (message.use_stderr(), printed) {
        (true, _) => ExitCode::from(2),
        (false, Ok(())) => ExitCode::SUCCESS,
        (false, Err(_)) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    fn check(result: anyhow::Result<Done>, wanted: u8) {
        assert_eq!(format!("{:?}", code(result)), format!("{:?}", ExitCode::from(wanted)));
    }

    #[test]
    fn each_ending_has_its_code() {
        check(Ok(Done::All), 0);
        check(Ok(Done::Partly), 3);
        check(Ok(Done::Differs), 4);
        check(Ok(Done::Unchecked), 5);
        check(Err(anyhow!("disk")), 1);
        check(Err(anyhow!(Usage("no secret".into()))).context("cannot start"), 2);
    }
}
