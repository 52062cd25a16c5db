//! A table's file apart from any lake: what its bytes say and what proves them. For callers that have
//! bytes and no catalog, as the fuzzer.

use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{part, prove};
use crate::footer::Footer;
use crate::sealed::{Recorded, seal};

/// What a file's bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedFile {
    /// Where each row group is; empty for one that has gaps.
    pub row_groups: Vec<Range<u64>>,
    /// The checksum that a catalog records for the file; `None` when the file does not say what
    /// proves its row groups.
    pub seal: Option<String>,
}

/// Returns what a file's bytes say, if they are a whole table's file and are those that the seal
/// is of. Without a seal nothing proves the end of the file, which then proves the rest.
pub fn prove_file(file: &[u8], seal: Option<&str>) -> Option<ProvedFile> {
    let length = i64::try_from(file.len()).ok()?;
    let recorded = seal.map(|sha256| Recorded { bytes: length, sha256 });
    let footer = prove(&Bytes::copy_from_slice(file), recorded).ok()?;
    let groups = 0..footer.metadata().num_row_groups();
    let row_groups = groups.map(|group| footer.range(group).unwrap_or_default()).collect();
    Some(ProvedFile { row_groups, seal: seal_of(file, &footer) })
}

fn seal_of(file: &[u8], footer: &Footer) -> Option<String> {
    footer.groups.as_ref()?;
    let (start, length) = (footer.body()?.end, file.len() as u64);
    let end = part(file, start, length).ok()?;
    Some(seal(length.checked_sub(start)?, Sha256::new_with_prefix(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::file;

    #[test]
    fn a_file_is_proved_by_its_seal_and_no_other_bytes_are() {
        let dir = tempfile::tempdir().unwrap();
        let staged = file(dir.path());
        let bytes = std::fs::read(staged.temp.path()).unwrap();
        let proved = prove_file(&bytes, None).unwrap();
        assert_eq!(proved.seal.as_ref(), Some(&staged.sha256));
        assert_eq!(proved.row_groups.len(), 1);
        assert_eq!(prove_file(&bytes, proved.seal.as_deref()), Some(proved.clone()));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(prove_file(&changed, proved.seal.as_deref()), None, "byte {at}");
        }
    }

    #[test]
    fn damage_without_a_seal_is_an_answer_and_never_a_panic() {
        let found = include_bytes!("../../../../fuzz/corpus/parquet_files/damaged_arrow_schema");
        drop(prove_file(found, None));
        let dir = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(file(dir.path()).temp.path()).unwrap();
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            drop(prove_file(&changed, None));
        }
    }
}
