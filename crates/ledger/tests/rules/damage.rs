//! Damage to the ledger's files is found by the next start, and nothing is acknowledged into a file
//! that is not there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jira::time::Clock;
use ledger::{Commit, CommitId, DamageKind, DeliveryFilter, Error, Ledger, NewDelivery};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use tempfile::TempDir;

use crate::bench::{id, instant};

const FILES: [&str; 4] = ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.mark"];

fn clock() -> Clock {
    static NOW: AtomicI64 = AtomicI64::new(1_000);
    Clock::new(|| instant(NOW.fetch_add(1, Ordering::SeqCst)))
}

async fn open(folder: &Path) -> Ledger {
    Ledger::open_owned(&folder.join("ledger.db"), clock()).await.unwrap()
}

async fn record(ledger: &Ledger, issue: i64) -> Result<i64, Error> {
    let delivery = NewDelivery {
        received_at: clock().now(),
        identifier: None,
        event: Some("jira:issue_updated".into()),
        retry: None,
        flow: None,
        subjects: vec![id(issue)],
        deleted: false,
        body: bytes::Bytes::from_static(b"{}"),
    };
    ledger.record(delivery).await.map(|recorded| recorded.seq)
}

async fn commit(ledger: &Ledger) -> Result<(), Error> {
    let id = ledger.next_commit().await?;
    ledger.commit(empty(id)).await
}

fn empty(id: CommitId) -> Commit {
    let (files, dropped, remade, issues) = (vec![], vec![], vec![], vec![]);
    Commit { id, files, dropped, remade, issues, finished: vec![], lost: vec![] }
}

async fn listed(ledger: &Ledger) -> BTreeSet<i64> {
    let page = ledger.deliveries(DeliveryFilter::default()).await;
    page.unwrap_or_default().into_iter().map(|delivery| delivery.seq).collect()
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        match std::fs::copy(from.join(name), to.join(name)) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
}

fn cut(path: &Path, share: f64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    #[expect(clippy::cast_possible_truncation, reason = "a share of a length")]
    file.set_len((length as f64 * share) as u64).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own damage need not be durable")]
fn flip(path: &Path, places: &[f64]) {
    let mut bytes = std::fs::read(path).unwrap();
    for place in places {
        #[expect(clippy::cast_possible_truncation, reason = "a share of a length")]
        let place = (bytes.len() as f64 * place) as usize;
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 0x55;
        }
    }
    std::fs::write(path, bytes).unwrap();
}

#[derive(Debug, Clone)]
enum Damage {
    None,
    Delete,
    Empty,
    NoDatabase,
    Cut(f64),
    Flip(Vec<f64>),
    Older,
    OlderDatabaseOnly,
    NoLog,
    CutLog(f64),
    FlipLog(Vec<f64>),
    OlderLog,
    NoMark,
    OlderMark,
    ForeignMark,
    FlipMark(f64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let share = || 0.0..1.0_f64;
    let places = || proptest::collection::vec(0.0..1.0_f64, 1..40);
    prop_oneof![
        1 => Just(Damage::None),
        1 => Just(Damage::Delete),
        1 => Just(Damage::Empty),
        1 => Just(Damage::NoDatabase),
        4 => share().prop_map(Damage::Cut),
        4 => places().prop_map(Damage::Flip),
        2 => Just(Damage::Older),
        2 => Just(Damage::OlderDatabaseOnly),
        2 => Just(Damage::NoLog),
        4 => share().prop_map(Damage::CutLog),
        4 => places().prop_map(Damage::FlipLog),
        2 => Just(Damage::OlderLog),
        1 => Just(Damage::NoMark),
        1 => Just(Damage::OlderMark),
        1 => Just(Damage::ForeignMark),
        1 => share().prop_map(Damage::FlipMark),
    ]
}

/// Two folders: as a stop left the ledger, and as it was some deliveries earlier.
struct Life {
    now: TempDir,
    earlier: TempDir,
    acknowledged: BTreeSet<i64>,
}

/// Lives of a ledger: some deliveries, a copy, more deliveries, and the end.
async fn live(before: u8, after: u8, is_clean: bool) -> Life {
    let [running, now, earlier] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut acknowledged = BTreeSet::new();
    let first = open(running.path()).await;
    for n in 0..before {
        acknowledged.insert(record(&first, i64::from(n) + 1).await.unwrap());
    }
    commit(&first).await.unwrap();
    first.close().await;
    drop(first);
    copy(running.path(), earlier.path(), &FILES);
    let second = open(running.path()).await;
    assert_eq!(second.damage().await.unwrap(), None);
    for n in 0..after {
        acknowledged.insert(record(&second, i64::from(n) + 1).await.unwrap());
        if n % 3 == 0 {
            commit(&second).await.unwrap();
        }
    }
    if is_clean {
        second.close().await;
    }
    copy(running.path(), now.path(), &FILES);
    Life { now, earlier, acknowledged }
}

#[expect(clippy::disallowed_methods, reason = "a test's own damage need not be durable")]
fn inflict(life: &Life, damage: &Damage) {
    let (now, earlier) = (life.now.path(), life.earlier.path());
    let path = |name: &str| -> PathBuf { now.join(name) };
    let (database, log, mark) = (path("ledger.db"), path("ledger.db-wal"), path("ledger.mark"));
    let has_log = log.exists();
    match damage {
        Damage::None => {}
        Damage::Delete => FILES[..3].iter().for_each(|name| drop(std::fs::remove_file(path(name)))),
        Damage::Empty => cut(&database, 0.0),
        Damage::NoDatabase => std::fs::write(&database, "not a database ".repeat(400)).unwrap(),
        Damage::Cut(share) => cut(&database, *share),
        Damage::Flip(places) => flip(&database, places),
        Damage::Older => {
            drop(std::fs::remove_file(&log));
            copy(earlier, now, &FILES[..3]);
        }
        Damage::OlderDatabaseOnly => copy(earlier, now, &FILES[..1]),
        Damage::NoLog => drop(std::fs::remove_file(&log)),
        Damage::CutLog(share) if has_log => cut(&log, *share),
        Damage::FlipLog(places) if has_log => flip(&log, places),
        Damage::OlderLog => copy(earlier, now, &FILES[1..2]),
        Damage::CutLog(_) | Damage::FlipLog(_) => {}
        Damage::NoMark => std::fs::remove_file(&mark).unwrap(),
        Damage::OlderMark => copy(earlier, now, &FILES[3..]),
        Damage::ForeignMark => {
            let text = "jiralake-ledger-mark-1 0123456789abcdef0123456789abcdef 7 3 9 running - -";
            let sum = crc32fast::hash(text.as_bytes());
            std::fs::write(&mark, format!("{text} {sum:08x}\n")).unwrap();
        }
        Damage::FlipMark(place) => flip(&mark, &[*place]),
    }
}

/// Each case ends found or harmless.
async fn case(before: u8, after: u8, is_clean: bool, damage: Damage) {
    let life = live(before, after, is_clean).await;
    inflict(&life, &damage);
    let ledger = open(life.now.path()).await;
    let found = ledger.damage().await.unwrap();
    let there = listed(&ledger).await;
    let missing: Vec<_> = life.acknowledged.difference(&there).collect();
    assert!(missing.is_empty() || found.is_some(), "{missing:?} are missing and nobody says so");
    if matches!(damage, Damage::None | Damage::OlderMark) {
        assert_eq!((found.clone(), missing.len()), (None, 0), "a false alarm");
    }
    // What is there and pending will be looked at.
    let counts = ledger.counts().await.unwrap();
    assert!(found.is_some() || counts.add_up(), "{counts:?}");
    let mark_is_known =
        !matches!(damage, Damage::NoMark | Damage::ForeignMark | Damage::FlipMark(_));
    let next = record(&ledger, 77).await.unwrap();
    if mark_is_known {
        let last = life.acknowledged.last().copied().unwrap_or(0);
        assert!(next > last, "the number {next} is given again, {last} was given");
    }
    // It stays until it is reconciled, also over a death, and no start makes more of it.
    let folder = tempfile::tempdir().unwrap();
    copy(life.now.path(), folder.path(), &FILES);
    let again = open(folder.path()).await;
    assert_eq!(again.damage().await.unwrap(), found);
    assert!(listed(&again).await.contains(&next));
    if let Some(damage) = found {
        again.damage_reconciled(&damage).await.unwrap();
        assert!(again.damage().await.unwrap().unwrap().reconciled_at.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_is_found_or_harmless(
        before in 1..6_u8, after in 0..12_u8, is_clean in any::<bool>(), damage in damage()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(case(before, after, is_clean, damage));
    }
}

#[tokio::test]
async fn each_kind_is_named_and_a_ledger_that_cannot_be_read_is_kept_beside() {
    for (damage, kind, is_kept) in [
        (Damage::Delete, DamageKind::Missing, false),
        (Damage::Empty, DamageKind::Empty, true),
        (Damage::NoDatabase, DamageKind::Malformed, true),
        (Damage::Cut(0.5), DamageKind::Malformed, true),
        (Damage::Older, DamageKind::Behind, false),
        (Damage::NoMark, DamageKind::Unmarked, false),
        (Damage::FlipMark(0.1), DamageKind::Unmarked, false),
        (Damage::ForeignMark, DamageKind::Foreign, false),
    ] {
        let life = live(3, 4, true).await;
        inflict(&life, &damage);
        let ledger = open(life.now.path()).await;
        let found = ledger.damage().await.unwrap().unwrap();
        assert_eq!(found.kind, kind, "{damage:?}");
        assert_eq!(found.moved_to.is_some(), is_kept, "{damage:?}");
        if let Some(name) = &found.moved_to {
            assert!(life.now.path().join(name).exists(), "{name}");
        }
        if kind == DamageKind::Behind {
            assert_eq!((found.seq_missing_from, found.seq_missing_to), (Some(4), Some(7)));
        }
        if kind == DamageKind::Missing {
            assert_eq!((found.seq_missing_from, found.seq_missing_to), (Some(1), Some(7)));
            let commit = ledger.next_commit().await.unwrap().get();
            assert!(commit > 1_000_000, "{commit} may name a file of the lake already");
        }
    }
}

#[tokio::test]
async fn at_most_five_damaged_ledgers_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..8 {
        let ledger = open(folder.path()).await;
        record(&ledger, 1).await.unwrap();
        ledger.close().await;
        drop(ledger);
        flip(&folder.path().join("ledger.db"), &[0.0, 0.000_1]);
    }
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains(".damaged-")).count(), 5);
}

#[tokio::test]
async fn a_ledger_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let path = folder.path().join("ledger.db");
    let second = Ledger::open_owned(&path, clock()).await;
    assert!(matches!(second, Err(Error::Locked(_))), "{second:?}");
    let beside = Ledger::open(&path, clock()).await.unwrap();
    beside.close().await;
    record(&ledger, 1).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_never_a_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let text = "somebody's notes ".repeat(400);
    #[expect(clippy::disallowed_methods, reason = "a test's own file need not be durable")]
    std::fs::write(&path, &text).unwrap();
    let refused = Ledger::open_owned(&path, clock()).await;
    assert!(matches!(refused, Err(Error::Unreadable { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_ledger_that_never_had_an_owner_gets_one_without_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let plain = Ledger::open(&path, clock()).await.unwrap();
    record(&plain, 1).await.unwrap();
    plain.close().await;
    let owned = open(folder.path()).await;
    assert_eq!(owned.damage().await.unwrap(), None);
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_removed_or_replaced() {
    for (name, is_replaced) in [
        ("ledger.db", false),
        ("ledger.db", true),
        ("ledger.db-wal", false),
        ("ledger.db-wal", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(open(folder.path()).await);
        record(&ledger, 1).await.unwrap();
        let path = folder.path().join(name);
        if is_replaced {
            std::fs::copy(&path, folder.path().join("copy")).unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        if is_replaced {
            std::fs::copy(folder.path().join("copy"), &path).unwrap();
        }
        let refused = record(&ledger, 2).await;
        assert!(matches!(refused, Err(Error::Replaced)), "{name}: {refused:?}");
        assert!(matches!(ledger.failed(), Some(Error::Replaced)), "{name}");
        let refused = record(&ledger, 3).await;
        assert!(refused.is_err(), "{name}: for ever, until a new start");
    }
}

/// The schema is text to SQLite, whose own check finds nothing wrong with it.
#[tokio::test]
async fn a_flipped_byte_in_the_schema_is_found_and_deliveries_are_recorded() {
    for (text, flipped) in [
        ("deleted     INTEGER", "deleved     INTEGER"),
        ("priority        INTEGER", "prioriuy        INTEGER"),
        ("CHECK (outcome IN ('noted', 'pending'", "CHECK (outcome IN ('noted', 'pendinh'"),
        ("CHECK (state IN ('due'", "CHECK (state IN ('duf'"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        record(&ledger, 1).await.unwrap();
        ledger.close().await;
        let path = folder.path().join("ledger.db");
        let mut bytes = std::fs::read(&path).unwrap();
        // A page may hold a former copy of the text beside the one that counts.
        let places = bytes.windows(text.len()).enumerate();
        let places = places.filter(|(_, part)| *part == text.as_bytes()).map(|(at, _)| at);
        for at in places.collect::<Vec<_>>() {
            bytes[at..at + text.len()].copy_from_slice(flipped.as_bytes());
        }
        #[expect(clippy::disallowed_methods, reason = "a test's own damage need not be durable")]
        std::fs::write(&path, &bytes).unwrap();
        let ledger = open(folder.path()).await;
        assert!(ledger.damage().await.unwrap().is_some(), "{flipped}");
        record(&ledger, 2).await.unwrap();
    }
}

#[tokio::test]
async fn a_commit_into_a_file_that_was_removed_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    let id = ledger.next_commit().await.unwrap();
    std::fs::remove_file(folder.path().join("ledger.db")).unwrap();
    let refused = ledger.commit(empty(id)).await;
    assert!(matches!(refused, Err(Error::Replaced)), "{refused:?}");
}

/// Whatever has the name of one of the ledger's files, a start ends in time, and what it loses it
/// reports.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_in_the_place_of_a_file_does_not_keep_the_ledger_from_opening() {
    for name in FILES {
        for kind in ["fifo", "folder", "full folder", "link"] {
            let dir = tempfile::tempdir().unwrap();
            let ledger = open(dir.path()).await;
            record(&ledger, 1).await.unwrap();
            ledger.close().await;
            let path = dir.path().join(name);
            drop(std::fs::remove_file(&path));
            match kind {
                "fifo" => {
                    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
                    assert!(made.success());
                }
                "folder" => std::fs::create_dir(&path).unwrap(),
                "full folder" => std::fs::create_dir_all(path.join("not ours")).unwrap(),
                _ => std::os::unix::fs::symlink("/nowhere/at/all", &path).unwrap(),
            }
            let database = dir.path().join("ledger.db");
            let opened = Ledger::open_owned(&database, clock());
            let opened = tokio::time::timeout(std::time::Duration::from_secs(20), opened).await;
            let ledger = opened.unwrap().unwrap_or_else(|error| panic!("{name} {kind}: {error}"));
            let is_lost = name == "ledger.db";
            assert_eq!(listed(&ledger).await.is_empty(), is_lost, "{name} {kind}");
            let must_report = ["ledger.db", "ledger.mark"].contains(&name);
            assert!(ledger.damage().await.unwrap().is_some() || !must_report, "{name} {kind}");
            record(&ledger, 2).await.unwrap();
            ledger.close().await;
        }
    }
}
