use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use jira::client::Outage;
use parquet::errors::ParquetError;

use super::*;

const BACK_OFF: BackOff = BackOff { min: Duration::from_secs(2), max: Duration::from_secs(300) };

/// Pasts that never make a failure senseless.
const BEARABLE: [Past; 4] = [
    Past { failures: 0, last: Last::Other },
    Past { failures: SENSELESS_FAILURES - 1, last: Last::Same },
    Past { failures: SENSELESS_FAILURES, last: Last::Other },
    Past { failures: 10_000, last: Last::Other },
];

/// Pasts that make a failure senseless.
const SENSELESS: [Past; 2] = [
    Past { failures: SENSELESS_FAILURES, last: Last::Same },
    Past { failures: 10_000, last: Last::Same },
];

fn decide(error: &Error, past: Past) -> Next {
    after_failure(error, past, BACK_OFF, 0.5)
}

fn own(past: Past) -> Duration {
    BACK_OFF.after(past.failures, 0.5)
}

/// Whatever went before, this is the decision.
fn always(error: impl Into<Error>, expected: impl Fn(Past) -> Next) {
    let error = error.into();
    for past in BEARABLE.into_iter().chain(SENSELESS) {
        assert_eq!(decide(&error, past), expected(past), "{error:?} {past:?}");
    }
}

/// It is tried again until it has failed too often in the same way, then put before a person.
fn parked_in_the_end(error: impl Into<Error>, remedy_names: &str) {
    let error = error.into();
    for past in BEARABLE {
        assert_eq!(decide(&error, past), Next::Retry(own(past)), "{error:?} {past:?}");
    }
    for past in SENSELESS {
        let Next::Park { remedy, .. } = decide(&error, past) else {
            panic!("{error:?} {past:?} is not parked");
        };
        assert!(remedy.contains(remedy_names), "{error:?}: {remedy}");
    }
}

fn retried(past: Past) -> Next {
    Next::Retry(own(past))
}

fn held(past: Past) -> Next {
    Next::Hold(own(past))
}

#[test]
fn back_off_doubles_up_to_its_bound_with_jitter() {
    for (attempt, seconds) in [(0, 2), (1, 4), (2, 8), (7, 256), (8, 300), (u32::MAX, 300)] {
        assert_eq!(BACK_OFF.after(attempt, 0.5), Duration::from_secs(seconds), "{attempt}");
    }
    for (jitter, millis) in [(0.0, 1400), (0.25, 1700), (1.0, 2600), (-1.0, 1400), (2.0, 2600)] {
        assert_eq!(BACK_OFF.after(0, jitter), Duration::from_millis(millis), "{jitter}");
    }
}

#[test]
fn jiras_wait_is_a_minimum_and_its_scope_decides_who_waits() {
    let throttled = |wait, scope| Jira::Throttled { wait, scope };
    // (what Jira asks for, what is waited)
    for (asked, waited) in [(0, 100), (99, 100), (100, 100), (101, 101), (1_847_000, 1_847_000)] {
        let (asked, waited) = (Some(Duration::from_millis(asked)), Duration::from_millis(waited));
        always(throttled(asked, Scope::Everything), |_| Next::Hold(waited));
        always(throttled(asked, Scope::Endpoint), |_| Next::Hold(waited));
        always(throttled(asked, Scope::Issue), |_| Next::Retry(waited));
        always(Jira::Server { status: 503, wait: asked }, |_| Next::Retry(waited));
    }
    always(throttled(None, Scope::Everything), held);
    always(throttled(None, Scope::Endpoint), held);
    always(throttled(None, Scope::Issue), retried);
}

#[test]
fn an_outage_of_any_length_is_no_reason_to_give_an_issue_up() {
    always(Jira::Server { status: 500, wait: None }, retried);
    for what in [Outage::Connect, Outage::TimedOut, Outage::Cut] {
        always(Jira::Unreachable { what, source: None }, retried);
    }
    always(Error::EndlessSearch, retried);
    always(Error::SearchBrokeOff, retried);
    always(Error::DetailsForbidden, retried);
}

#[test]
fn refused_credentials_pause_and_a_404_is_confirmed() {
    always(Jira::Unauthorized, |_| Next::Pause);
    always(Jira::Anonymous, |_| Next::Pause);
    always(Jira::NotFound, |_| Next::Confirm);
}

#[test]
fn an_answer_that_is_too_large_is_parked_at_once() {
    always(Jira::TooLarge { limit_bytes: 1 }, |_| Next::Park {
        reason: "Jira's answer for this issue is larger than jira.body-bytes",
        remedy: "raise jira.body-bytes",
    });
}

#[test]
fn what_stays_senseless_is_put_before_a_person() {
    parked_in_the_end(Jira::Forbidden, "Browse Projects");
    parked_in_the_end(Jira::Malformed { what: "x" }, "proxy");
    parked_in_the_end(Jira::Rejected { status: 400 }, "jiralake doctor");
    parked_in_the_end(Error::NotTheIssue, "compare its id");
    parked_in_the_end(Error::TooSlow { limit_ms: 1 }, "raise reconcile.look-timeout-ms");
    parked_in_the_end(Error::LastUnreadable(unreadable()), "move it away");
    parked_in_the_end(unreadable(), "jiralake transform --dry-run");
}

fn unreadable() -> lake::Error {
    lake::Error::Unreadable { file: "A-1.json".into(), reason: "torn".into() }
}

#[tokio::test]
async fn trouble_with_one_file_concerns_one_issue() {
    let cut_off = tokio::spawn(async { panic!("the blocking work was meant to end so") });
    let source = cut_off.await.unwrap_err();
    for error in [
        lake::Error::Table { file: "issues/2026-02".into(), reason: "torn".into() },
        lake::Error::Encode { what: "issues".into(), source: ParquetError::EOF("x".into()) },
        lake::Error::Rows { table: "issues", source: ArrowError::DivideByZero },
        lake::Error::Shrunk { dimension: "users", before: 9, after: 4 },
        lake::Error::CutOff { source },
    ] {
        always(error, retried);
    }
}

#[test]
fn trouble_with_the_disk_or_the_ledger_concerns_all() {
    let disk = || lake::Error::Disk {
        doing: "write",
        path: PathBuf::from("x"),
        source: io::Error::other("full"),
    };
    for error in [
        lake::Error::Locked { folder: PathBuf::from("x"), holder: "another".into() },
        lake::Error::Ledger { doing: "commit", source: ledger::Error::Busy },
        lake::Error::Behind { source: Box::new(disk()) },
        lake::Error::Foreign { folder: PathBuf::from("x") },
        disk(),
    ] {
        always(error, held);
    }
    always(ledger::Error::Busy, held);
    always(ledger::Error::Closed, held);
}
