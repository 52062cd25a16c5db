//! What proves the bytes of a table's file, piece by piece.
//!
//! The catalog keeps a SHA-256 of the file's end: the page index and the footer. The footer keeps a
//! CRC-32 of each row group. So one row group can be proved by reading itself and the end, and
//! copying it proves it on the way. What is to be found is damage, not an adversary, who could
//! change the catalog as well: for the bytes that every change copies a checksum that costs
//! nothing counts more than one that cannot be forged. Row groups and the end, one after the other,
//! are the whole file.
//!
//! A file from before that has one SHA-256 over all of it in the catalog, and is proved whole.

use sha2::{Digest, Sha256};

/// The bytes with which a Parquet file begins, and ends.
pub(crate) const MAGIC: &[u8] = b"PAR1";

/// What is recorded about a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) bytes: i64,
    /// Of its end, as [`seal`] wrote it, or of all of it.
    pub(crate) sha256: &'a str,
}

/// Which bytes the recorded checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// So many at the end.
    End(u64),
    All,
}

/// The checksum of a file's end as the catalog keeps it.
pub(crate) fn seal(length: u64, sum: Sha256) -> String {
    format!("{length}:{}", hex::encode(sum.finalize()))
}

/// The checksum of bytes in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Recorded<'_> {
    pub(crate) fn covers(&self) -> Option<Covers> {
        match self.sha256.split_once(':') {
            Some((length, _)) => length.parse().ok().map(Covers::End),
            None => Some(Covers::All),
        }
    }

    pub(crate) fn has_length(&self, bytes: u64) -> bool {
        i64::try_from(bytes) == Ok(self.bytes)
    }

    /// Whether these are the bytes that the checksum is of.
    pub(crate) fn seals(&self, bytes: &[u8]) -> bool {
        let sum = self.sha256.rsplit(':').next().unwrap_or_default();
        digest(bytes) == sum
    }
}
