//! The pages of a column chunk, cut by rows and bytes, with statistics and indexes.

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::codec::{ZSTD_LEVEL, compress};
use super::dictionary::Dictionary;
use super::hybrid;
use super::value::Value;

/// Bytes of values, and rows, of a page, at which it ends. A page has one row at least.
const PAGE_BYTES: usize = 1024 * 1024;
const PAGE_ROWS: usize = 20_000;

/// Below so many bytes a chunk is left as it is: a frame of zstd alone takes a dozen.
const SHORT: usize = 64;

/// What the chunks of a row group are put into.
pub(crate) type Sink = TrackedWrite<Vec<u8>>;

/// A chunk to be made.
pub(super) struct Pages<'a> {
    column: &'a ColumnDescPtr,
    rows: usize,
    /// For each row, whether it has a value; `None` when all have one.
    levels: Option<Vec<u32>>,
}

/// A page that is not compressed yet.
struct Plain {
    bytes: Vec<u8>,
    rows: usize,
}

/// What is known of the values of a page.
struct Known<T> {
    bounds: Option<(T, T)>,
    nulls: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(column: &'a ColumnDescPtr, rows: usize, levels: Option<Vec<u32>>) -> Self {
        Self { column, rows, levels }
    }

    /// Puts the pages behind what is there; `values` are those of the rows that have one.
    pub(super) fn encode<T: Value>(
        &self,
        values: &[T],
        out: &mut Sink,
    ) -> Result<ColumnCloseResult, ParquetError> {
        let dictionary = T::REPEATS.then(|| Dictionary::of(values, T::length)).flatten();
        let cuts = self.cuts(values, dictionary.as_ref());
        let (mut pages, mut known) = (Vec::new(), Vec::new());
        for (rows, of_page) in cuts {
            let mut bytes = Vec::new();
            self.put_levels(rows.clone(), &mut bytes)?;
            let page_values = values.get(of_page.clone()).unwrap_or_default();
            if let Some(dictionary) = &dictionary {
                let indices = dictionary.indices.get(of_page.clone()).unwrap_or_default();
                bytes.push(dictionary.width.to_le_bytes()[0]);
                hybrid::put(indices, dictionary.width, &mut bytes);
            } else {
                T::put(page_values, &mut bytes);
            }
            // All of the dictionary is in the page if it is the only one.
            let different = match &dictionary {
                Some(dictionary) if of_page.len() == values.len() => &dictionary.values,
                _ => page_values,
            };
            known.push(Known { bounds: bounds(different), nulls: rows.len() - of_page.len() });
            pages.push(Plain { bytes, rows: rows.len() });
        }
        let dictionary = dictionary.map(|dictionary| {
            let mut bytes = Vec::new();
            T::put(&dictionary.values, &mut bytes);
            Plain { bytes, rows: dictionary.values.len() }
        });
        self.write(dictionary, pages, &known, out)
    }

    /// The rows of each page, with which of the values are theirs.
    fn cuts<T: Value>(
        &self,
        values: &[T],
        dictionary: Option<&Dictionary<T>>,
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let length =
            |value: &T| if dictionary.is_some() { size_of::<u32>() } else { value.length() };
        let fits = self.rows <= PAGE_ROWS
            && values.iter().map(length).fold(0, usize::saturating_add) <= PAGE_BYTES;
        if fits {
            return vec![(0..self.rows, 0..values.len())];
        }
        let mut cuts = Vec::new();
        let (mut first, mut first_value, mut value, mut bytes) = (0, 0, 0, 0);
        for row in 0..self.rows {
            let level = self.levels.as_ref().and_then(|levels| levels.get(row));
            let has_value = level != Some(&0);
            let more = values.get(value).filter(|_| has_value).map_or(0, length);
            if row > first && (bytes + more > PAGE_BYTES || row - first >= PAGE_ROWS) {
                cuts.push((first..row, first_value..value));
                (first, first_value, bytes) = (row, value, 0);
            }
            bytes += more;
            value += usize::from(has_value);
        }
        cuts.push((first..self.rows, first_value..value));
        cuts
    }

    /// Which rows of a page have a value; nothing where all of the column must.
    fn put_levels(&self, rows: Range<usize>, out: &mut Vec<u8>) -> Result<(), ParquetError> {
        if self.column.max_def_level() == 0 {
            return Ok(());
        }
        let mut levels = Vec::new();
        match &self.levels {
            Some(known) => hybrid::put(known.get(rows).unwrap_or_default(), 1, &mut levels),
            None => hybrid::run(1, rows.len(), 1, &mut levels),
        }
        let length: u32 = int(levels.len())?;
        out.extend_from_slice(&length.to_le_bytes());
        out.append(&mut levels);
        Ok(())
    }

    fn write<T: Value>(
        &self,
        dictionary: Option<Plain>,
        pages: Vec<Plain>,
        known: &[Known<T>],
        out: &mut Sink,
    ) -> Result<ColumnCloseResult, ParquetError> {
        let encoding =
            if dictionary.is_some() { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN };
        let mut all = pages;
        let has_dictionary = dictionary.is_some();
        all.splice(0..0, dictionary);
        let (codec, compressed) = compressed(&all)?;
        let (start, mut writer) = (out.bytes_written(), SerializedPageWriter::new(out));
        let (mut offsets, mut total) = (OffsetIndexBuilder::new(), (0, 0));
        let mut first_data = start as u64;
        for (number, (plain, buf)) in all.iter().zip(compressed).enumerate() {
            let (buf, num_values) = (buf.into(), int(plain.rows)?);
            let is_dictionary = has_dictionary && number == 0;
            let page = if is_dictionary {
                let encoding = Encoding::PLAIN;
                Page::DictionaryPage { buf, num_values, encoding, is_sorted: false }
            } else {
                let (def_level_encoding, rep_level_encoding) = (Encoding::RLE, Encoding::RLE);
                let statistics = None;
                Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding,
                    rep_level_encoding,
                    statistics,
                }
            };
            let place = writer.write_page(CompressedPage::new(page, plain.bytes.len()))?;
            total = (total.0 + place.compressed_size, total.1 + place.uncompressed_size);
            if is_dictionary {
                first_data = place.offset + place.bytes_written;
                continue;
            }
            offsets.append_offset_and_size(int(place.offset)?, int(place.compressed_size)?);
            offsets.append_row_count(int(plain.rows)?);
        }
        let metadata = ColumnChunkMetaData::builder(Arc::clone(self.column))
            .set_compression(codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(
                [Encoding::PLAIN, Encoding::RLE, encoding].iter(),
            ))
            .set_page_encoding_stats(encodings(has_dictionary, encoding, &all)?)
            .set_num_values(int(self.rows)?)
            .set_statistics(statistics(known))
            .set_dictionary_page_offset(has_dictionary.then_some(int(start)?))
            .set_data_page_offset(int(first_data)?)
            .set_total_compressed_size(int(total.0)?)
            .set_total_uncompressed_size(int(total.1)?);
        Ok(ColumnCloseResult {
            bytes_written: total.0 as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None, // none are written
            column_index: Some(index(known)?),
            offset_index: Some(offsets.build()),
        })
    }
}

/// The pages of one chunk, compressed if that makes them shorter: a chunk has one codec.
fn compressed(pages: &[Plain]) -> Result<(Compression, Vec<Vec<u8>>), ParquetError> {
    let length = pages.iter().map(|page| page.bytes.len()).sum::<usize>();
    if length > SHORT {
        let compressed = pages.iter().map(|page| compress(&page.bytes));
        let compressed = compressed.collect::<Result<Vec<_>, _>>()?;
        if compressed.iter().map(Vec::len).sum::<usize>() < length {
            return Ok((Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?), compressed));
        }
    }
    Ok((Compression::UNCOMPRESSED, pages.iter().map(|page| page.bytes.clone()).collect()))
}

/// The smallest and the largest.
fn bounds<T: Value>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    let wider = |(least, most): (T, T), value: &T| (least.min(*value), most.max(*value));
    Some(values.iter().fold((first, first), wider))
}

/// What is known of all pages.
fn statistics<T: Value>(pages: &[Known<T>]) -> Statistics {
    let bounds = pages.iter().filter_map(|page| page.bounds);
    let all = bounds.reduce(|(least, most), (other_least, other_most)| {
        (least.min(other_least), most.max(other_most))
    });
    T::statistics(all, pages.iter().map(|page| page.nulls as u64).sum())
}

/// What is known of each page.
fn index<T: Value>(pages: &[Known<T>]) -> Result<ColumnIndexMetaData, ParquetError> {
    let mut index = ColumnIndexBuilder::new(T::TYPE);
    for page in pages {
        let (least, most) =
            page.bounds.map(|(least, most)| (least.floor(), most.ceiling())).unzip();
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        index.append(page.bounds.is_none(), least, most, int(page.nulls)?);
    }
    let bounds = pages.iter().filter_map(|page| page.bounds).collect::<Vec<_>>();
    if bounds.is_sorted_by(|one, next| T::ascend(*one, *next)) {
        index.set_boundary_order(BoundaryOrder::ASCENDING);
    }
    index.build()
}

fn encodings(
    has_dictionary: bool,
    encoding: Encoding,
    pages: &[Plain],
) -> Result<Vec<PageEncodingStats>, ParquetError> {
    let count = int(pages.len() - usize::from(has_dictionary))?;
    let (page_type, plain) = (PageType::DICTIONARY_PAGE, Encoding::PLAIN);
    let dictionary = PageEncodingStats { page_type, encoding: plain, count: 1 };
    let data = PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count };
    Ok(has_dictionary.then_some(dictionary).into_iter().chain([data]).collect())
}

/// A number in the width that the format has for it.
fn int<N, I: TryFrom<N>>(number: N) -> Result<I, ParquetError> {
    I::try_from(number)
        .map_err(|_| ParquetError::General("a column chunk is larger than its format".to_owned()))
}
