//! What a harvest holds to the files of all months, on all cores. Whoever is free writes a file of a
//! table that is in memory, or takes the next table out, so that no core waits for the end of a
//! month.
//!
//! Promises: as many tables are in memory together as the bound of the pile allows, or one; the
//! files of a month are handed over together; the first failure ends all of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use jira::id::IssueId;
use jira::time::Month;
use transform::Table;

use crate::cores;
use crate::error::Error;
use crate::harvest::Harvest;
use crate::mapping::Tables;
use crate::rebuild::{Phase, Progress, Rebuilt};
use crate::scan::Entry;
use crate::settle::{Part, Unsettled};
use crate::splice::Sorted;
use crate::tree::Inner;

/// Months that are written side by side at most.
const MONTHS_BEGUN: usize = 4;

/// See the module.
pub(crate) struct Writing<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) harvest: &'a Harvest,
    pub(crate) entries: &'a BTreeMap<Month, Vec<Entry>>,
    pub(crate) progress: &'a (dyn Fn(Progress) + Sync),
    /// Where the files of each month go.
    pub(crate) to: SyncSender<Vec<Unsettled>>,
}

/// How far it is.
#[derive(Default)]
struct State {
    /// Months that nobody began, with the issues whose rows are carried over.
    months: VecDeque<(Month, BTreeSet<IssueId>)>,
    /// Tables that are not in memory yet.
    tables: VecDeque<Waiting>,
    /// Files to be written of tables that are in memory.
    parts: Vec<(Arc<Held>, Part)>,
    /// Months that were begun, with how many of their tables are not written.
    begun: BTreeMap<Month, (usize, Vec<Unsettled>)>,
    /// Bytes of the tables in memory.
    bytes: usize,
    /// Whether a month is being begun.
    beginning: bool,
    /// Months that were begun and are not handed over yet.
    unsettled: usize,
    /// Threads that are doing something, of which more to do may come.
    running: usize,
    /// Issues of the months that are written.
    done: u64,
    rebuilt: Rebuilt,
    end: Option<End>,
}

/// Why it ends early.
enum End {
    Failed(Error),
    /// Nobody takes the files any more, or somebody panicked: who waits for them will tell.
    Broken,
}

/// A table of a month that is not in memory.
struct Waiting {
    table: Table,
    of: Held,
    /// Rows beside those that the harvest has.
    more: Sorted,
}

/// A table of a month in memory.
struct Held {
    month: Month,
    bytes: usize,
}

/// What can be done next.
enum Step {
    Begin(Month, BTreeSet<IssueId>),
    Take(Waiting),
    Write(Arc<Held>, Part),
}

/// What came of it.
enum Done {
    Begun(Month, Tables, Rebuilt),
    Taken(Held, Vec<Part>),
    Written(Arc<Held>, Unsettled),
}

impl Writing<'_> {
    /// Writes the tables of these months, and tells what it did in `rebuilt`.
    pub(crate) fn run(
        self,
        months: impl Iterator<Item = (Month, BTreeSet<IssueId>)>,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), Error> {
        let months = months.collect();
        let state = State { months, rebuilt: std::mem::take(rebuilt), ..State::default() };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let threads = cores::count();
        cores::map(vec![(); threads], threads, |()| self.work(&state, &changed));
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        *rebuilt = state.rebuilt;
        rebuilt.unreadable.sort();
        match state.end {
            Some(End::Failed(error)) => Err(error),
            Some(End::Broken) | None => Ok(()),
        }
    }

    /// What each thread does, until there is nothing more to do.
    fn work(&self, state: &Mutex<State>, changed: &Condvar) {
        let _leaving = Leaving { state, changed };
        let mut now = lock(state);
        while now.end.is_none() {
            let Some(step) = now.next(self.harvest.bound()) else {
                if now.running == 0 {
                    break;
                }
                now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            now.running += 1;
            drop(now);
            let done = self.perform(step);
            now = lock(state);
            let whole = match done {
                Ok(done) => now.note(done, self.harvest),
                Err(error) => {
                    now.end.get_or_insert(End::Failed(error));
                    None
                }
            };
            if let Some((month, files)) = whole {
                now.done += self.entries.get(&month).map_or(0, |entries| entries.len() as u64);
                let total = self.entries.values().map(|entries| entries.len() as u64).sum();
                (self.progress)(Progress { phase: Phase::Write, done: now.done, total });
                changed.notify_all();
                drop(now);
                // This waits for the disk when it has too much to do.
                let sent = self.to.send(files);
                now = lock(state);
                now.unsettled -= 1;
                if sent.is_err() {
                    now.end.get_or_insert(End::Broken);
                }
            }
            now.running -= 1;
            changed.notify_all();
        }
    }

    fn perform(&self, step: Step) -> Result<Done, Error> {
        match step {
            Step::Begin(month, lost) => {
                let entries = self.entries.get(&month).map(Vec::as_slice).unwrap_or_default();
                let inner = self.inner;
                let around = (&inner.raw, &inner.mapping, inner.clock.now());
                let mut rows = self.harvest.again(entries, around)?;
                rows.lost.extend(lost);
                let mut rebuilt = Rebuilt::default();
                rebuilt.add(&rows);
                inner.carry_over(&month, &mut rows, &mut rebuilt);
                Ok(Done::Begun(month, rows.tables, rebuilt))
            }
            Step::Take(Waiting { table, of, more: mut rows }) => {
                rows.add(self.harvest.take(&of.month, table)?);
                Ok(Done::Taken(of, self.inner.divided(table, &rows)))
            }
            Step::Write(of, part) => {
                let file = self.inner.write(&of.month, part)?;
                Ok(Done::Written(of, file))
            }
        }
    }
}

/// A panic elsewhere ends the rebuild; what is here is whole all the same.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of a thread that panics nobody shall wait for what it would have done.
struct Leaving<'s> {
    state: &'s Mutex<State>,
    changed: &'s Condvar,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(self.state).end.get_or_insert(End::Broken);
            self.changed.notify_all();
        }
    }
}

impl State {
    /// What can be done now, if anything can.
    fn next(&mut self, bound: usize) -> Option<Step> {
        if let Some((of, part)) = self.parts.pop() {
            return Some(Step::Write(of, part));
        }
        if let Some(waiting) = self.tables.front() {
            let bytes = self.bytes.saturating_add(waiting.of.bytes);
            if self.bytes > 0 && bytes > bound {
                return None;
            }
            self.bytes = bytes;
            return self.tables.pop_front().map(Step::Take);
        }
        // Beginning a month may read its present tables, and its files stay open until it is handed
        // over: one at a time, and not too many.
        if self.beginning || self.unsettled >= MONTHS_BEGUN {
            return None;
        }
        let (month, lost) = self.months.pop_front()?;
        (self.beginning, self.unsettled) = (true, self.unsettled + 1);
        Some(Step::Begin(month, lost))
    }

    /// Notes what was done; answers a month that is written, with its files.
    fn note(&mut self, done: Done, harvest: &Harvest) -> Option<(Month, Vec<Unsettled>)> {
        match done {
            Done::Begun(month, mut more, rebuilt) => {
                self.beginning = false;
                self.rebuilt.absorb(rebuilt);
                let waiting = |table: &Table| Waiting {
                    table: *table,
                    of: Held { month: month.clone(), bytes: harvest.bytes(&month, *table) },
                    more: more.remove(table).unwrap_or_default(),
                };
                let mut tables = Table::ALL.iter().map(waiting).collect::<Vec<_>>();
                // The largest first, so that at the end nobody waits for one that has just begun.
                tables.sort_by_key(|waiting| std::cmp::Reverse(waiting.of.bytes));
                self.begun.insert(month.clone(), (tables.len(), Vec::new()));
                self.tables.extend(tables);
                None
            }
            Done::Taken(of, parts) => {
                let of = Arc::new(of);
                self.parts.extend(parts.into_iter().map(|part| (Arc::clone(&of), part)));
                self.let_go(of)
            }
            Done::Written(of, file) => {
                self.rebuilt.files += 1;
                *self.rebuilt.rows.entry(file.table).or_default() += file.rows;
                if let Some((_, files)) = self.begun.get_mut(&of.month) {
                    files.push(file);
                }
                self.let_go(of)
            }
        }
    }

    /// A table of which all files are written, if these were the last, is not in memory any more.
    fn let_go(&mut self, of: Arc<Held>) -> Option<(Month, Vec<Unsettled>)> {
        let Held { month, bytes } = Arc::into_inner(of)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        let (left, _) = self.begun.get_mut(&month)?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let (_, files) = self.begun.remove(&month)?;
        self.rebuilt.months += u64::from(!files.is_empty());
        Some((month, files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month() -> Month {
        "2026-01".parse().unwrap()
    }

    #[test]
    fn tables_are_taken_out_as_the_bound_allows_or_one() {
        let held = |bytes| Held { month: month(), bytes };
        let waiting =
            |bytes| Waiting { table: Table::Issues, of: held(bytes), more: Sorted::default() };
        let mut state = State { tables: [40, 70, 30, 500].map(waiting).into(), ..State::default() };
        state.begun.insert(month(), (4, Vec::new()));
        let taken = |state: &mut State| match state.next(100) {
            Some(Step::Take(waiting)) => Some(waiting.of.bytes),
            _ => None,
        };
        assert_eq!([taken(&mut state), taken(&mut state)], [Some(40), None]);
        assert!(state.let_go(Arc::new(held(40))).is_none());
        assert_eq!([taken(&mut state), taken(&mut state)], [Some(70), Some(30)]);
        assert_eq!(taken(&mut state), None);
        state.let_go(Arc::new(held(70)));
        assert_eq!(taken(&mut state), None);
        state.let_go(Arc::new(held(30)));
        assert_eq!(taken(&mut state), Some(500));
        // With the last table the month is written.
        assert!(state.let_go(Arc::new(held(500))).is_some());
    }

    #[test]
    fn months_are_begun_one_by_one_and_only_some_before_others_are_handed_over() {
        let months = vec![(month(), BTreeSet::new()); MONTHS_BEGUN + 1].into();
        let mut state = State { months, ..State::default() };
        for _ in 0..MONTHS_BEGUN {
            assert!(matches!(state.next(0), Some(Step::Begin(..))));
            assert!(state.next(0).is_none());
            state.beginning = false;
        }
        assert!(state.next(0).is_none());
        state.unsettled -= 1;
        assert!(matches!(state.next(0), Some(Step::Begin(..))));
    }
}
