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

/// A shorter secret can be guessed: it is refused.
const LEAST_BYTES: usize = 16;

/// A secret should have as many bytes as the hash that it keys; a shorter one is worth a warning.
pub const RECOMMENDED_SECRET_BYTES: usize = 32;

/// A caller sends no longer secret.
const MOST_BYTES: usize = 1024;

/// What is hashed with both secrets to compare them.
const COMPARED: &[u8] = b"jiralake secret";

/// Why the door cannot open: without a secret every body would have to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    /// None was given.
    #[error("no webhook secret is set")]
    Missing,
    /// One of them is empty or only white space.
    #[error("webhook secret number {0} is empty")]
    Blank(usize),
    /// It is too short to be a secret.
    #[error("webhook secret number {0} has fewer than {LEAST_BYTES} bytes")]
    Short(usize),
    /// More than can be valid at once.
    #[error("{0} webhook secrets are set, the most is {MOST}")]
    TooMany(usize),
}

/// One to four secrets, none of them blank or short. They are used as they are given: who reads them from
/// a file takes the line's end off.
#[derive(Clone)]
pub struct Secrets(Arc<[Hmac<Sha256>]>);

impl Secrets {
    /// Takes the secrets that are valid now.
    pub fn new(secrets: Vec<SecretString>) -> Result<Self, NoSecret> {
        Self::of_at_least(secrets, LEAST_BYTES)
    }

    pub(crate) fn of_at_least(secrets: Vec<SecretString>, bytes: usize) -> Result<Self, NoSecret> {
        match secrets.len() {
            0 => return Err(NoSecret::Missing),
            1..=MOST => {}
            given => return Err(NoSecret::TooMany(given)),
        }
        let keyed = secrets.iter().enumerate().map(|(at, secret)| {
            let (text, number) = (secret.expose_secret(), at.saturating_add(1));
            if text.trim().is_empty() {
                return Err(NoSecret::Blank(number));
            }
            if text.len() < bytes {
                return Err(NoSecret::Short(number));
            }
            Hmac::new_from_slice(text.as_bytes()).map_err(|_| NoSecret::Blank(number))
        });
        keyed.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether `sent` is one of the secrets. Hashes under both are compared, in constant
    /// time, so that neither content nor length shows.
    pub(crate) fn contains(&self, sent: &[u8]) -> bool {
        let Some(Ok(mut theirs)) =
            (sent.len() <= MOST_BYTES).then(|| Hmac::<Sha256>::new_from_slice(sent))
        else {
            return false;
        };
        theirs.update(COMPARED);
        let theirs = theirs.finalize().into_bytes();
        self.keyed().fold(false, |found, mut ours| {
            ours.update(COMPARED);
            ours.verify(&theirs).is_ok() | found
        })
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

    const GOOD: &str = "hunter2 hunter2 hunter2";
    const OTHER: &str = "hunter3 hunter3 hunter3";

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
        check(&[GOOD, " "], Err(NoSecret::Blank(2)));
        check(&[GOOD; 5], Err(NoSecret::TooMany(5)));
    }

    #[test]
    fn a_secret_of_fewer_than_16_bytes_is_refused() {
        check(&["x"], Err(NoSecret::Short(1)));
        check(&["fifteen bytes.."], Err(NoSecret::Short(1)));
        check(&[GOOD, "fifteen bytes.."], Err(NoSecret::Short(2)));
        check(&["sixteen bytes..."], Ok("Secrets(1)"));
        // Bytes count, not letters.
        check(&["éééééééé"], Ok("Secrets(1)"));
    }

    #[test]
    fn secrets_are_counted_and_never_shown() {
        check(&[GOOD], Ok("Secrets(1)"));
        check(&[GOOD, OTHER], Ok("Secrets(2)"));
        check(&[GOOD; 4], Ok("Secrets(4)"));
    }

    #[test]
    fn a_secret_is_known_again_and_nothing_near_it() {
        let secrets = Secrets::new(vec![GOOD.into(), OTHER.into()]).unwrap();
        assert!(secrets.contains(GOOD.as_bytes()) && secrets.contains(OTHER.as_bytes()));
        let long = GOOD.repeat(1000);
        for near in [
            "",
            "hunter2",
            GOOD.get(1..).unwrap(),
            &long,
            &format!("{GOOD} "),
            &GOOD.to_uppercase(),
        ] {
            assert!(!secrets.contains(near.as_bytes()), "{near}");
        }
        let twice = Secrets::new(vec![GOOD.into(), GOOD.into()]).unwrap();
        assert!(twice.contains(GOOD.as_bytes()), "also one that is set twice");
    }

    #[test]
    fn a_body_is_signed_with_the_first_secret_as_jira_signs_it() {
        // The vector of Jira's documentation.
        let secrets = vec!["It's a Secret to Everybody".into(), OTHER.into()];
        let signed = Secrets::new(secrets).unwrap().sign(b"Hello World!");
        let official = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        assert_eq!(signed.as_deref(), Some(official));
    }
}
