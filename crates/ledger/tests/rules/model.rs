//! Random lives of a ledger against a model that fits on a screen (G2, G4).
//!
//! After every step the outcome of every delivery and all counts are as the model says. At the end
//! everything is worked off, and every subject was looked at after its last hint, unless it is parked
//! or a person dropped it.

mod life;

use std::collections::{BTreeMap, BTreeSet};

use jira::id::Subject;
use ledger::{Counts, Work};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

use self::life::Life;
use crate::bench::{Bench, id, key};

/// Issues in play, each with an id and a key.
const ISSUES: u8 = 3;

/// Work that ended the process twice waits so long after a hint.
const HOUR: i64 = 3_600_000;

#[derive(Debug, Clone)]
enum Step {
    Record { identifier: Option<u8>, subjects: Vec<u8> },
    Hint(u8),
    Pass(i64),
    Lease(u32),
    LeaseSuspects,
    Finish { which: usize, again: bool },
    Retry(usize),
    Defer(usize),
    Absent(usize),
    Park(usize),
    Unpark(u8),
    Drop(u8),
    Replay(usize),
    Prune,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let subject = || 0..2 * ISSUES;
    let which = any::<usize>;
    let subjects = prop::collection::vec(subject(), 0..3);
    prop_oneof![
        6 => (prop::option::of(0..8_u8), subjects)
            .prop_map(|(identifier, subjects)| Step::Record { identifier, subjects }),
        2 => subject().prop_map(Step::Hint),
        2 => (0..9_000_i64).prop_map(Step::Pass),
        6 => (1..4_u32).prop_map(Step::Lease),
        2 => Just(Step::LeaseSuspects),
        6 => (which(), any::<bool>()).prop_map(|(which, again)| Step::Finish { which, again }),
        1 => which().prop_map(Step::Retry),
        1 => which().prop_map(Step::Defer),
        1 => which().prop_map(Step::Absent),
        3 => which().prop_map(Step::Park),
        1 => subject().prop_map(Step::Unpark),
        1 => subject().prop_map(Step::Drop),
        1 => which().prop_map(Step::Replay),
        1 => Just(Step::Prune),
        1 => Just(Step::Crash),
    ]
}

/// Ids first, then the keys of the same issues.
fn subject(n: u8) -> Subject {
    if n < ISSUES { id(i64::from(n) + 1) } else { key(&format!("K-{}", n - ISSUES + 1)) }
}

/// The issue that a subject means, whether or not the ledger knows.
fn truth(subject: &Subject) -> i64 {
    match subject {
        Subject::Id(id) => id.get(),
        Subject::Key(key) => i64::try_from(key.number()).unwrap(),
    }
}

struct Row {
    newest: i64,
    parked: bool,
    /// Version and end of the lease.
    lease: Option<(i64, i64)>,
    /// Deaths of the process while it was in flight.
    deaths: u32,
    /// Whether it is leased as a suspect, alone.
    alone: bool,
    parked_at: i64,
    /// Not to be leased earlier.
    due: i64,
}

struct Mark {
    subject: Subject,
    number: i64,
    outcome: &'static str,
}

#[derive(Default)]
struct Model {
    now: i64,
    number: i64,
    rows: BTreeMap<Subject, Row>,
    deliveries: BTreeMap<i64, Vec<Mark>>,
    identifiers: BTreeMap<u8, i64>,
    known: BTreeSet<i64>,
    /// Sums that outlive their rows.
    received: u64,
    repeats: u64,
    pruned: Vec<&'static str>,
}

impl Model {
    fn known(&self, subject: &Subject) -> Subject {
        let issue = truth(subject);
        if self.known.contains(&issue) { id(issue) } else { subject.clone() }
    }

    fn marks(&mut self, subject: &Subject) -> impl Iterator<Item = &mut Mark> {
        self.deliveries.values_mut().flatten().filter(move |mark| mark.subject == *subject)
    }

    fn change(&mut self, subject: &Subject, from: &[&str], to: &'static str) {
        for mark in self.marks(subject).filter(|mark| from.contains(&mark.outcome)) {
            mark.outcome = to;
        }
    }

    fn raise(&mut self, subject: &Subject) -> i64 {
        self.number += 1;
        self.change(subject, &["parked"], "pending");
        let (number, now) = (self.number, self.now);
        let new = Row {
            newest: 0,
            parked: false,
            lease: None,
            deaths: 0,
            alone: false,
            parked_at: 0,
            due: now,
        };
        let row = self.rows.entry(subject.clone()).or_insert(new);
        row.newest = number;
        if row.parked {
            row.due = if row.deaths > 1 { row.parked_at + HOUR } else { now };
        }
        row.parked = false;
        self.number
    }

    fn record(&mut self, seq: i64, identifier: Option<u8>, subjects: &[Subject]) {
        self.received += 1;
        self.identifiers.extend(identifier.map(|identifier| (identifier, seq)));
        let subjects: Vec<_> = subjects.iter().map(|subject| self.known(subject)).collect();
        let mut marks: Vec<Mark> = vec![];
        for subject in subjects {
            if marks.iter().all(|mark| mark.subject != subject) {
                let number = self.raise(&subject);
                marks.push(Mark { subject, number, outcome: "pending" });
            }
        }
        assert!(self.deliveries.insert(seq, marks).is_none(), "a number twice");
    }

    fn free(&self) -> usize {
        self.rows.values().filter(|row| row.deaths == 0 && self.is_free(row)).count()
    }

    fn is_free(&self, row: &Row) -> bool {
        !row.parked && row.due <= self.now && row.lease.is_none_or(|(_, until)| until <= self.now)
    }

    /// Deaths of the suspect that is to be leased next.
    fn next_suspect(&self) -> Option<u32> {
        let free = self.rows.values().filter(|row| row.deaths > 0 && self.is_free(row));
        free.map(|row| row.deaths).min()
    }

    /// The process dies and another one starts.
    fn crash(&mut self) {
        let mut parked = Vec::new();
        for (subject, row) in &mut self.rows {
            if row.lease.take().is_some() {
                row.deaths += 1;
                if row.alone {
                    (row.parked, row.parked_at) = (true, self.now);
                    parked.push(subject.clone());
                }
            }
            row.alone = false;
        }
        for subject in parked {
            self.change(&subject, &["pending"], "parked");
        }
    }

    fn leased(&mut self, work: &Work, until: i64) {
        let row = self.rows.get_mut(&work.subject).expect("work out of nothing");
        assert!(!row.parked, "parked work was leased");
        if let Some((_, lapse)) = row.lease {
            assert!(lapse <= self.now, "two live leases on {}", work.subject);
            self.number += 1;
            row.newest = self.number;
        }
        assert_eq!(work.version, row.newest);
        row.lease = Some((work.version, until));
        row.alone = row.deaths > 0;
    }

    /// Gives the row if the work's lease is the one in force, and ends it.
    fn end(&mut self, work: &Work) -> Option<&mut Row> {
        let row = self.rows.get_mut(&work.subject)?;
        let mine = row.lease.is_some_and(|(version, _)| version == work.version);
        row.lease.take_if(|_| mine);
        if mine {
            (row.alone, row.due) = (false, self.now);
        }
        mine.then_some(row)
    }

    fn finish(&mut self, work: &Work, again: bool) {
        let open = |mark: &&mut Mark| {
            mark.number <= work.version && ["pending", "parked"].contains(&mark.outcome)
        };
        let newest = self.marks(&work.subject).filter(open).map(|mark| mark.number).max();
        for mark in self.marks(&work.subject).filter(open) {
            mark.outcome = if Some(mark.number) == newest { "applied" } else { "superseded" };
        }
        if let Some(row) = self.end(work) {
            row.deaths = 0;
        }
        let row = self.rows.get(&work.subject);
        if !again && row.is_some_and(|row| row.newest == work.version) {
            self.rows.remove(&work.subject);
        }
        self.known.insert(truth(&work.subject));
    }

    fn park(&mut self, work: &Work) {
        let now = self.now;
        let Some(row) = self.end(work) else { return };
        (row.deaths, row.parked_at) = (0, now);
        if row.newest == work.version {
            row.parked = true;
            self.change(&work.subject, &["pending"], "parked");
        }
    }

    /// Whether the caller still has the work.
    fn resolve(&mut self, work: &Work) -> bool {
        let target = id(truth(&work.subject));
        let Some(row) = self.rows.get(&work.subject) else { return false };
        if row.lease.is_none_or(|(version, _)| version != work.version) {
            return false;
        }
        let mut row = self.rows.remove(&work.subject).unwrap();
        let other = self.rows.get(&target).map(|other| other.lease);
        let deaths = self.rows.get(&target).map_or(0, |other| other.deaths);
        let mine = match other {
            Some(Some((_, until))) if until > self.now => {
                self.raise(&target);
                false
            }
            Some(_) => {
                self.change(&target, &["parked"], "pending");
                self.number += 1;
                row.newest = self.number;
                row.deaths = row.deaths.max(deaths);
                self.rows.insert(target.clone(), row);
                true
            }
            None => {
                self.rows.insert(target.clone(), row);
                true
            }
        };
        for marks in self.deliveries.values_mut() {
            let open = |mark: &Mark| mark.subject == work.subject && mark.outcome == "pending";
            let loser = if marks.iter().any(open) { &target } else { &work.subject };
            if marks.iter().filter(|mark| [&target, &work.subject].contains(&&mark.subject)).count()
                > 1
            {
                marks.retain(|mark| mark.subject != *loser);
            }
        }
        for mark in self.marks(&work.subject) {
            mark.subject = target.clone();
        }
        mine
    }

    fn outcome(marks: &[Mark]) -> &'static str {
        let any = |outcome| marks.iter().any(|mark| mark.outcome == outcome);
        match marks {
            [] => "noted",
            _ if any("pending") => "pending",
            _ if any("parked") || any("dropped") => "parked",
            _ if any("applied") => "applied",
            _ => "superseded",
        }
    }

    fn prune(&mut self) -> u64 {
        let before = self.pruned.len();
        self.deliveries.retain(|_, marks| {
            let outcome = Self::outcome(marks);
            let stays = outcome == "pending" || marks.iter().any(|mark| mark.outcome == "parked");
            if !stays {
                self.pruned.push(outcome);
            }
            stays
        });
        self.identifiers.retain(|_, seq| self.deliveries.contains_key(seq));
        (self.pruned.len() - before) as u64
    }

    fn counts(&self) -> Counts {
        let outcomes: Vec<_> = self
            .deliveries
            .values()
            .map(|marks| Self::outcome(marks))
            .chain(self.pruned.clone())
            .collect();
        let count = |name| outcomes.iter().filter(|outcome| **outcome == name).count() as u64;
        let rows = |is: fn(&&Row) -> bool| self.rows.values().filter(is).count() as u64;
        Counts {
            received: self.received,
            repeats: self.repeats,
            applied: count("applied"),
            superseded: count("superseded"),
            parked: count("parked"),
            pending: count("pending"),
            noted: count("noted"),
            work_waiting: rows(|row| !row.parked && row.lease.is_none()),
            work_leased: rows(|row| row.lease.is_some()),
            work_parked: rows(|row| row.parked),
            oldest_due: None,
            issues: self.known.len() as u64,
            issues_deleted: 0,
            issues_lost: 0,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_life_every_delivery_is_accounted_for_and_no_hint_is_lost(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let model = Model { now: 1_000, ..Model::default() };
            let bench = Bench::new().await;
            let (hinted, looked) = (BTreeMap::new(), BTreeMap::new());
            let mut life = Life { bench, model, held: vec![], clock: 0, hinted, looked };
            for step in steps {
                life.step(step).await;
                life.compare().await;
            }
            life.settle().await;
        });
    }
}
