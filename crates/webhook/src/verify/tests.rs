//! The hashes here were made with other programs (openssl, Python), not with the code under test.

use axum::body::Body;
use axum::extract::Request;
use secrecy::SecretString;

use super::*;
use crate::limit::{Gate, Limits};

const HELLO: &[u8] = b"Hello World!";
/// The vector of Jira's documentation: this secret and `HELLO` give `OFFICIAL`.
const OFFICIAL_SECRET: &str = "It's a Secret to Everybody";
const OFFICIAL: &str = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
const ALPHA: &str = "529031d4a00b7a3bcb3457aceebc9fab182ffd6e0b33929078ce42beee0f987a";
const ALPHA_OF_NOTHING: &str = "633f40dab24c3ca666a19ba0bb9ee5fbc2f892d8a3759efac010332af2f04e82";
const ALPHA_SHA1: &str = "0f92b06319664625aee47a740463274475e058d3";
const ALPHA_SHA512: &str = "b9518186102ea3c82d1ecc18f3ff14d033ae69f343ef554eb2eac05a6390de4d1ebf4b8b809d394f66d64bd474893da4b295c096ac622e5cdebdb8cbb6e1a209";
const BETA: &str = "d303e970fc6b26979f3b2a92ec2d320d322bff450a933a5f7cdda0552dd5d99f";
/// `HELLO` under a secret of 200 `k`: longer than the hash's block, so hashed itself first.
const LONG: &str = "58f51cdec4734df65f5f90780e308471b7141997b28a2bcce01fb74d1f5d3461";
/// Not keyed, and keyed with nothing.
const PLAIN_SHA256: &str = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";
const EMPTY_KEY: &str = "0366d43cf5215a646b90008490ca34b5994cc08f173c9e6cdccef82656896592";

const H: &str = "x-hub-signature";
const H256: &str = "x-hub-signature-256";

#[derive(Debug, PartialEq)]
enum End {
    Passes,
    Unsigned,
    Wrong,
}

async fn verdict(secrets: &[&str], body: &[u8], headers: &[(&str, &[u8])]) -> End {
    let secrets = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    let mut request = Request::new(Body::from(body.to_vec()));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let received =
        Gate::new(&Limits::default()).admit(request).await.unwrap_or_else(|e| panic!("{e}"));
    match received.verify(&Secrets::of_at_least(secrets, 1).unwrap()) {
        Ok(verified) => {
            assert_eq!(
                verified.into_inner().body,
                body,
                "the body that was verified is the one that came"
            );
            End::Passes
        }
        Err(Refusal::Unsigned) => End::Unsigned,
        Err(Refusal::WrongSignature) => End::Wrong,
        Err(other) => panic!("{other}"),
    }
}

/// `HELLO` to a door with the secrets `alpha` and `beta`.
async fn check(headers: &[(&str, &str)], expected: End) {
    let bytes: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    assert_eq!(verdict(&["alpha", "beta"], HELLO, &bytes).await, expected, "{headers:?}");
}

fn sha256(hash: &str) -> String {
    format!("sha256={hash}")
}

#[tokio::test]
async fn the_official_vector_passes() {
    let signature = sha256(OFFICIAL);
    for header in [H, H256, "X-Hub-Signature", "X-HUB-SIGNATURE-256"] {
        let headers = [(header, signature.as_bytes())];
        assert_eq!(verdict(&[OFFICIAL_SECRET], HELLO, &headers).await, End::Passes, "{header}");
    }
}

#[tokio::test]
async fn any_valid_signature_with_any_valid_secret_passes() {
    let (alpha, beta, other) = (&sha256(ALPHA), &sha256(BETA), &sha256(OFFICIAL));
    check(&[(H, alpha)], End::Passes).await;
    check(&[(H, beta)], End::Passes).await;
    check(&[(H256, alpha)], End::Passes).await;
    check(&[(H256, beta)], End::Passes).await;
    check(&[(H, alpha), (H256, alpha)], End::Passes).await;
    check(&[(H, other), (H256, beta)], End::Passes).await;
    check(&[(H, beta), (H256, other)], End::Passes).await;
    check(&[(H, other), (H, alpha)], End::Passes).await;
    check(&[(H, other), (H, other), (H, other), (H, alpha)], End::Passes).await;
    check(&[(H, "sha1=00"), (H256, alpha)], End::Passes).await;
    check(&[(H, ""), (H256, alpha)], End::Passes).await;
}

#[tokio::test]
async fn method_and_digits_may_be_written_in_either_case() {
    for method in ["sha256", "SHA256", "Sha256", "sHa256"] {
        check(&[(H, &format!("{method}={ALPHA}"))], End::Passes).await;
        check(&[(H, &format!("{method}={}", ALPHA.to_uppercase()))], End::Passes).await;
    }
    let mixed = ALPHA.replace('a', "A");
    check(&[(H, &sha256(&mixed))], End::Passes).await;
}

#[tokio::test]
async fn a_body_without_a_signature_is_unsigned() {
    check(&[], End::Unsigned).await;
    check(&[("authorization", "Bearer alpha")], End::Unsigned).await;
    check(&[("x-hub-signature-1", &sha256(ALPHA))], End::Unsigned).await;
    check(&[("x-hub-signature-512", &sha256(ALPHA))], End::Unsigned).await;
    check(&[("x-hub", &sha256(ALPHA))], End::Unsigned).await;
}

#[tokio::test]
async fn a_signature_of_another_secret_body_or_method_is_rejected() {
    for hash in
        [OFFICIAL, ALPHA_OF_NOTHING, PLAIN_SHA256, EMPTY_KEY, &"0".repeat(64), &"f".repeat(64)]
    {
        check(&[(H, &sha256(hash))], End::Wrong).await;
    }
    for (method, hash) in [
        ("sha1", ALPHA_SHA1),
        ("sha512", ALPHA_SHA512),
        ("sha256", ALPHA_SHA1),
        ("sha256", ALPHA_SHA512),
        ("sha512", ALPHA),
        ("sha1", ALPHA),
        ("md5", ALPHA),
        ("none", ALPHA),
        ("sha-256", ALPHA),
        ("sha3-256", ALPHA),
        ("hmac-sha256", ALPHA),
        (" sha256", ALPHA),
        ("sha256 ", ALPHA),
        ("", ALPHA),
        ("v1", ALPHA),
    ] {
        check(&[(H, &format!("{method}={hash}"))], End::Wrong).await;
    }
}

#[tokio::test]
async fn a_signature_out_of_shape_is_rejected() {
    let flipped = ALPHA.replacen('5', "4", 1);
    let short = ALPHA.get(..62).unwrap();
    for value in [
        String::new(),
        "=".into(),
        "sha256".into(),
        "sha256=".into(),
        ALPHA.into(),
        format!("sha256:{ALPHA}"),
        format!("sha256={flipped}"),
        format!("sha256={short}"),
        format!("sha256={}", ALPHA.get(..63).unwrap()),
        format!("sha256={}", ALPHA.get(1..).unwrap()),
        format!("sha256={ALPHA}0"),
        format!("sha256={ALPHA}00"),
        format!("sha256={ALPHA}{ALPHA}"),
        format!("sha256=0x{ALPHA}"),
        format!("sha256= {ALPHA}"),
        format!("sha256=={ALPHA}"),
        format!("sha256=\"{ALPHA}\""),
        format!("sha256={short}g0"),
        format!("sha256={ALPHA},sha256={ALPHA}"),
        format!("sha256={ALPHA};"),
        // The same hash in base64.
        "sha256=UpAx1KALejvLNFes7ryfqxgv/W4LM5KQeM5Cvu4PmHo=".into(),
        "x".repeat(8000),
    ] {
        check(&[(H, &value)], End::Wrong).await;
        check(&[(H256, &value)], End::Wrong).await;
    }
    let not_text = [(H, &b"sha256=\xff\xfe"[..])];
    assert_eq!(verdict(&["alpha"], HELLO, &not_text).await, End::Wrong);
}

#[tokio::test]
async fn a_changed_body_is_rejected() {
    let signature = sha256(ALPHA);
    let signed = [(H, signature.as_bytes())];
    for body in [
        &b"Hello World"[..],
        b"Hello World!\n",
        b" Hello World!",
        b"hello World!",
        b"",
        b"\xef\xbb\xbfHello World!",
    ] {
        assert_eq!(verdict(&["alpha"], body, &signed).await, End::Wrong, "{body:?}");
    }
}

#[tokio::test]
async fn empty_and_binary_bodies_and_odd_secrets_are_hashed_as_they_are() {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let long = "k".repeat(200);
    for (secret, body, hash) in [
        ("alpha", &b""[..], ALPHA_OF_NOTHING),
        (&long, HELLO, LONG),
        (
            "schlüssel-鍵",
            &all_bytes,
            "d7ea7cc638a930c65ce6d14ee1451a6ce65768b655464a1ac1f6f66e55e278d0",
        ),
    ] {
        let signature = sha256(hash);
        assert_eq!(
            verdict(&[secret], body, &[(H, signature.as_bytes())]).await,
            End::Passes,
            "{secret}"
        );
        assert_eq!(
            verdict(&["other"], body, &[(H, signature.as_bytes())]).await,
            End::Wrong,
            "{secret}"
        );
    }
    // Secrets are not trimmed, and not cut at a line's end.
    for near in ["alpha ", " alpha", "alpha\n", "Alpha", "alph"] {
        assert_eq!(
            verdict(&[near], HELLO, &[(H, sha256(ALPHA).as_bytes())]).await,
            End::Wrong,
            "{near:?}"
        );
    }
}

#[tokio::test]
async fn only_the_first_values_of_a_header_are_looked_at() {
    let (wrong, right) = (sha256(OFFICIAL), sha256(ALPHA));
    let mut headers = vec![(H, wrong.as_str()); VALUES_PER_HEADER];
    headers.push((H, &right));
    check(&headers, End::Wrong).await;
}
