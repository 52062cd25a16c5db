//! Signs bodies as Jira does, with code of its own.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `sha256=…` over the raw bytes.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[test]
fn atlassians_own_vector_comes_out() {
    assert_eq!(
        sign("It's a Secret to Everybody", b"Hello World!"),
        "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    );
}
