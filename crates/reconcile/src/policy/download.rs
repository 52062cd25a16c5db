//! What happens after a download that did not work out. Pure, and without `_`, like all of `policy`.

use std::time::Duration;

use jira::client::Error as Jira;

use super::{BackOff, Past};

/// How far a download came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Jira was asked where the bytes are.
    Place,
    /// The bytes were asked for.
    Bytes,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Try this one again after the wait; the others go on.
    Again(Duration),
    /// Every download would fail: end the pass, a later one goes on.
    Rest,
    /// The credentials are refused: end the pass, and say so.
    Refused,
    /// It is not to be had; the reason is for people.
    GiveUp(&'static str),
}

/// The decision.
pub fn after_download(
    error: &Jira,
    stage: Stage,
    past: Past,
    (back_off, jitter): (BackOff, f64),
) -> After {
    let again = After::Again(back_off.after(past.failures, jitter));
    let give_up = |reason| if past.is_senseless() { After::GiveUp(reason) } else { again };
    match error {
        Jira::Throttled { .. } => After::Rest,
        Jira::Unauthorized | Jira::Anonymous => After::Refused,
        Jira::NotFound => After::GiveUp(match stage {
            Stage::Place => "Jira does not find it (404): deleted, expired or hidden",
            Stage::Bytes => "the media host does not find it (404)",
        }),
        Jira::Forbidden => match stage {
            Stage::Place => After::GiveUp("Jira forbids the account to read it (403)"),
            // The address holds a token that may have expired on the way.
            Stage::Bytes => give_up("the media host refuses it (403), many times in a row"),
        },
        Jira::Rejected { status: 410 } => After::GiveUp("it is gone (410)"),
        Jira::Rejected { .. } => give_up("the request is rejected, many times in a row"),
        Jira::Malformed { .. } => {
            give_up("the answer is not as it should be, many times in a row; see the log")
        }
        Jira::TooLarge { .. } => give_up(WRONG_SIZE),
        // An outage of any length is no reason to give up.
        Jira::Unreachable { .. } | Jira::Server { .. } => again,
    }
}

/// Why bytes are given up whose number is always another than Jira says.
const WRONG_SIZE: &str = "its length is not what Jira says, many times in a row";

/// After bytes came whose number is not what Jira says.
pub fn after_wrong_size(past: Past, (back_off, jitter): (BackOff, f64)) -> After {
    if past.is_senseless() {
        return After::GiveUp(WRONG_SIZE);
    }
    After::Again(back_off.after(past.failures, jitter))
}

#[cfg(test)]
mod tests {
    use super::super::{Last, SENSELESS_FAILURES};
    use super::*;

    const BACK_OFF: BackOff =
        BackOff { min: Duration::from_secs(2), max: Duration::from_secs(300) };

    fn after(error: &Jira, stage: Stage, failures: u32) -> After {
        let past = Past { failures, last: Last::Same };
        after_download(error, stage, past, (BACK_OFF, 0.5))
    }

    #[test]
    fn what_is_gone_is_given_up_at_once_and_an_outage_never() {
        for gone in [Jira::NotFound, Jira::Forbidden, Jira::Rejected { status: 410 }] {
            assert!(matches!(after(&gone, Stage::Place, 0), After::GiveUp(_)), "{gone}");
        }
        let outage = Jira::Server { status: 502, wait: None };
        let longest = After::Again(Duration::from_secs(300));
        assert_eq!(after(&outage, Stage::Bytes, 10_000), longest);
    }

    #[test]
    fn what_is_odd_is_given_up_after_many_times() {
        let odd = Jira::Malformed { what: "the attachment is said to be on a foreign host" };
        for (error, stage) in [(odd, Stage::Place), (Jira::Forbidden, Stage::Bytes)] {
            assert!(matches!(after(&error, stage, 0), After::Again(_)), "{error}");
            let last = after(&error, stage, SENSELESS_FAILURES);
            assert!(matches!(last, After::GiveUp(_)), "{error}");
        }
    }

    #[test]
    fn limits_and_refusals_concern_all_downloads() {
        let throttled = Jira::Throttled { wait: None, scope: jira::client::Scope::Endpoint };
        assert_eq!(after(&throttled, Stage::Place, 0), After::Rest);
        assert_eq!(after(&Jira::Anonymous, Stage::Place, 0), After::Refused);
    }
}
