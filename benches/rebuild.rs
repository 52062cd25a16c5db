//! The batch rebuild in numbers: `jiralake transform` over generated raw files, beside what the
//! machine could do at best and what people would write instead, all in one run.
//!
//! `cargo bench --bench rebuild -- [ISSUES] [RUNS] [SMALL]` makes ISSUES files of about 80 KB
//! (default 15,000) and, if SMALL is given, so many of about 20 KB; each case runs RUNS times
//! (default 5). It prints median and spread, throughput in raw JSON, peak memory and the ratio to
//! our median. The rivals need `python3` and PyPI, and are skipped where those are not there. It
//! asserts nothing about time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench may end with a panic and prints its figures"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sim::generate::{Generator, Options, write_corpus};

/// For the generator, which takes a median; the mean of the files is higher.
const LARGE_TARGET: u32 = 56_000;
const SMALL_TARGET: u32 = 17_000;
const SEED: u64 = 7;

/// A case's runs: how long each took, and the most memory that any held, where that is known.
struct Runs {
    took: Vec<Duration>,
    peak: Option<u64>,
}

fn main() {
    let numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u32>().ok());
    let numbers = numbers.collect::<Vec<_>>();
    let number = |at: usize, usual: u32| numbers.get(at).copied().unwrap_or(usual);
    let (issues, runs, small) = (number(0, 15_000), number(1, 5), number(2, 0));
    compare(&Corpus::of(issues, LARGE_TARGET), runs, &rivals());
    if small > 0 {
        compare(&Corpus::of(small, SMALL_TARGET), runs, &[]);
    }
}

/// Raw files that were generated.
struct Corpus {
    folder: PathBuf,
    files: Vec<PathBuf>,
    bytes: u64,
}

impl Corpus {
    /// Made once and kept for the next run.
    fn of(issues: u32, target_bytes: u32) -> Self {
        let name = format!("corpus-{issues}-{target_bytes}-{SEED}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let whole = folder.join("whole");
        if !whole.exists() {
            let options = Options { issues, seed: SEED, target_bytes, ..Options::default() };
            write_corpus(&Generator::new(options), &folder, &mut |_| {}).unwrap();
            fs::File::create(&whole).unwrap();
        }
        let files = fs::read_dir(folder.join("issues")).unwrap();
        let files = files.map(|file| file.unwrap().path()).collect::<Vec<_>>();
        let bytes = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        Self { folder, files, bytes }
    }
}

/// A program in another language, with its name.
type Rival = (&'static str, PathBuf, PathBuf);

fn compare(corpus: &Corpus, runs: u32, rivals: &[Rival]) {
    let mean = corpus.bytes / corpus.files.len() as u64;
    let (count, total) = (corpus.files.len(), corpus.bytes as f64 / 1e9);
    println!("\n{count} issues of {mean} bytes on average, {total:.2} GB, {runs} runs each");
    let read = repeat(runs, || on_all_cores(corpus, |bytes| bytes.len()));
    let ours = repeat_child(runs, || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiralake"));
        command.args(["transform", "--raw-dir"]).arg(&corpus.folder);
        command.arg("--output-dir").arg(output());
        command
    });
    let median = middle(&ours.took);
    tell("jiralake transform, all tables, durable", &ours, (corpus, median));
    tell("floor: reading all bytes", &read, (corpus, median));
    let values = repeat(runs, || {
        on_all_cores(corpus, |bytes| {
            usize::from(serde_json::from_slice::<serde_json::Value>(bytes).unwrap().is_object())
        })
    });
    tell("floor: serde_json::Value of all files", &values, (corpus, median));
    for (name, python, script) in rivals {
        // They take long; fewer runs tell enough.
        let rival = repeat_child(runs.min(3), || {
            let mut command = Command::new(python);
            command.arg(script).arg(&corpus.folder).arg(output());
            command
        });
        tell(name, &rival, (corpus, median));
    }
}

/// A new folder for tables.
fn output() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuilt");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

/// The rivals, in a virtual environment of the bench's own.
fn rivals() -> Vec<Rival> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rivals");
    let python = folder.join("bin/python");
    let done = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let is_there = done(Command::new(&python).args(["-c", "import duckdb, orjson, polars"]))
        || (done(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && done(
                Command::new(&python)
                    .args(["-m", "pip", "install", "--quiet", "duckdb", "orjson", "polars"]),
            ));
    if !is_there {
        println!("rivals: skipped, there is no python3 with venv or no PyPI");
        return Vec::new();
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals");
    let rival = |name, script| (name, python.clone(), scripts.join(script));
    vec![
        rival("rival: DuckDB, three tables", "with_duckdb.py"),
        rival("rival: orjson and Polars, three tables", "with_polars.py"),
    ]
}

fn on_all_cores(corpus: &Corpus, work: impl Fn(&[u8]) -> usize + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut bytes, mut sum) = (Vec::new(), 0);
        while let Some(file) = corpus.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            bytes.clear();
            fs::File::open(file).unwrap().read_to_end(&mut bytes).unwrap();
            sum += work(&bytes);
        }
        std::hint::black_box(sum)
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(run);
        }
    });
}

/// Once to warm up, then so often.
fn repeat(runs: u32, work: impl Fn()) -> Runs {
    work();
    let took = (0..runs).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed()
    });
    Runs { took: took.collect(), peak: None }
}

fn repeat_child(runs: u32, command: impl Fn() -> Command) -> Runs {
    let mut all = Runs { took: Vec::new(), peak: None };
    for _ in 0..runs {
        let mut command = command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let status = loop {
            all.peak = all.peak.max(peak_of(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            thread::sleep(Duration::from_millis(2));
        };
        all.took.push(began.elapsed());
        assert!(status.success(), "{command:?}: {status}");
    }
    all
}

/// The most memory that a process had so far, in bytes.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn middle(took: &[Duration]) -> f64 {
    let mut took = took.to_vec();
    took.sort();
    took[took.len() / 2].as_secs_f64()
}

fn tell(what: &str, runs: &Runs, (corpus, ours): (&Corpus, f64)) {
    let median = middle(&runs.took);
    let least = runs.took.iter().min().unwrap().as_secs_f64();
    let most = runs.took.iter().max().unwrap().as_secs_f64();
    let rate = corpus.bytes as f64 / median / 1e9;
    let peak = runs.peak.map_or_else(String::new, |peak| format!(", {} MB", peak / 1_000_000));
    let ratio = median / ours;
    println!(
        "{what}: {median:.2} s ({least:.2} to {most:.2}), {rate:.2} GB/s, {ratio:.2} times ours{peak}"
    );
}
