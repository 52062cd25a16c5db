//! A table's file to its footer and what proves it.

#![no_main]

use lake::prove_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Some(proved) = prove_file(file, None) else { return };
    let mut end = 0;
    for range in proved.row_groups.iter().filter(|range| !range.is_empty()) {
        assert!(range.start >= end && range.end <= file.len() as u64, "{range:?}");
        end = range.end;
    }
    // A file that says what is in it is proved whole by its seal, and by no other bytes.
    let Some(seal) = proved.seal else { return };
    assert!(prove_file(file, Some(&seal)).is_some(), "{seal}");
    let step = (file.len() / 64).max(1);
    let mut changed = file.to_vec();
    for at in (usize::from(file[file.len() / 2]) % step..file.len()).step_by(step) {
        changed[at] ^= 1 << (at % 8);
        assert!(prove_file(&changed, Some(&seal)).is_none(), "byte {at} changed");
        changed[at] = file[at];
    }
    for length in [0, file.len() / 2, file.len() - 1] {
        assert!(prove_file(&file[..length], Some(&seal)).is_none(), "cut at {length}");
    }
});
