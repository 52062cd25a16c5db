//! The verification of one file, in small steps, so that whoever reads in the background can rest
//! between two of them.
//!
//! A file is whole when its length and its end are what the catalog records, its end parses, and
//! each row group has the CRC that the end says. Row groups and the end are all bytes of the file.
//! At most [`STEP_BYTES`] are in memory, beside the end. Nothing is written.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::decode::Unfit;
use crate::footer::Footer;
use crate::sealed::{Covers, MAGIC, Recorded};
use crate::verify::regular;

/// Bytes that one step reads.
pub(crate) const STEP_BYTES: usize = 256 * 1024;

/// A file under verification.
pub(crate) struct Inspection {
    file: File,
    /// Row groups that are left, the next one last, with their CRC.
    groups: Vec<(Range<u64>, u32)>,
    /// The part that is being read.
    current: Option<Part>,
    buffer: Vec<u8>,
}

/// A stretch of the file with its checksum.
struct Part {
    left: Range<u64>,
    sum: Sum,
}

enum Sum {
    Crc { so_far: crc32fast::Hasher, recorded: u32 },
    Sha256 { so_far: Sha256, recorded: String },
}

impl Inspection {
    /// Opens a file and verifies its end.
    pub(crate) fn open(path: &Path, recorded: Recorded<'_>) -> Result<Self, Unfit> {
        let mut file = regular::open(path)?;
        let length = file.metadata().map_err(Unfit::Disk)?.len();
        if !recorded.has_length(length) {
            return Err(Unfit::Changed);
        }
        let mut made = match recorded.covers().ok_or(Unfit::Changed)? {
            Covers::All => {
                let recorded = recorded.sha256.to_owned();
                let sum = Sum::Sha256 { so_far: Sha256::new(), recorded };
                let current = Some(Part { left: 0..length, sum });
                return Ok(Self { file, groups: Vec::new(), current, buffer: Vec::new() });
            }
            Covers::End(end) => {
                let start = length.checked_sub(end).ok_or(Unfit::Changed)?;
                let groups = groups(&mut file, recorded, (start, length))?;
                Self { file, groups, current: None, buffer: Vec::new() }
            }
        };
        let mut magic = [0; MAGIC.len()];
        made.read(0, &mut magic)?;
        if magic == MAGIC { Ok(made) } else { Err(Unfit::Changed) }
    }

    /// Reads the next stretch. Returns how many bytes that were; 0 at the end of a whole file.
    pub(crate) fn step(&mut self) -> Result<u64, Unfit> {
        let mut part = match self.current.take() {
            Some(part) => part,
            None => match self.groups.pop() {
                Some((left, recorded)) => {
                    let so_far = crc32fast::Hasher::new();
                    Part { left, sum: Sum::Crc { so_far, recorded } }
                }
                None => return Ok(0),
            },
        };
        let left = usize::try_from(part.left.end - part.left.start).unwrap_or(usize::MAX);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(left.min(STEP_BYTES), 0);
        self.read(part.left.start, &mut buffer)?;
        part.sum.add(&buffer);
        let read = buffer.len() as u64;
        part.left.start += read;
        self.buffer = buffer;
        if part.left.is_empty() {
            if !part.sum.matches() {
                return Err(Unfit::Changed);
            }
        } else {
            self.current = Some(part);
        }
        Ok(read.max(1))
    }

    fn read(&mut self, from: u64, buffer: &mut [u8]) -> Result<(), Unfit> {
        self.file.seek(SeekFrom::Start(from)).map_err(Unfit::Disk)?;
        self.file.read_exact(buffer).map_err(|error| match error.kind() {
            // It was cut off while it was read.
            std::io::ErrorKind::UnexpectedEof => Unfit::Changed,
            _ => Unfit::Disk(error),
        })
    }
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc { so_far, .. } => so_far.update(bytes),
            Self::Sha256 { so_far, .. } => so_far.update(bytes),
        }
    }

    fn matches(self) -> bool {
        match self {
            Self::Crc { so_far, recorded } => so_far.finalize() == recorded,
            Self::Sha256 { so_far, recorded } => hex::encode(so_far.finalize()) == recorded,
        }
    }
}

/// Verifies the end of a file. Returns the row groups that it describes, in reverse.
fn groups(
    file: &mut File,
    recorded: Recorded<'_>,
    (start, length): (u64, u64),
) -> Result<Vec<(Range<u64>, u32)>, Unfit> {
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(start)).map_err(Unfit::Disk)?;
    file.take(length - start).read_to_end(&mut end).map_err(Unfit::Disk)?;
    let end = Bytes::from(end);
    if !recorded.seals(&end) {
        return Err(Unfit::Changed);
    }
    let footer = Footer::read(&end, length)?;
    let described = footer.groups.clone().ok_or(Unfit::Changed)?;
    if footer.body().is_none_or(|body| body.end != start) {
        return Err(Unfit::Changed);
    }
    let mut groups = Vec::with_capacity(described.len());
    for (number, group) in described.iter().enumerate().rev() {
        groups.push((footer.range(number).ok_or(Unfit::Changed)?, group.crc));
    }
    Ok(groups)
}

/// Verifies a file to its end.
pub(crate) fn inspect(path: &Path, recorded: Recorded<'_>) -> Result<(), Unfit> {
    let mut inspection = Inspection::open(path, recorded)?;
    while inspection.step()? > 0 {}
    Ok(())
}
