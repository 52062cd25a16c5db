//! Damage of every kind of file in every way, while `serve` is stopped and while it runs.
//!
//! The kinds and the ways are enumerated first, so that the gate has every pair; further cases repeat
//! them with other files and other places.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Section;
use crate::base::Base;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};
use crate::{edits, files};

pub(crate) const SECTION: Section = Section {
    name: "damage",
    attack: "a file of every kind is damaged in every way, while `serve` is stopped and while it runs",
    promises: &["G2", "G3", "G5", "G6", "G7", "G9"],
    size: |base| base.plan.cases,
    case: boxed,
};

/// A kind of file in the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Raw,
    Fields,
    RawDimension,
    Attachment,
    Store,
    Visible,
    Dimension,
    Views,
    Ledger,
    LedgerWal,
    LedgerShm,
    LedgerMark,
    Lock,
}

use FileKind::{
    Attachment, Dimension, Fields, Ledger as LedgerFile, LedgerMark, LedgerShm, LedgerWal, Lock,
    Raw, RawDimension, Store, Views, Visible,
};

const KINDS: [FileKind; 13] = [
    Raw,
    Fields,
    RawDimension,
    Attachment,
    Store,
    Visible,
    Dimension,
    Views,
    LedgerFile,
    LedgerWal,
    LedgerShm,
    LedgerMark,
    Lock,
];

/// A way of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    FlipBit,
    FlipMany,
    Truncate,
    Empty,
    ZeroPage,
    Remove,
    OlderGeneration,
    AnotherOfItsKind,
    Directory,
    Fifo,
    DanglingLink,
    Unreadable,
    GarbageAppended,
}

const WAYS: [Way; 13] = [
    Way::FlipBit,
    Way::FlipMany,
    Way::Truncate,
    Way::Empty,
    Way::ZeroPage,
    Way::Remove,
    Way::OlderGeneration,
    Way::AnotherOfItsKind,
    Way::Directory,
    Way::Fifo,
    Way::DanglingLink,
    Way::Unreadable,
    Way::GarbageAppended,
];

/// When the damage happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Stopped,
    Running,
    /// After a kill, so that the ledger has a log that is not folded in.
    Killed,
}

const MOMENTS: [Moment; 3] = [Moment::Stopped, Moment::Running, Moment::Killed];

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let at = n as usize;
    let (kind, way) = (KINDS[at % KINDS.len()], WAYS[(at / KINDS.len()) % WAYS.len()]);
    let moment = match MOMENTS[(at / KINDS.len() / WAYS.len() + at) % MOMENTS.len()] {
        // A clean stop folds the log into the ledger and removes it.
        Moment::Stopped if matches!(kind, LedgerWal | LedgerShm) => Moment::Killed,
        moment => moment,
    };
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut outcome = Outcome::new(format!("{kind:?} {way:?} {moment:?}"));
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    if moment != Moment::Stopped {
        trial.start(Start::Plain);
        trial.listens().await;
        edits::burst(&site, &mut chance, 3);
    }
    if moment == Moment::Killed {
        if let Err(text) = trial.settles().await {
            outcome.failure(format!("before the damage: {text}"));
        }
        trial.stop_hard().await;
    }
    trial.watch();
    let (kind, target) = choose(&trial.data(), at, &mut chance);
    outcome.title = format!("{kind:?} {way:?} {moment:?}");
    let before = content(&target);
    trial.damage(std::slice::from_ref(&target), || {
        inflict(&target, way, &base, &trial, &mut chance);
    });
    // The page must not count an attack that did not happen. A running program may have repaired it.
    if moment != Moment::Running && before == content(&target) {
        outcome.failure(format!("nothing was damaged: {}", target.display()));
    }
    outcome.count("damaged", 1);
    if moment != Moment::Running {
        trial.start(Start::Plain);
    }
    edits::burst(&site, &mut chance, 3);
    trial.listens().await;
    edits::burst(&site, &mut chance, 2);
    let is_ledger = matches!(kind, LedgerFile | LedgerWal | LedgerShm | LedgerMark);
    let ledger = if is_ledger { Ledger::Damaged } else { Ledger::Whole };
    conclude(&mut trial, ledger, &mut outcome).await;
    outcome
}

/// Returns a file that has content, of the wanted kind or of the next one that the folder has.
fn choose(data: &Path, wanted: usize, chance: &mut StdRng) -> (FileKind, PathBuf) {
    let kinds = KINDS.iter().cycle().skip(wanted % KINDS.len()).take(KINDS.len());
    let found = kinds.copied().find_map(|kind| Some((kind, one_of(data, kind, chance)?)));
    found.expect("a data folder has files")
}

/// Returns the bytes of a regular file; nothing for what is none.
fn content(path: &Path) -> Option<Vec<u8>> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    is_file.then(|| fs::read(path).unwrap_or_default())
}

/// Returns a file of a kind that has content; nothing if the folder has none.
fn one_of(data: &Path, kind: FileKind, chance: &mut StdRng) -> Option<PathBuf> {
    let all = files::below(data);
    let relative = |path: &Path| path.strip_prefix(data).unwrap().to_string_lossy().into_owned();
    let fits = |path: &&PathBuf| {
        let name = relative(path);
        let depth = name.matches('/').count();
        let is_parquet = name.ends_with(".parquet");
        match kind {
            Raw => name.starts_with("raw/issues/") && name.ends_with(".json"),
            Fields => name == "raw/fields.json",
            RawDimension => name.starts_with("raw/dimensions/") && name.ends_with(".json"),
            Attachment => name.starts_with("raw/attachments/"),
            Store => name.starts_with("store/") && is_parquet,
            Visible => name.starts_with("parquet/jira/") && is_parquet && depth == 3,
            Dimension => name.starts_with("parquet/jira/") && is_parquet && depth == 2,
            Views => name.ends_with("/views.sql"),
            LedgerFile => name == "ledger.db",
            LedgerWal => name == "ledger.db-wal",
            LedgerShm => name == "ledger.db-shm",
            LedgerMark => {
                name.starts_with("ledger") && !name.starts_with("ledger.db-") && name != "ledger.db"
            }
            Lock => name.ends_with(".lock"),
        }
    };
    let has_content = |path: &&PathBuf| fs::metadata(path).is_ok_and(|found| found.len() > 0);
    let fitting: Vec<&PathBuf> = all.iter().filter(fits).filter(has_content).collect();
    fitting.choose(chance).map(|path| (*path).clone())
}

fn inflict(target: &Path, way: Way, base: &Base, trial: &Trial, chance: &mut StdRng) {
    let file = File::options().read(true).write(true).open(target).unwrap();
    let length = file.metadata().unwrap().len();
    let flip = |chance: &mut StdRng| {
        let at = chance.random_range(0..length.max(1));
        let mut byte = [0];
        if file.read_at(&mut byte, at).unwrap() == 1 {
            byte[0] ^= 1 << chance.random_range(0..8);
            file.write_all_at(&byte, at).unwrap();
        }
    };
    match way {
        Way::FlipBit => flip(chance),
        Way::FlipMany => (0..64).for_each(|_| flip(chance)),
        Way::Truncate => file.set_len(chance.random_range(0..length.max(1))).unwrap(),
        Way::Empty => file.set_len(0).unwrap(),
        Way::ZeroPage => {
            let at = chance.random_range(0..length.max(1)) / 4096 * 4096;
            let mut bytes = vec![0; usize::try_from((length - at).min(4096)).unwrap()];
            file.read_exact_at(&mut bytes, at).unwrap_or_default();
            // The first page of a file of a kind is never of zeros only.
            let at = if bytes.iter().all(|byte| *byte == 0) { 0 } else { at };
            bytes.fill(0);
            file.write_all_at(&bytes, at).unwrap();
        }
        Way::Remove => fs::remove_file(target).unwrap(),
        Way::OlderGeneration => {
            let older = base.older().join(target.strip_prefix(trial.data()).unwrap());
            let is_other = older.is_file() && content(&older) != content(target);
            let other = if is_other { Some(older) } else { sibling(target, chance) };
            replace(target, other);
        }
        Way::AnotherOfItsKind => replace(target, sibling(target, chance)),
        Way::Directory => {
            fs::remove_file(target).unwrap();
            fs::create_dir(target).unwrap();
        }
        Way::Fifo => {
            fs::remove_file(target).unwrap();
            assert!(Command::new("mkfifo").arg(target).status().unwrap().success());
        }
        Way::DanglingLink => {
            fs::remove_file(target).unwrap();
            symlink("/nowhere/at/all", target).unwrap();
        }
        Way::Unreadable => {
            fs::set_permissions(target, fs::Permissions::from_mode(0o000)).unwrap();
            // A superuser reads it all the same: then its bytes are those of nothing.
            if File::open(target).is_ok() {
                let garbage: Vec<u8> = (0..length).map(|_| chance.random()).collect();
                file.write_all_at(&garbage, 0).unwrap();
            }
        }
        Way::GarbageAppended => {
            let garbage: Vec<u8> = (0..500).map(|_| chance.random()).collect();
            file.write_all_at(&garbage, length).unwrap();
        }
    }
}

/// Returns another file beside a file.
fn sibling(target: &Path, chance: &mut StdRng) -> Option<PathBuf> {
    let beside: Vec<PathBuf> = fs::read_dir(target.parent()?)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path != target && path.is_file())
        .collect();
    beside.choose(chance).cloned()
}

/// Puts the content of another file in a file's place, under a new inode.
fn replace(target: &Path, other: Option<PathBuf>) {
    let bytes = other.map(|other| fs::read(other).unwrap()).unwrap_or_default();
    fs::remove_file(target).unwrap();
    files::put(target, &bytes);
}
