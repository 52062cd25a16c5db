//! Credentials and bodies appear in nothing that can be logged.

use std::error::Error as _;
use std::fmt::Write as _;

use super::{EMAIL, JSON, Stub, TOKEN, account, client, short};
use crate::client::{Client, Error, Limits, Unusable};
use crate::id::IssueId;

/// Everything that a log could show of an error: its text, its causes, its `Debug` form.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, " {error} {error:?}").unwrap();
        cause = error.source();
    }
    text
}

fn assert_discreet(text: &str) {
    // The second one is the token as Basic authentication encodes it.
    for secret in [TOKEN, "YWRhQGV4YW1wbGUuY29t", EMAIL, "from the body"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn debug_shows_no_credentials() {
    let account = account("https://x.atlassian.net", Limits::default());
    let client = Client::new(account.clone()).unwrap();
    let text = format!("{account:?} {client:?}");
    assert!(text.contains("x.atlassian.net"), "{text}");
    assert_discreet(&text);
}

#[tokio::test]
async fn errors_show_neither_credentials_nor_bodies() {
    let id = IssueId::new(7).unwrap();
    for status in [200, 302, 400, 401, 403, 404, 429, 500] {
        for body in [r#""from the body""#, r#"{"from the body": 1}"#, "from the body"] {
            let stub = Stub::always(status, &[JSON], body).await;
            assert_discreet(&shown(&stub.client().comments(id, 0).await.unwrap_err()));
        }
    }
    let error = client("http://127.0.0.1:1", short()).comments(id, 0).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }));
    assert!(error.source().is_some());
    assert_discreet(&shown(&error));
}

#[test]
fn unusable_credentials_are_refused_before_anything_is_sent() {
    let with = |email: &str, token: &str| {
        let account = account("https://x.atlassian.net", Limits::default());
        Client::new(super::Account { email: email.to_owned(), token: token.into(), ..account })
            .err()
    };
    assert!(with(EMAIL, TOKEN).is_none());
    for email in ["", " ", "ada:x@example.com"] {
        assert!(matches!(with(email, TOKEN), Some(Unusable::Email)), "{email:?}");
    }
    for token in ["", " \n"] {
        assert!(matches!(with(EMAIL, token), Some(Unusable::Token)), "{token:?}");
    }
}
