//! Third and fourth step: read what the body leads to, and make the delivery durable.
//!
//! Only a [`Verified`] request is read, and only [`Event`] reads it. [`Reading::record`] returns
//! after the ledger's fsync, so that a 200 can follow.

use axum::http::{HeaderMap, HeaderName};
use jira::event::Event;
use jira::time::Instant;
use ledger::{Ledger, NewDelivery};

use crate::answer::{Acknowledged, Refusal};
use crate::limit::Received;
use crate::verify::Verified;

const IDENTIFIER: HeaderName = HeaderName::from_static("x-atlassian-webhook-identifier");
const RETRY: HeaderName = HeaderName::from_static("x-atlassian-webhook-retry");
const FLOW: HeaderName = HeaderName::from_static("x-atlassian-webhook-flow");

/// A longer identifier counts as none: the delivery is recorded all the same.
const IDENTIFIER_BYTES: usize = 255;

/// A signed request and what its body says.
pub(crate) struct Reading {
    event: Event,
    request: Received,
}

impl Verified {
    pub(crate) fn parse(self) -> Result<Reading, Refusal> {
        let request = self.into_inner();
        let event = Event::parse(&request.body).map_err(|_| Refusal::NotJson)?;
        Ok(Reading { event, request })
    }
}

impl Reading {
    /// Writes the delivery down; when this returns `Ok`, it is on disk.
    pub(crate) async fn record(
        self,
        ledger: &Ledger,
        received_at: Instant,
    ) -> Result<Acknowledged, Refusal> {
        let Self { event, request: Received { headers, body, room } } = self;
        let delivery = NewDelivery {
            received_at,
            identifier: identifier(&headers),
            event: event.name.clone(),
            retry: retry(&headers),
            flow: flow(&headers),
            subjects: event.subjects.clone(),
            body,
            deleted: event.deleted,
        };
        let recorded = ledger.record(delivery).await?;
        // Only now: until here the ledger holds the body.
        drop(room);
        Ok(Acknowledged::new(event, recorded))
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn identifier(headers: &HeaderMap) -> Option<String> {
    let text = text(headers, &IDENTIFIER)?;
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    (printable && (1..=IDENTIFIER_BYTES).contains(&text.len())).then(|| text.to_owned())
}

fn retry(headers: &HeaderMap) -> Option<u32> {
    let text = text(headers, &RETRY)?;
    // `parse` alone would take a sign.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn flow(headers: &HeaderMap) -> Option<String> {
    let text = text(headers, &FLOW)?;
    matches!(text, "Primary" | "Secondary").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn one(name: &HeaderName, value: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value).unwrap())])
    }

    #[test]
    fn an_identifier_is_bounded_printable_ascii_or_absent() {
        let check = |value: &[u8], kept: bool| {
            let found = identifier(&one(&IDENTIFIER, value));
            assert_eq!(found.is_some_and(|text| text.as_bytes() == value), kept, "{value:?}");
        };
        check(b"4b0c9e8a-1f0d-4d2c-9f4e-1d2c3b4a5968", true);
        check(&[b'x'; 255], true);
        check(&[b'x'; 256], false);
        check(b"", false);
        check(b"a b", false);
        check(b"a\tb", false);
        check("né".as_bytes(), false);
        assert_eq!(identifier(&HeaderMap::new()), None);
    }

    #[test]
    fn a_retry_is_a_plain_number_or_absent() {
        for (value, expected) in
            [("0", Some(0)), ("5", Some(5)), ("4294967295", Some(u32::MAX)), ("4294967296", None)]
        {
            assert_eq!(retry(&one(&RETRY, value.as_bytes())), expected, "{value}");
        }
        for odd in ["", "+1", "-1", "1.0", "0x1", "many", "1 "] {
            assert_eq!(retry(&one(&RETRY, odd.as_bytes())), None, "{odd}");
        }
    }

    #[test]
    fn a_flow_is_one_of_two_or_absent() {
        assert_eq!(flow(&one(&FLOW, b"Primary")).as_deref(), Some("Primary"));
        assert_eq!(flow(&one(&FLOW, b"Secondary")).as_deref(), Some("Secondary"));
        for odd in ["", "primary", "Tertiary", "Primary,Secondary"] {
            assert_eq!(flow(&one(&FLOW, odd.as_bytes())), None, "{odd}");
        }
    }
}
