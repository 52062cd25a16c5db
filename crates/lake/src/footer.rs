//! What the end of a table's file says: its row groups, which issues each holds and what proves
//! its bytes, and the metadata by which a row group is read or copied.
//!
//! Promises: a footer is what was written (its checksum was proved before it was looked at, where
//! one is recorded); anything else is [`Unfit`].

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use jira::id::IssueId;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{
    KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    RowGroupMetaData,
};

use crate::decode::Unfit;
use crate::divide::Span;

/// The key under which the row groups are described.
const KEY: &str = "jiralake.groups";

/// What a file says about one of its row groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) span: Span,
    /// CRC-32 of its bytes.
    pub(crate) crc: u32,
}

/// The end of a file, understood.
#[derive(Debug, Clone)]
pub(crate) struct Footer {
    /// For Arrow's reader; holds the metadata and the page index.
    pub(crate) reader: ArrowReaderMetadata,
    /// One for each row group; `None` when the file does not say.
    pub(crate) groups: Option<Arc<[Group]>>,
}

impl Footer {
    /// Reads the end of a file that has `length` bytes in all.
    pub(crate) fn read(end: &Bytes, length: u64) -> Result<Self, Unfit> {
        // What a copied row group says about itself has to be what it said before.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let mut reader = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_metadata_options(Some(options));
        reader.try_parse_sized(end, length).map_err(Unfit::Torn)?;
        Self::of(reader.finish().map_err(Unfit::Torn)?)
    }

    /// From metadata that was written or read a moment ago.
    pub(crate) fn of(metadata: ParquetMetaData) -> Result<Self, Unfit> {
        let groups = groups(&metadata);
        // Parquet's own types say all that our columns need. The Arrow schema beside them is not
        // read: arrow's decoder panics over some damaged ones.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let reader = ArrowReaderMetadata::try_new(Arc::new(metadata), options);
        Ok(Self { reader: reader.map_err(Unfit::Torn)?, groups })
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    /// Where the bytes of a row group are; `None` when there is no such one or it has gaps.
    pub(crate) fn range(&self, group: usize) -> Option<Range<u64>> {
        range(self.metadata().row_groups().get(group)?)
    }

    /// The row groups from the first to the last byte, when nothing lies between them.
    pub(crate) fn body(&self) -> Option<Range<u64>> {
        let mut body = 4..4; // behind the magic bytes
        for group in self.metadata().row_groups() {
            let range = range(group)?;
            if range.start != body.end {
                return None;
            }
            body.end = range.end;
        }
        Some(body)
    }

    /// How much memory it takes, about.
    pub(crate) fn weight(&self) -> usize {
        self.metadata().memory_size()
    }
}

/// What the file is to say about its row groups.
pub(crate) fn describe(groups: &[Group]) -> KeyValue {
    let groups = groups.iter().map(|Group { span, crc }| {
        serde_json::json!([span.first.get(), span.last.get(), span.issues, crc])
    });
    KeyValue::new(KEY.to_owned(), serde_json::Value::Array(groups.collect()).to_string())
}

/// What the file says, if it says it of each row group and the spans can be true.
fn groups(metadata: &ParquetMetaData) -> Option<Arc<[Group]>> {
    let about = metadata.file_metadata().key_value_metadata()?;
    let about = about.iter().find(|about| about.key == KEY)?.value.as_deref()?;
    let said: Vec<(i64, i64, usize, u32)> = serde_json::from_str(about).ok()?;
    let groups = said.into_iter().map(|(first, last, issues, crc)| {
        let (first, last) = (IssueId::new(first).ok()?, IssueId::new(last).ok()?);
        Some(Group { span: Span { first, last, issues }, crc })
    });
    let groups = groups.collect::<Option<Vec<_>>>()?;
    let is_whole = groups.len() == metadata.num_row_groups();
    let is_sorted = groups.is_sorted_by(|one, next| one.span.last < next.span.first);
    let is_true = |group: &Group| group.span.first <= group.span.last && group.span.issues > 0;
    (is_whole && is_sorted && groups.iter().all(is_true)).then(|| groups.into())
}

fn range(group: &RowGroupMetaData) -> Option<Range<u64>> {
    let mut range: Option<Range<u64>> = None;
    for column in group.columns() {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (start, length) = (start.try_into().ok()?, column.compressed_size().try_into().ok()?);
        let end = u64::checked_add(start, length)?;
        range = match range {
            None => Some(start..end),
            Some(before) if before.end == start => Some(before.start..end),
            Some(_) => return None,
        };
    }
    range
}
