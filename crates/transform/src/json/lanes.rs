//! Sixteen bytes at a time: where a text ends and where the next token begins.

use wide::u8x16;

/// Bytes that are looked at together.
const WIDTH: usize = 16;

/// The place, from `at` on, of the first byte that a text cannot hold as it is: a quote, a
/// backslash or a control character. The length when there is none.
#[inline]
pub(super) fn end_of_text(bytes: &[u8], at: usize) -> usize {
    first(bytes, at, |lanes| {
        lanes.simd_eq(u8x16::splat(b'"'))
            | lanes.simd_eq(u8x16::splat(b'\\'))
            | lanes.min(u8x16::splat(0x1f)).simd_eq(lanes)
    })
}

/// The place, from `at` on, of the first byte that is not a blank of JSON; the length when there
/// is none.
#[inline]
pub(super) fn end_of_blanks(bytes: &[u8], at: usize) -> usize {
    first(bytes, at, |lanes| {
        !(lanes.simd_eq(u8x16::splat(b' '))
            | lanes.simd_eq(u8x16::splat(b'\n'))
            | lanes.simd_eq(u8x16::splat(b'\r'))
            | lanes.simd_eq(u8x16::splat(b'\t')))
    })
}

/// Whether two names are the same one. Names are short, and calling the comparison of long texts
/// takes longer than comparing them.
#[inline]
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let whole = |ends: (Option<&[u8; 8]>, Option<&[u8; 8]>)| {
        ends.0
            .zip(ends.1)
            .map(|(one, other)| (u64::from_ne_bytes(*one), u64::from_ne_bytes(*other)))
    };
    let (first, last) = (
        whole((one.first_chunk(), other.first_chunk())),
        whole((one.last_chunk(), other.last_chunk())),
    );
    match (first, last) {
        (Some((one, other)), Some((end, other_end))) if one == other && end == other_end => {}
        (Some(_), Some(_)) => return false,
        _ => return one.iter().eq(other),
    }
    one.len() <= 16 || one == other
}

#[inline(always)]
fn first(bytes: &[u8], mut at: usize, found: impl Fn(u8x16) -> u8x16) -> usize {
    while let Some((lanes, _)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<WIDTH>) {
        let mask = found(u8x16::new(*lanes)).to_bitmask();
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
    // The end, filled up with bytes that are neither a blank nor part of a text.
    let rest = bytes.get(at..).unwrap_or_default();
    let mut lanes = [0; WIDTH];
    lanes.iter_mut().zip(rest).for_each(|(lane, byte)| *lane = *byte);
    let mask = found(u8x16::new(lanes)).to_bitmask();
    at + (mask.trailing_zeros() as usize).min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_if_every_byte_is() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let of = |length: usize| text.chars().take(length).collect::<String>();
            let (name, copy) = (of(length), of(length));
            assert!(is_same(&name, &copy));
            assert!(!is_same(&name, &of(length + 1)));
            for place in 0..length {
                let mut other = name.clone();
                other.replace_range(place..place + 1, "!");
                assert!(!is_same(&name, &other), "{other}");
            }
        }
    }

    #[test]
    fn ends_are_found_at_every_distance() {
        for length in 0..70 {
            for (end, place) in [("\"", 0), ("\\", 0), ("\n", 0), ("\u{1f}", 0), ("", 0)] {
                let text = format!("{}{end} é", "x".repeat(length));
                let wanted = if end.is_empty() { text.len() } else { length + place };
                assert_eq!(end_of_text(text.as_bytes(), 0), wanted, "{text:?}");
                let blanks = format!("{}{end}", " \n\t\r".repeat(length));
                let wanted = blanks.len() - usize::from(!matches!(end, "\n" | "")) * end.len();
                assert_eq!(end_of_blanks(blanks.as_bytes(), 0), wanted, "{blanks:?}");
            }
        }
        assert_eq!(end_of_text(b"", 0), 0);
        assert_eq!(end_of_blanks(b"x", 1), 1);
    }
}
