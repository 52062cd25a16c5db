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
    use jira::client::{Outage, Scope};

    use super::super::{Last, SENSELESS_FAILURES};
    use super::*;

    const BACK_OFF: BackOff =
        BackOff { min: Duration::from_secs(2), max: Duration::from_secs(300) };

    const STAGES: [Stage; 2] = [Stage::Place, Stage::Bytes];

    /// Pasts that never make a failure senseless, and pasts that do.
    const BEARABLE: [Past; 4] = [
        Past { failures: 0, last: Last::Other },
        Past { failures: SENSELESS_FAILURES - 1, last: Last::Same },
        Past { failures: SENSELESS_FAILURES, last: Last::Other },
        Past { failures: 1_000, last: Last::Other },
    ];
    const SENSELESS: [Past; 2] = [
        Past { failures: SENSELESS_FAILURES, last: Last::Same },
        Past { failures: 1_000, last: Last::Same },
    ];

    fn decide(error: &Jira, stage: Stage, past: Past) -> After {
        after_download(error, stage, past, (BACK_OFF, 0.5))
    }

    fn later(past: Past) -> After {
        After::Again(BACK_OFF.after(past.failures, 0.5))
    }

    /// Whatever went before, this is the decision.
    fn always(error: &Jira, stage: Stage, expected: impl Fn(Past) -> After) {
        for past in BEARABLE.into_iter().chain(SENSELESS) {
            assert_eq!(decide(error, stage, past), expected(past), "{error} {stage:?} {past:?}");
        }
    }

    /// It is tried again until it has failed too often in the same way, then given up.
    fn in_the_end(error: &Jira, stage: Stage, reason: &'static str) {
        for past in BEARABLE {
            assert_eq!(decide(error, stage, past), later(past), "{error} {stage:?} {past:?}");
        }
        for past in SENSELESS {
            assert_eq!(decide(error, stage, past), After::GiveUp(reason), "{stage:?} {past:?}");
        }
    }

    #[test]
    fn limits_and_refusals_concern_all_downloads() {
        for stage in STAGES {
            for scope in [Scope::Everything, Scope::Endpoint, Scope::Issue] {
                always(&Jira::Throttled { wait: None, scope }, stage, |_| After::Rest);
            }
            always(&Jira::Unauthorized, stage, |_| After::Refused);
            always(&Jira::Anonymous, stage, |_| After::Refused);
        }
    }

    #[test]
    fn an_outage_of_any_length_is_no_reason_to_give_up() {
        for stage in STAGES {
            always(&Jira::Unreachable { what: Outage::Cut, source: None }, stage, later);
            always(&Jira::Server { status: 502, wait: None }, stage, later);
            let asked = Some(Duration::from_secs(9));
            always(&Jira::Server { status: 503, wait: asked }, stage, later);
        }
    }

    #[test]
    fn what_is_gone_is_given_up_at_once() {
        let given_up = |error: &Jira, stage, reason| {
            always(error, stage, |_| After::GiveUp(reason));
        };
        let hidden = "Jira does not find it (404): deleted, expired or hidden";
        given_up(&Jira::NotFound, Stage::Place, hidden);
        given_up(&Jira::NotFound, Stage::Bytes, "the media host does not find it (404)");
        let forbidden = "Jira forbids the account to read it (403)";
        given_up(&Jira::Forbidden, Stage::Place, forbidden);
        for stage in STAGES {
            given_up(&Jira::Rejected { status: 410 }, stage, "it is gone (410)");
        }
    }

    #[test]
    fn what_is_odd_is_given_up_after_many_times() {
        let refused = "the media host refuses it (403), many times in a row";
        in_the_end(&Jira::Forbidden, Stage::Bytes, refused);
        for stage in STAGES {
            for status in [301, 400, 409, 411] {
                let rejected = "the request is rejected, many times in a row";
                in_the_end(&Jira::Rejected { status }, stage, rejected);
            }
            let odd = Jira::Malformed { what: "the attachment is said to be on a foreign host" };
            let reason = "the answer is not as it should be, many times in a row; see the log";
            in_the_end(&odd, stage, reason);
            in_the_end(&Jira::TooLarge { limit_bytes: 1 }, stage, WRONG_SIZE);
        }
    }

    #[test]
    fn a_wrong_size_is_given_up_after_many_times() {
        for past in BEARABLE {
            assert_eq!(after_wrong_size(past, (BACK_OFF, 0.5)), later(past), "{past:?}");
        }
        for past in SENSELESS {
            let given_up = After::GiveUp(WRONG_SIZE);
            assert_eq!(after_wrong_size(past, (BACK_OFF, 0.5)), given_up, "{past:?}");
        }
    }
}
