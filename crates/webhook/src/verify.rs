//! Second step: is it signed with one of our secrets? Nothing in the body is looked at before.
//!
//! A signature is `sha256=` and 64 hex digits, the HMAC-SHA256 of the raw body, in the header
//! `X-Hub-Signature` or `X-Hub-Signature-256`. One that matches is enough, whichever header and
//! whichever secret it is; other methods are refused. Hashes are compared in constant time.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hmac::Mac;

use crate::answer::Refusal;
use crate::limit::Received;
use crate::secret::Secrets;

const HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-hub-signature"), HeaderName::from_static("x-hub-signature-256")];

/// How many values of each header are looked at.
const VALUES_PER_HEADER: usize = 4;

/// A request whose body was signed with one of our secrets. [`Received::verify`] is the only way
/// to get one.
pub(crate) struct Verified(Received);

impl Received {
    pub(crate) fn verify(self, secrets: &Secrets) -> Result<Verified, Refusal> {
        if !is_signed_at_all(&self.headers) {
            return Err(Refusal::Unsigned);
        }
        let claims = claims(&self.headers);
        if !claims.is_empty() && is_signed(&self.body, &claims, secrets) {
            Ok(Verified(self))
        } else {
            Err(Refusal::WrongSignature)
        }
    }
}

impl Verified {
    /// The request, for the next step.
    pub(crate) fn into_inner(self) -> Received {
        self.0
    }
}

/// Returns whether a header claims a signature; it may be any value.
pub(crate) fn is_signed_at_all(headers: &HeaderMap) -> bool {
    HEADERS.iter().any(|name| headers.contains_key(name))
}

fn claims(headers: &HeaderMap) -> Vec<[u8; 32]> {
    let values =
        HEADERS.into_iter().flat_map(|name| headers.get_all(name).iter().take(VALUES_PER_HEADER));
    values.filter_map(claim).collect()
}

/// The hash that a header value claims; `None` if it is not of the form `sha256=…`.
fn claim(value: &HeaderValue) -> Option<[u8; 32]> {
    let (method, digits) = value.to_str().ok()?.split_once('=')?;
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash).ok()?;
    method.eq_ignore_ascii_case("sha256").then_some(hash)
}

fn is_signed(body: &[u8], claims: &[[u8; 32]], secrets: &Secrets) -> bool {
    secrets.keyed().any(|mut keyed| {
        keyed.update(body);
        claims.iter().any(|claim| keyed.clone().verify_slice(claim).is_ok())
    })
}

#[cfg(test)]
mod tests;
