//! The commit in numbers: what it costs to make a changed issue visible, in a small month and in a
//! large one, and what rewriting the month would cost instead.
//!
//! `cargo bench --bench commit` makes its months with the simulator's generator and prints medians
//! and spread; everything is durable. It asserts nothing about time. Without `--bench` (as
//! `cargo test` runs it) it does nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a bench may end with a panic and prints its figures; its scratch files need not last"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jira::time::Clock;
use lake::{Committed, Lake, Layout, Mapping, Style};
use ledger::Ledger;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::{Value, json};
use sim::generate::{Generator, Options, raw};
use tempfile::TempDir;
use transform::{FieldMap, Site, Snapshot};

/// As in the program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Repetitions of a case.
const ROUNDS: usize = 9;
/// Commits in a repetition: processor time is told in hundredths of a second.
const COMMITS: usize = 20;
const BATCH: usize = 256;
/// The first and last millisecond of February 2026.
const FEBRUARY: (i64, i64) = (1_769_904_000_000, 1_772_323_199_999);

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    fsync();
    let small = one_change(1_000).await;
    let large = one_change(10_000).await;
    println!("10,000 issues against 1,000: {:.2} times", large / small);
}

/// A month of issues in a lake of its own.
struct Month {
    dir: TempDir,
    lake: Lake,
    issues: Vec<Value>,
    edits: usize,
}

impl Month {
    async fn of(count: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (since, until) = FEBRUARY;
        // About twelve changes of fields per issue.
        let options = Options {
            issues: count,
            seed: 7,
            since,
            until,
            target_bytes: 60_000,
            ..Options::default()
        };
        let generator = Generator::new(options);
        let ledger = Ledger::open(&dir.path().join("ledger.db"), Clock::system()).await.unwrap();
        let folder = |name: &str| dir.path().join(name);
        let layout = Layout {
            ledger: folder("ledger.db"),
            raw: folder("raw"),
            parquet: folder("parquet"),
            store: folder("store"),
            style: Style::Flat,
        };
        let site = Site { domain: "example.atlassian.net".to_owned() };
        let fields = Arc::new(FieldMap::new(&BTreeMap::new(), None).unwrap());
        let mapping = Mapping { site, fields };
        let lake = Lake::open(layout, ledger, mapping, "bench", Clock::system()).await.unwrap();
        let issues = (0..count).map(|n| raw(&generator, generator.issue(n))).collect::<Vec<_>>();
        let month = Self { dir, lake, issues, edits: 0 };
        for some in month.issues.chunks(2_000) {
            let some = some.iter().map(snapshot).collect();
            month.lake.commit(some, Vec::new()).await.unwrap();
        }
        month
    }

    /// Somebody edits an issue: a new summary, with its entry in the history.
    fn edit(&mut self, n: usize) -> Arc<Snapshot> {
        self.edits += 1;
        let (edits, count) = (self.edits, self.issues.len());
        let issue = &mut self.issues[n % count];
        let at = format!("2026-03-01T10:{:02}:{:02}.000+0000", edits / 60 % 60, edits % 60);
        let text = format!("Edit number {edits}");
        issue["fields"]["summary"] = json!(text);
        issue["fields"]["updated"] = json!(at);
        issue["_synced_at"] = json!(at);
        let item = json!({"field": "summary", "fieldtype": "jira", "fieldId": "summary",
            "fromString": "before", "toString": text});
        let entry =
            json!({"id": (900_000_000 + edits).to_string(), "created": at, "items": [item]});
        if let Some(histories) = issue["changelog"]["histories"].as_array_mut() {
            histories.push(entry);
        }
        snapshot(issue)
    }

    async fn commit(&self, changes: Vec<Arc<Snapshot>>) -> (Duration, Committed) {
        // As the loop does, which forgets them when it has told of the commit.
        let held = changes.clone();
        let began = Instant::now();
        let done = self.lake.commit(changes, Vec::new()).await.unwrap();
        let took = began.elapsed();
        drop(held);
        (took, done)
    }

    fn rows(&self, table: &str) -> (usize, i64, u64) {
        let files = std::fs::read_dir(self.dir.path().join("parquet").join(table)).unwrap();
        let files = files.map(|entry| File::open(entry.unwrap().path()).unwrap());
        let files = files.collect::<Vec<_>>();
        let bytes = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        let count = files.len();
        let rows = files.into_iter().map(|file| {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            reader.metadata().file_metadata().num_rows()
        });
        (count, rows.sum(), bytes)
    }
}

fn snapshot(issue: &Value) -> Arc<Snapshot> {
    let file = format!("{}.json", issue["key"].as_str().unwrap());
    Arc::new(Snapshot::from_json(issue.clone(), &file).unwrap())
}

/// One changed issue at a time; answers the median in milliseconds.
async fn one_change(count: u32) -> f64 {
    let mut month = Month::of(count).await;
    println!("\na month of {count} issues");
    for table in ["issues", "comments", "changelog", "custom_fields", "coverage"] {
        let (files, rows, bytes) = month.rows(table);
        println!("  {table}: {rows} rows in {files} files, {bytes} bytes");
    }
    let (mut took, mut spent, mut last) = (Vec::new(), Vec::new(), None);
    for round in 0..ROUNDS {
        let before = processor();
        let mut edited = Duration::ZERO;
        for n in 0..COMMITS {
            let begun = processor();
            let change = month.edit((round * COMMITS + n) * 37);
            edited += processor().saturating_sub(begun);
            let (one, done) = month.commit(vec![change]).await;
            took.push(one);
            last = Some(done);
        }
        spent.push((processor() - before).saturating_sub(edited) / u32::try_from(COMMITS).unwrap());
    }
    let done = last.unwrap();
    println!(
        "  the last commit: {} files of {} bytes, {} row groups encoded ({} bytes), {} bytes copied",
        done.files, done.bytes, done.row_groups, done.encoded_bytes, done.copied_bytes
    );
    let median = tell("  one changed issue, commit to visible", &mut took);
    tell("  processor time of it", &mut spent);
    let mut rewritten = (0..ROUNDS).map(|_| rewrite(month.dir.path())).collect::<Vec<_>>();
    let whole = tell("  rewriting the tables that it changes instead", &mut rewritten);
    println!("  a rewrite against the commit: {:.1} times", whole / median);
    if count >= 10_000 {
        sustained(&mut month).await;
    }
    median
}

/// Batches of changed issues, one after the other.
async fn sustained(month: &mut Month) {
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let changes = (0..BATCH).map(|n| month.edit((round * BATCH + n) * 37)).collect();
        rates.push(month.commit(changes).await.0);
    }
    let median = tell(&format!("  {BATCH} changed issues in one commit"), &mut rates);
    println!("  sustained: {:.0} issues/s", BATCH as f64 / median * 1e3);
}

/// What a program does that has no row groups to copy: it reads the files of the changed tables,
/// and writes them anew.
fn rewrite(lake: &Path) -> Duration {
    let out = lake.join("rewrite");
    std::fs::create_dir_all(&out).unwrap();
    let began = Instant::now();
    for table in ["issues", "changelog", "coverage"] {
        for entry in std::fs::read_dir(lake.join("parquet").join(table)).unwrap() {
            let path = entry.unwrap().path();
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
                .set_statistics_enabled(EnabledStatistics::Page)
                .build();
            let temp = out.join("new.parquet");
            let schema = Arc::clone(reader.schema());
            let file = File::create(&temp).unwrap();
            let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
            for batch in reader.build().unwrap() {
                writer.write(&batch.unwrap()).unwrap();
            }
            writer.into_inner().unwrap().sync_all().unwrap();
            std::fs::rename(&temp, out.join(path.file_name().unwrap())).unwrap();
            File::open(&out).unwrap().sync_all().unwrap();
        }
    }
    began.elapsed()
}

/// What the disk itself takes.
fn fsync() {
    let dir = tempfile::tempdir().unwrap();
    let took = (0..100).map(|n| {
        let mut file = File::create(dir.path().join(n.to_string())).unwrap();
        std::io::Write::write_all(&mut file, &[b'x'; 4096]).unwrap();
        let began = Instant::now();
        file.sync_all().unwrap();
        began.elapsed()
    });
    tell("fsync of a new file of 4 KiB, the disk's own", &mut took.collect::<Vec<_>>());
}

/// Processor time of this process, its threads included.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold blanks; the two times are the 12th and 13th value behind it.
    let values = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = values.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// Prints median and spread; answers the median in milliseconds.
fn tell(what: &str, took: &mut [Duration]) -> f64 {
    took.sort();
    let at = |hundredth: usize| took[(took.len() - 1) * hundredth / 100].as_secs_f64() * 1e3;
    println!(
        "{what}: median {:.1} ms, {:.1} to {:.1} ms, nine of ten below {:.1} ms ({} samples)",
        at(50),
        at(0),
        at(100),
        at(90),
        took.len()
    );
    at(50)
}
