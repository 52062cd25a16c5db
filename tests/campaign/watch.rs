//! A reader beside the program: reads the visible tables again and again while a case runs.
//!
//! It finds torn reads and rows that disappear. Files that the case itself damaged are excused, by
//! inode, until the program replaces them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use crate::tables;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(150);

/// Tables that are read beside `issues`, in turn.
const OTHERS: [&str; 7] =
    ["comments", "changelog", "worklogs", "custom_fields", "attachments", "coverage", "issuelinks"];

/// What a reader saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) reads: u64,
    /// Reads that failed although the case had not damaged the file.
    pub(crate) torn: Vec<String>,
    /// Issues whose rows disappeared, with the time of the look.
    pub(crate) lost: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    /// Inodes of files that the case damaged.
    damaged: BTreeSet<u64>,
    /// Issues that were readable at the last look; nothing after a damage.
    visible: Option<BTreeSet<String>>,
    /// Issues that were missing at the last look, and not yet called lost.
    missing: BTreeSet<String>,
}

/// A running reader.
#[derive(Debug)]
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
    stop: signal::Sender<bool>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Starts to read the tables below `parquet`.
    pub(crate) fn start(parquet: PathBuf) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, mut stopped) = signal::channel(false);
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut cache = Cache::default();
            for turn in 0_usize.. {
                let (folder, state) = (parquet.clone(), Arc::clone(&shared));
                cache = tokio::task::spawn_blocking(move || {
                    look(&folder, turn, &mut cache, &state);
                    cache
                })
                .await
                .unwrap();
                if *stopped.borrow() {
                    return;
                }
                drop(tokio::time::timeout(EVERY, stopped.wait_for(|stop| *stop)).await);
            }
        });
        Self { state, stop, task }
    }

    /// Excuses files that the case is about to damage, and starts to compare anew afterwards.
    pub(crate) fn excuse(&self, paths: &[PathBuf]) {
        let mut state = self.state.lock().unwrap();
        for path in paths {
            if let Ok(data) = fs::metadata(path) {
                state.damaged.insert(data.ino());
            }
        }
        state.visible = None;
        state.missing.clear();
    }

    /// Reads once more and returns what was seen.
    pub(crate) async fn stop(self) -> Seen {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

/// The issues of files by path, as long as inode and time of change stay.
#[derive(Debug, Default)]
struct Cache(HashMap<PathBuf, CachedFile>);

/// The issues of a file that has not changed since.
#[derive(Debug)]
struct CachedFile {
    /// Inode and time of the last change.
    version: (u64, i64, i64),
    issues: BTreeSet<String>,
}

fn look(parquet: &Path, turn: usize, cache: &mut Cache, state: &Mutex<State>) {
    // A listing may miss a name that is renamed over meanwhile; the second look decides.
    let mut visible = BTreeSet::new();
    let mut unreadable = false;
    for path in tables::files(parquet, "issues") {
        match issues_in(&path, cache, state) {
            Read::Issues(issues) => visible.extend(issues),
            Read::Gone => {}
            Read::Damaged => unreadable = true,
        }
    }
    for path in tables::files(parquet, OTHERS[turn % OTHERS.len()]) {
        issues_in(&path, cache, state);
    }
    let mut state = state.lock().unwrap();
    let now_missing: BTreeSet<String> = match &state.visible {
        Some(before) if !unreadable => before.difference(&visible).cloned().collect(),
        _ => BTreeSet::new(),
    };
    let lost: Vec<String> = now_missing.intersection(&state.missing).cloned().collect();
    state.seen.lost.extend(lost.iter().cloned());
    if let Some(before) = &state.visible {
        visible.extend(before.iter().filter(|id| !lost.contains(id)).cloned());
    }
    state.missing = now_missing;
    state.visible = Some(visible);
}

enum Read {
    Issues(BTreeSet<String>),
    Gone,
    Damaged,
}

fn issues_in(path: &Path, cache: &mut Cache, state: &Mutex<State>) -> Read {
    let opened = fs::metadata(path).and_then(|data| {
        // A FIFO in a file's place would keep the reader waiting.
        if data.is_file() { File::open(path) } else { Err(std::io::ErrorKind::InvalidInput.into()) }
    });
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Read::Gone,
        Err(_) => return Read::Damaged,
    };
    let data = file.metadata().unwrap();
    let version = (data.ino(), data.ctime(), data.ctime_nsec());
    if let Some(cached) = cache.0.get(path)
        && cached.version == version
    {
        return Read::Issues(cached.issues.clone());
    }
    let damaged = state.lock().unwrap().damaged.contains(&data.ino());
    let read = std::panic::catch_unwind(|| tables::try_rows(file));
    match read {
        Ok(Ok(rows)) => {
            state.lock().unwrap().seen.reads += 1;
            let id = |row: &BTreeMap<String, _>| {
                row.get("issue_id").and_then(serde_json::Value::as_str).map(str::to_owned)
            };
            let issues: BTreeSet<String> = rows.iter().filter_map(id).collect();
            if !damaged {
                let cached = CachedFile { version, issues: issues.clone() };
                cache.0.insert(path.to_owned(), cached);
            }
            Read::Issues(issues)
        }
        _ if damaged => Read::Damaged,
        Ok(Err(error)) => {
            let text = format!("{}: {error}", path.file_name().unwrap_or_default().display());
            state.lock().unwrap().seen.torn.push(text);
            Read::Damaged
        }
        Err(_panic) => {
            let text = format!("{}: the reader panicked", path.display());
            state.lock().unwrap().seen.torn.push(text);
            Read::Damaged
        }
    }
}
