//! The webhook's secrets, which can be used and never read back.
//!
//! Only the keyed hash is kept, not the secret; there is no way to print either. Two secrets are
//! valid at once while Jira's side is being changed.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The most secrets that are valid at once: each of them costs a hash per delivery.
const MOST: usize = 4;

/// Why the door cannot open: without a secret every body would have to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    /// None was given.
    #[error("no webhook secret is set")]
    Missing,
    /// One of them is empty or only white space.
    #[error("webhook secret number {0} is empty")]
    Blank(usize),
    /// More than can be valid at once.
    #[error("{0} webhook secrets are set, the most is {MOST}")]
    TooMany(usize),
}

/// One to four secrets, none of them blank. They are used as they are given: who reads them from
/// a file takes the line's end off.
#[derive(Clone)]
pub struct Secrets(Arc<[Hmac<Sha256>]>);

impl Secrets {
    /// Takes the secrets that are valid now.
    pub fn new(secrets: Vec<SecretString>) -> Result<Self, NoSecret> {
        match secrets.len() {
            0 => return Err(NoSecret::Missing),
            1..=MOST => {}
            given => return Err(NoSecret::TooMany(given)),
        }
        let keyed = secrets.iter().enumerate().map(|(at, secret)| {
            let text = secret.expose_secret();
            let blank = NoSecret::Blank(at.saturating_add(1));
            if text.trim().is_empty() {
                return Err(blank);
            }
            Hmac::new_from_slice(text.as_bytes()).map_err(|_| blank)
        });
        keyed.collect::<Result<_, _>>().map(Self)
    }

    /// Signs a body as Jira would, with the first secret: for trying out the own door.
    pub fn sign(&self, body: &[u8]) -> Option<String> {
        let mut keyed = self.keyed().next()?;
        keyed.update(body);
        Some(format!("sha256={}", hex::encode(keyed.finalize().into_bytes())))
    }

    /// The hash function keyed with each secret.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = Hmac<Sha256>> {
        self.0.iter().cloned()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], expected: Result<&str, NoSecret>) {
        let made = Secrets::new(secrets.iter().map(|text| SecretString::from(*text)).collect());
        let shown = made.map(|secrets| format!("{secrets:?}"));
        assert_eq!(shown.as_deref().map_err(|error| *error), expected, "{secrets:?}");
    }

    #[test]
    fn no_secret_an_empty_one_or_only_white_space_is_refused() {
        check(&[], Err(NoSecret::Missing));
        check(&[""], Err(NoSecret::Blank(1)));
        check(&[" \t\r\n\u{a0}\u{2003}"], Err(NoSecret::Blank(1)));
        check(&["good", " "], Err(NoSecret::Blank(2)));
        check(&["a", "b", "c", "d", "e"], Err(NoSecret::TooMany(5)));
    }

    #[test]
    fn secrets_are_counted_and_never_shown() {
        check(&["hunter2"], Ok("Secrets(1)"));
        check(&["hunter2", "hunter3"], Ok("Secrets(2)"));
        check(&["a", "b", "c", "d"], Ok("Secrets(4)"));
    }
}
