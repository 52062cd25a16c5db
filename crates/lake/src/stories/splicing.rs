//! What a change leaves alone stays as it is, byte for byte, and damage is never copied.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};
use transform::Table;

use super::world::{Issue, JANUARY, World, mapping, put};
use crate::divide::Bounds;
use crate::layout::Style;
use crate::open::Lake;
use crate::sealed::digest;
use crate::verify::FileState;

fn issues(count: i64) -> Vec<Issue> {
    (1..=count).map(|id| Issue::new(id, JANUARY)).collect()
}

/// The store file of a table with one file.
async fn stored(world: &World, table: &str) -> PathBuf {
    let catalog = world.ledger.catalog().await.unwrap();
    let [file] = &catalog.iter().filter(|file| file.table == table).collect::<Vec<_>>()[..] else {
        panic!("{table} has not one file");
    };
    world.path("store").join(&file.path)
}

fn metadata(path: &Path) -> Arc<ParquetMetaData> {
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .with_encoding_stats_as_mask(false);
    let reader = ArrowReaderMetadata::load(&File::open(path).unwrap(), options).unwrap();
    Arc::clone(reader.metadata())
}

/// Bytes of a row group, and everything that the footer and the page index say of it; places are
/// told from its beginning.
fn row_group(path: &Path, number: usize) -> (Vec<u8>, String) {
    let (file, metadata) = (fs::read(path).unwrap(), metadata(path));
    let group = metadata.row_group(number);
    let start = group.column(0).byte_range().0;
    let mut said = Vec::new();
    for (place, column) in group.columns().iter().enumerate() {
        let index = &metadata.column_index().unwrap()[number][place];
        let pages = &metadata.offset_index().unwrap()[number][place];
        let pages = pages.page_locations.iter().map(|page| {
            (page.offset as u64 - start, page.compressed_page_size, page.first_row_index)
        });
        said.push(format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {index:?} {:?} {:?}",
            column.statistics(),
            column.page_encoding_stats(),
            column.encodings().collect::<Vec<_>>(),
            column.compressed_size(),
            column.uncompressed_size(),
            column.num_values(),
            pages.collect::<Vec<_>>(),
            metadata.offset_index().unwrap()[number][place].unencoded_byte_array_data_bytes,
        ));
    }
    let (first, length) = group.columns().last().unwrap().byte_range();
    let at = |place: u64| usize::try_from(place).unwrap();
    let bytes = file[at(start)..at(first + length)].to_vec();
    (bytes, said.join("\n"))
}

#[tokio::test]
async fn row_groups_that_a_change_does_not_touch_are_copied_byte_for_byte() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut issues = issues(700);
    put(&lake, &issues).await;
    let before = stored(&world, "comments").await;
    issues[299].comments = 5;
    let done = put(&lake, &issues[299..300]).await;
    assert_eq!((done.files, done.row_groups), (2, 2), "one row group each of issues and comments");
    assert!(done.copied_bytes > done.encoded_bytes);
    let after = stored(&world, "comments").await;
    assert_ne!(before, after);
    for group in [0, 2] {
        assert_eq!(row_group(&before, group), row_group(&after, group));
    }
    assert_ne!(row_group(&before, 1), row_group(&after, 1));
    world.assert_holds(&lake, &issues).await;
    // What a file of rows alone would be, to the last byte.
    let catalog = world.ledger.catalog().await.unwrap();
    lake.rebuild(|_| {}).await.unwrap();
    let sums = |catalog: Vec<ledger::CatalogFile>| {
        catalog.into_iter().map(|file| (file.table, file.sha256)).collect::<Vec<_>>()
    };
    assert_eq!(sums(world.ledger.catalog().await.unwrap()), sums(catalog));
}

#[tokio::test]
async fn a_file_without_a_change_of_its_issues_stays_and_so_does_an_empty_row_group_not() {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    bound(&mut lake, Bounds { row_group: 2, single_rows: 2, file: 64 });
    let mut issues = issues(6);
    put(&lake, &issues).await;
    let groups = |path: &Path| metadata(path).num_row_groups();
    assert_eq!(groups(&stored(&world, "comments").await), 3);
    for issue in &mut issues[2..4] {
        issue.comments = 0;
    }
    put(&lake, &issues[2..4]).await;
    assert_eq!(groups(&stored(&world, "comments").await), 2, "without rows there is no row group");
    assert_eq!(groups(&stored(&world, "issues").await), 3);
    for issue in &mut issues[2..5] {
        issue.comments = 1;
    }
    put(&lake, &issues[2..5]).await;
    assert_eq!(groups(&stored(&world, "comments").await), 3);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn the_page_index_of_a_spliced_file_leads_to_the_same_rows_as_a_scan() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    // Enough rows for several pages in a row group.
    let mut issues = issues(520);
    for issue in &mut issues[256..400] {
        issue.comments = 160;
    }
    put(&lake, &issues).await;
    issues[10].comments = 3;
    put(&lake, &issues[10..11]).await;
    let path = stored(&world, "comments").await;
    let read = |selection: Option<RowSelection>| {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let file = File::open(&path).unwrap();
        let mut reader =
            ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
        let schema = Arc::clone(reader.schema());
        if let Some(selection) = selection {
            reader = reader.with_row_selection(selection);
        }
        let batches = reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>();
        concat_batches(&schema, &batches).unwrap()
    };
    let pages = &metadata(&path).offset_index().unwrap()[1][0].page_locations.len();
    assert!(*pages > 1, "the test needs pages to leave out");
    let all = read(None);
    let mut from = 0;
    for (skip, take) in [(3, 2), (500, 30), (20_900, 7), (1_200, 900)] {
        let selection =
            RowSelection::from(vec![RowSelector::skip(from + skip), RowSelector::select(take)]);
        from += 11;
        assert_eq!(read(Some(selection)), all.slice(from - 11 + skip, take));
    }
}

#[tokio::test]
async fn a_file_that_does_not_describe_its_row_groups_is_looked_into() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut issues = issues(30);
    put(&lake, &issues).await;
    drop(lake);
    // As an older version wrote it: other row groups, one checksum over all, no description.
    let id = world.ledger.next_commit().await.unwrap();
    let catalog = world.ledger.catalog().await.unwrap();
    let mut files = catalog.into_iter().filter(|file| file.table == "comments").collect::<Vec<_>>();
    let path = world.path("store").join(&files[0].path);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let reader = reader.with_batch_size(7 * 2);
    let schema = Table::Comments.schema(&mapping().fields);
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    for batch in reader.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
        writer.flush().unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    let name = "comments/2026-01/old.parquet";
    crate::durable::write(&world.path("store").join(name), &bytes).unwrap();
    files[0].path = name.to_owned();
    (files[0].bytes, files[0].sha256) = (bytes.len() as i64, digest(&bytes));
    let (dropped, remade) = (Vec::new(), Vec::new());
    let (records, finished) = (Vec::new(), Vec::new());
    let commit =
        ledger::Commit { id, files, dropped, remade, issues: records, finished, lost: vec![] };
    world.ledger.commit(commit).await.unwrap();
    let mut lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
    // Were it made from the snapshots, this one would be missed.
    fs::remove_file(world.path("raw/issues/A-1.json")).unwrap();
    bound(&mut lake, Bounds { row_group: 4, single_rows: 4, file: 16 });
    issues[20].comments = 4;
    put(&lake, &issues[20..21]).await;
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn row_groups_with_other_columns_are_not_copied() {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    let small = Bounds { row_group: 4, single_rows: 4, file: 16 };
    bound(&mut lake, small);
    let mut issues = issues(12);
    put(&lake, &issues).await;
    drop(lake);
    // The operator asks for one more column: files from before do not have it.
    let columns = [("answer".to_owned(), "customfield_10042".to_owned())].into();
    let fields = Arc::new(transform::FieldMap::new(&columns, None).unwrap());
    let mapping = crate::mapping::Mapping { fields: Arc::clone(&fields), ..mapping() };
    let (ledger, clock) = (world.ledger.clone(), world.clock());
    let mut lake = Lake::open(world.layout(), ledger, mapping, "test", clock).await.unwrap();
    bound(&mut lake, small);
    issues[5].summary = "edited".to_owned();
    put(&lake, &issues[5..6]).await;
    assert_eq!(lake.verify().await.unwrap(), []);
    let path = stored(&world, "issues").await;
    let rows = crate::decode::decode(&path, None, &Table::Issues.schema(&fields)).unwrap();
    assert_eq!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 12);
    let reader = ArrowReaderMetadata::load(&File::open(&path).unwrap(), ArrowReaderOptions::new());
    assert!(reader.unwrap().schema().field_with_name("answer").is_ok());
    world.assert_holds(&lake, &issues).await;
}

pub(super) fn bound(lake: &mut Lake, bounds: Bounds) {
    Arc::get_mut(&mut lake.inner).unwrap().store.bounds = bounds;
}

/// Flips one byte of a file of the store (and with it of its visible name), changes an issue, and
/// expects that nobody ever takes the damage for data.
async fn damage(file: usize, at: usize, issue: usize) {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    bound(&mut lake, Bounds { row_group: 4, single_rows: 4, file: 16 });
    let mut issues = issues(40);
    put(&lake, &issues).await;
    let catalog = world.ledger.catalog().await.unwrap();
    let path = world.path("store").join(&catalog[file % catalog.len()].path);
    let mut bytes = fs::read(&path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 1 << (at % 8);
    // In place, so that the visible name shows it too.
    let mut there = File::options().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut there, &bytes).unwrap();
    let found = lake.verify().await.unwrap();
    assert_eq!(
        found.iter().filter(|found| found.state == FileState::Damaged).count(),
        2,
        "{found:?}"
    );
    issues[issue % 40].comments = 5;
    put(&lake, &issues[issue % 40..=issue % 40]).await;
    let found = lake.verify().await.unwrap();
    if found.is_empty() {
        world.assert_holds(&lake, &issues).await;
    } else {
        // The change had nothing to do with this file, which is found out all the same.
        assert_eq!((found.len(), &found[0].path, &found[0].state), (2, &path, &FileState::Damaged));
    }
    lake.rebuild(|_| {}).await.unwrap();
    world.assert_holds(&lake, &issues).await;
}

/// The row group is not touched by the change, its file is: copied unproved, the damage would be in
/// the new file for good.
#[tokio::test]
async fn damage_in_a_row_group_that_a_change_copies_is_found_and_made_from_raw() {
    for percent in [1, 50, 99] {
        let world = World::new(Style::Flat).await;
        let mut lake = world.open().await;
        bound(&mut lake, Bounds { row_group: 4, single_rows: 4, file: 64 });
        let mut issues = issues(40);
        put(&lake, &issues).await;
        let path = stored(&world, "issues").await;
        let group = metadata(&path);
        let group = group.row_group(0);
        let (start, _) = group.column(0).byte_range();
        let (last, length) = group.columns().last().unwrap().byte_range();
        let at = start + percent * (last + length - start) / 100;
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 4;
        // In place, so that the visible name shows it too.
        let mut there = File::options().write(true).open(&path).unwrap();
        std::io::Write::write_all(&mut there, &bytes).unwrap();
        issues[39].summary = "edited".to_owned();
        put(&lake, &issues[39..]).await;
        assert_ne!(stored(&world, "issues").await, path);
        assert_eq!(lake.verify().await.unwrap(), []);
        world.assert_holds(&lake, &issues).await;
    }
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_never_copied() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    runner
        .run(&(any::<usize>(), any::<usize>(), any::<usize>()), |(file, at, issue)| {
            runtime.block_on(damage(file, at, issue));
            Ok(())
        })
        .unwrap();
}
