//! Parquet's hybrid of runs and bit-packed groups, in which levels and dictionary indices stand:
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>.

/// Values of a bit-packed group.
const GROUP: usize = 8;

/// Puts values of at most `width` bits behind what is there.
pub(super) fn put(values: &[u32], width: u32, out: &mut Vec<u8>) {
    // From where on values wait to be packed: whole groups of them, but at the end.
    let (mut waiting, mut at) = (0, 0);
    while let Some(value) = values.get(at).copied() {
        let rest = values.get(at..).unwrap_or_default();
        let repeats = rest.iter().take_while(|other| **other == value).count();
        // What fills up the group that was begun is no part of the run.
        let fill = (at - waiting).next_multiple_of(GROUP) - (at - waiting);
        if repeats >= fill + GROUP {
            pack(values.get(waiting..at + fill).unwrap_or_default(), width, out);
            run(value, repeats - fill, width, out);
            waiting = at + repeats;
        }
        at += repeats;
    }
    pack(values.get(waiting..).unwrap_or_default(), width, out);
}

/// The same value so often.
pub(super) fn run(value: u32, times: usize, width: u32, out: &mut Vec<u8>) {
    varint((times as u64) << 1, out);
    let bytes = width.div_ceil(8) as usize;
    out.extend(value.to_le_bytes().into_iter().take(bytes));
}

fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    varint((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut held) = (0_u64, 0);
    for value in values {
        bits |= u64::from(*value) << held;
        held += width;
        while held >= 8 {
            out.push((bits & 0xff) as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push((bits & 0xff) as u8);
    }
    // The last group is filled up.
    out.resize(end, 0);
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, prop, proptest};

    use super::*;

    /// As the format's documentation says that it is read.
    fn read(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let (mut at, mut values) = (0, Vec::new());
        while values.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[at];
                at += 1;
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let number = (header >> 1) as usize;
            if header & 1 == 1 {
                let packed = &bytes[at..at + number * width as usize];
                at += packed.len();
                let bit = |n: usize| u32::from(packed[n / 8] >> (n % 8) & 1);
                values.extend((0..number * 8).map(|n| {
                    (0..width as usize).map(|b| bit(n * width as usize + b) << b).sum::<u32>()
                }));
            } else {
                let length = width.div_ceil(8) as usize;
                let mut value = [0; 4];
                value[..length].copy_from_slice(&bytes[at..at + length]);
                at += length;
                values.extend(std::iter::repeat_n(u32::from_le_bytes(value), number));
            }
        }
        assert_eq!(at, bytes.len());
        assert!(values.len() < count + GROUP);
        values.truncate(count);
        values
    }

    proptest! {
        #[test]
        fn what_is_put_is_what_is_read(
            (width, runs) in (0_u32..=20).prop_flat_map(|width| {
                let value = 0..(1_u32 << width);
                (Just(width), prop::collection::vec((value, 1_usize..40), 0..40))
            }),
        ) {
            let of = |(value, times): &(u32, usize)| std::iter::repeat_n(*value, *times);
            let values = runs.iter().flat_map(of).collect::<Vec<_>>();
            let mut out = Vec::new();
            put(&values, width, &mut out);
            assert_eq!(read(&out, width, values.len()), values);
        }
    }

    #[test]
    fn a_run_takes_a_few_bytes_however_long_it_is() {
        let mut out = Vec::new();
        put(&[5; 100_000], 3, &mut out);
        assert_eq!(out, [0xc0, 0x9a, 0x0c, 5]);
        out.clear();
        put(&[&[1, 2, 3][..], &[7; 100]].concat(), 3, &mut out);
        // One group, filled up from the run, and what is left of the run.
        assert_eq!(out.len(), 1 + 3 + 2 + 1);
    }
}
