//! A document to its text and its media, and the redaction of credentials.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use transform::{adf, readable, redact};

fuzz_target!(|text: &str| {
    let clean = redact::urls(text);
    assert!(clean.len() <= 3 * text.len());
    let document = json!({"type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": text}]}]});
    check(&document);
    assert_eq!(adf::text(&Value::from(text)).as_deref(), Some(text));
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        check(&document);
        let media = adf::media(&document);
        let bytes: usize = media.iter().map(|media| media.id.len()).sum();
        fuzz::assert_bounded(text.len(), bytes, 1);
        let readable = readable(&document);
        assert_eq!(readable.is_none(), document.is_null());
        fuzz::assert_bounded(text.len(), readable.map_or(0, |text| text.len()), 48);
    }
    // Whatever is around a credential, it does not stay.
    let link = format!("{text} https://a.example/?x=1&token=S3CR3T");
    assert!(!redact::urls(&link).contains("S3CR3T"));
});

fn check(document: &Value) {
    let Some(text) = adf::text(document) else { return };
    let most = 3 * (adf::MAX_TEXT + adf::CUT.len());
    assert!(text.len() <= most, "{} bytes", text.len());
    if !document.is_string() {
        fuzz::assert_bounded(document.to_string().len(), text.len(), 48);
    }
    assert_eq!(adf::text(document), Some(text), "the same document, another text");
}
