//! What a text with escapes means, and a text with the escapes that it needs.

use bumpalo::Bump;
use bumpalo::collections::String;

use super::lanes::end_of_text;

/// The text between two quotes; `None` when an escape in it is none.
pub(super) fn unescape<'a>(raw: &str, arena: &'a Bump) -> Option<&'a str> {
    let mut out = String::with_capacity_in(raw.len(), arena);
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (meant, length) = meaning(escape)?;
        out.push(meant);
        rest = escape.get(length..)?;
    }
    out.push_str(rest);
    Some(out.into_bump_str())
}

/// A text between quotes.
pub(super) fn quote(text: &str, out: &mut std::string::String) {
    out.push('"');
    let mut at = 0;
    loop {
        let end = end_of_text(text.as_bytes(), at);
        // What ends it is one byte, so that this is no half of a character.
        out.push_str(text.get(at..end).unwrap_or_default());
        match text.as_bytes().get(end) {
            None => break,
            Some(b'"') => out.push_str("\\\""),
            Some(b'\\') => out.push_str("\\\\"),
            Some(b'\n') => out.push_str("\\n"),
            Some(b'\r') => out.push_str("\\r"),
            Some(b'\t') => out.push_str("\\t"),
            Some(0x8) => out.push_str("\\b"),
            Some(0xc) => out.push_str("\\f"),
            Some(control) => out.push_str(&format!("\\u{control:04x}")),
        }
        at = end + 1;
    }
    out.push('"');
}

/// Whether all escapes between two quotes are some.
pub(super) fn is_escaped(raw: &str) -> bool {
    let mut rest = raw;
    while let Some((_, escape)) = rest.split_once('\\') {
        let after = meaning(escape).and_then(|(_, length)| escape.get(length..));
        let Some(after) = after else { return false };
        rest = after;
    }
    true
}

/// What follows a backslash: the character, and the length of how it is written.
fn meaning(escape: &str) -> Option<(char, usize)> {
    let plain = match escape.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return coded(escape),
        _ => return None,
    };
    Some((plain, 1))
}

/// `u00e9`, or two halves, `ud83d\ude00`.
fn coded(escape: &str) -> Option<(char, usize)> {
    let unit = unit(escape)?;
    if let Some(character) = char::from_u32(u32::from(unit)) {
        return Some((character, 5));
    }
    let second = self::unit(escape.get(5..)?.strip_prefix('\\')?)?;
    let character = char::decode_utf16([unit, second]).next()?.ok()?;
    Some((character, 11))
}

fn unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    // The parser would also take a sign.
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex { u16::from_str_radix(digits, 16).ok() } else { None }
}
