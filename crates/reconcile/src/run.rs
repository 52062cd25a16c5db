//! The loop itself: leases due work, looks side by side, commits together what is ready.
//!
//! Bounded: looks in flight, results waiting for the commit, waits. At most one commit runs at a
//! time; while it runs, the next one gathers, so that a burst becomes few commits. A commit of many
//! that fails is tried one by one, so that one bad issue cannot hold up the others.

mod commits;
mod identity;
mod quarantine;

use std::collections::VecDeque;
use std::time::Duration;

use jira::client::Error as JiraError;
use jira::id::{IssueKey, Subject};
use jira::time::Instant;
use ledger::{ReleasedLeases, Source, Work};
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tracing::{error, info};

use self::commits::Tried;
use self::quarantine::{Step, Turn};
use crate::Error;
use crate::look::{Ended as Look, Looker, Ready, Seen, chain};
use crate::metrics::{Ended, Metrics};

/// A lease outlives its look by this, for the commit. One that a dead process left is released at
/// the start.
const LEASE_FOR_COMMIT: Duration = Duration::from_secs(600);

/// The loop sleeps at most this long before it looks into the ledger again: another process
/// (`jiralake events replay`) may have hinted something.
const LONGEST_SLEEP: Duration = Duration::from_secs(2);

/// The loop holds still no longer than this at a time.
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 3600);

/// On a stop, looks in hand may take this much longer.
const STOP_LOOKS: Duration = Duration::from_secs(4);

/// An issue whose rows have become visible.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What was looked at.
    pub subject: Subject,
    /// Its key now, where it is known.
    pub key: Option<IssueKey>,
    /// What caused the look.
    pub source: Source,
    /// From the oldest hint to visible rows.
    pub since_hint: Duration,
    /// Fetching all parts and keeping the raw snapshot.
    pub look: Duration,
    /// The commit that it was part of.
    pub commit: Duration,
    /// Issues in that commit.
    pub together: usize,
}

/// Where somebody waits for the row.
const URGENT: [Source; 3] = [Source::Webhook, Source::Person, Source::Sla];

/// What catches up.
const SLOW: [Source; 2] = [Source::Sweep, Source::Backfill];

/// Jira answers at most so many issues to one bulk request.
const BULK: usize = 100;

/// Fewer than this are not worth a bulk request, which gives no remote links.
const FEW: usize = 4;

/// What the loop is made of.
pub struct Loop {
    looker: Looker,
    metrics: Metrics,
    applied: broadcast::Sender<Applied>,
    /// Looks at one issue each.
    looks: JoinSet<Look>,
    /// Looks at many.
    bulks: JoinSet<Vec<Look>>,
    /// Issues in those.
    in_bulks: usize,
    ready: VecDeque<Ready>,
    commit: Option<JoinHandle<Tried>>,
    /// Issues in the running commit.
    committing: usize,
    /// Committed rows are not visible yet.
    behind: bool,
    /// Commits left that take one issue only, after one of many failed.
    one_by_one: usize,
    /// Commits since the last good one that other issues' lost snapshots blocked.
    blocked_commits: u32,
    /// Nothing is leased before this instant. Not a time of the clock, which may be set back.
    held_until: Option<tokio::time::Instant>,
    /// The question who we are, while it is asked.
    probe: Option<JoinHandle<Result<(), JiraError>>>,
    /// Whether suspects or the others are leased.
    turn: Turn,
    /// Failed questions who we are since the last one that was answered in order; while there is a
    /// number here, nothing is fetched. A start asks first, too.
    unproven: Option<u32>,
}

impl Loop {
    /// Puts the loop together; nothing runs yet. `applied` is told of every issue whose rows become
    /// visible; a listener that is slow misses some, as the loop does not wait for it.
    pub fn new(looker: Looker, metrics: Metrics, applied: broadcast::Sender<Applied>) -> Self {
        let suspect_wait = looker.limits.suspect_wait;
        Self {
            looker,
            metrics,
            applied,
            looks: JoinSet::new(),
            bulks: JoinSet::new(),
            in_bulks: 0,
            ready: VecDeque::new(),
            commit: None,
            committing: 0,
            behind: false,
            one_by_one: 0,
            blocked_commits: 0,
            held_until: None,
            probe: None,
            turn: Turn::Others(tokio::time::Instant::now() + suspect_wait),
            unproven: Some(0),
        }
    }

    /// Runs until `stop` says so, then finishes what is in hand (bounded) and returns. Ends with an
    /// error when the disk failed under the ledger: only a new start may trust it again.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
        let ReleasedLeases { suspects, parked } = self.looker.ledger.release_leases().await?;
        if suspects > 0 {
            info!(suspects, "{suspects} issues were in flight when the last run died: due again");
        }
        for subject in parked {
            error!(issue = %subject, "jiralake died twice while it worked on {subject}: it is parked");
        }
        let mut wakeups = self.looker.ledger.wakeups();
        while !*stop.borrow_and_update() {
            if let Some(error) = self.looker.ledger.failed() {
                return Err(error.into());
            }
            self.metrics.turns();
            self.lease().await;
            self.start_commit();
            self.start_probe();
            self.count_in_hand();
            let sleep = self.sleep().await;
            tokio::select! {
                Some(look) = self.looks.join_next() => self.looked(look),
                Some(looks) = self.bulks.join_next() => self.looked_at_many(looks),
                committed = joined(&mut self.commit) => self.committed(committed).await,
                changed = wakeups.changed() => if changed.is_err() { break },
                who = joined(&mut self.probe) => self.probed(who),
                () = tokio::time::sleep(sleep) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.metrics.rests();
        self.finish().await;
        Ok(())
    }

    fn count_in_hand(&self) {
        let looks = self.looks.len() + self.in_bulks;
        let in_hand = looks + self.ready.len() + self.committing;
        self.metrics.in_hand.set(i64::try_from(in_hand).unwrap_or(i64::MAX));
    }

    /// Takes due work into the free places, unless the loop is held or too much waits for a commit.
    async fn lease(&mut self) {
        if self.is_held() || self.ready.len() >= self.looker.limits.commit_issues {
            return;
        }
        match self.take_turn().await {
            Step::LeaseOthers => {}
            Step::LeaseSuspects => return self.lease_suspects().await,
            Step::Wait => return,
        }
        let most = self.most_urgent().await;
        if most > 0 {
            let leased = self.lease_of(&URGENT, most).await;
            self.begin(leased, self.free());
        }
        if self.free_for_bulk() > 0 {
            let leased = self.lease_of(&SLOW, BULK).await;
            self.begin(leased, self.free().min(FEW));
        }
        let later = self.free_for_later();
        if later > 0 && !self.is_due(&SLOW).await {
            let leased = self.lease_of(&[Source::Later], later).await;
            self.begin(leased, later);
        }
    }

    /// Looks at a few alone, side by side, and at more than that together.
    fn begin(&mut self, leased: Vec<Work>, alone: usize) {
        if leased.len() > alone {
            self.in_bulks += leased.len();
            let looker = self.looker.clone();
            self.bulks.spawn(async move { looker.look_at_many(leased).await });
            return;
        }
        for work in leased {
            let looker = self.looker.clone();
            self.looks.spawn(async move { (work.clone(), looker.look(work).await) });
        }
    }

    /// How much urgent work there is room for. What fits into the free places is looked at alone. More
    /// than that is a burst, which waits for room among the bulk looks: alone, its issues would take
    /// several requests each.
    async fn most_urgent(&mut self) -> usize {
        let free = self.free();
        if free == 0 {
            return 0;
        }
        let due = match self.looker.ledger.due_of(&URGENT, BULK).await {
            Ok(due) => due,
            Err(error) => {
                self.hold_for_ledger(&error);
                return 0;
            }
        };
        if due <= free { due } else { self.free_in_bulk() }
    }

    async fn lease_of(&mut self, sources: &[Source], most: usize) -> Vec<Work> {
        if !self.is_due(sources).await {
            return Vec::new();
        }
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let until = self.lease_end();
        match self.looker.ledger.lease_of(sources, most, until).await {
            Ok(leased) => leased,
            Err(error) => {
                self.hold_for_ledger(&error);
                Vec::new()
            }
        }
    }

    fn lease_end(&self) -> Instant {
        self.looker.clock.now().plus(self.looker.limits.look_timeout * 2).plus(LEASE_FOR_COMMIT)
    }

    /// Whether there is something to lease: a question costs the deliveries nothing, a lease does.
    async fn is_due(&mut self, sources: &[Source]) -> bool {
        let now = self.looker.clock.now();
        match self.looker.ledger.next_due_of(sources).await {
            Ok(due) => due.is_some_and(|due| due <= now),
            Err(error) => {
                self.hold_for_ledger(&error);
                false
            }
        }
    }

    fn free(&self) -> usize {
        self.looker.limits.workers.saturating_sub(self.looks.len())
    }

    /// A burst of urgent hints may always become one bulk look more than what catches up may have.
    fn free_in_bulk(&self) -> usize {
        if self.bulks.len() <= self.looker.limits.parallel { BULK } else { 0 }
    }

    fn free_for_bulk(&self) -> usize {
        if self.free() == 0 {
            0
        } else {
            self.looker.limits.parallel.saturating_sub(self.bulks.len())
        }
    }

    /// What can wait leaves half of the places to what cannot.
    fn free_for_later(&self) -> usize {
        let half = self.looker.limits.workers.div_ceil(2);
        if self.bulks.is_empty() { half.saturating_sub(self.looks.len()) } else { 0 }
    }

    /// The sources for which there is room now: to wait for others would be to spin.
    fn wanted(&self) -> Vec<Source> {
        let mut wanted = Vec::new();
        if self.free() > 0 && self.free_in_bulk() > 0 {
            wanted.extend(URGENT);
        }
        if self.free_for_bulk() > 0 {
            wanted.extend(SLOW);
        }
        if self.free_for_later() > 0 {
            wanted.push(Source::Later);
        }
        wanted
    }

    fn is_held(&self) -> bool {
        self.unproven.is_some()
            || self.held_until.is_some_and(|until| tokio::time::Instant::now() < until)
    }

    fn hold(&mut self, wait: Duration) {
        let until = tokio::time::Instant::now() + wait.min(LONGEST_HOLD);
        self.held_until = self.held_until.max(Some(until));
    }

    fn hold_for_ledger(&mut self, error: &ledger::Error) {
        error!("the ledger failed, waiting: {}", chain(error));
        self.hold(self.looker.limits.back_off.min);
    }

    /// How long there is nothing to do: until work is due or the hold ends.
    async fn sleep(&mut self) -> Duration {
        let now = self.looker.clock.now();
        let held = self.held_until.map(|until| until - tokio::time::Instant::now());
        if let Some(held) = held.filter(|held| !held.is_zero()) {
            return held.min(LONGEST_SLEEP);
        }
        let limits = &self.looker.limits;
        if self.ready.len() >= limits.commit_issues {
            return LONGEST_SLEEP;
        }
        if self.unproven.is_some() && self.probe.is_some() {
            // The answer wakes the loop.
            return LONGEST_SLEEP;
        }
        let Some(turn_ends) = self.until_turn_ends() else { return LONGEST_SLEEP };
        let longest = turn_ends.min(LONGEST_SLEEP);
        match self.looker.ledger.next_due_of(&self.wanted()).await {
            Ok(due) => due.map_or(longest, |due| due.since(now).min(longest)),
            Err(error) => {
                self.hold_for_ledger(&error);
                self.looker.limits.back_off.min
            }
        }
    }

    fn looked(&mut self, look: Result<Look, JoinError>) {
        match look {
            Ok(look) => self.ended(look),
            Err(broken) => self.broke_off(&broken),
        }
    }

    fn looked_at_many(&mut self, looks: Result<Vec<Look>, JoinError>) {
        match looks {
            Ok(looks) => {
                self.in_bulks = self.in_bulks.saturating_sub(looks.len());
                looks.into_iter().for_each(|look| self.ended(look));
            }
            Err(broken) => self.broke_off(&broken),
        }
        if self.bulks.is_empty() {
            self.in_bulks = 0;
        }
    }

    /// Leases of a look that broke off run out by themselves, or end with the next start.
    fn broke_off(&self, broken: &JoinError) {
        error!("a look broke off: {broken}");
        self.metrics.looks.get_or_create(&Ended { outcome: "broken" }).inc();
    }

    fn ended(&mut self, look: Look) {
        let outcome = match look {
            (work, Err(error)) => {
                error!(issue = %work.subject, "{} could not be settled: {}", work.subject, chain(&error));
                self.hold(self.looker.limits.back_off.min);
                self.return_later(work);
                "unsettled"
            }
            (_, Ok(Seen::Settled)) => "settled",
            (_, Ok(Seen::Hold(wait))) => {
                self.hold(wait);
                "held"
            }
            (_, Ok(Seen::Pause)) => {
                self.pause();
                "refused"
            }
            (_, Ok(Seen::Ready(ready))) => {
                self.metrics.look_seconds.observe(ready.took.as_secs_f64());
                self.queue(*ready);
                "ready"
            }
        };
        self.metrics.looks.get_or_create(&Ended { outcome }).inc();
    }

    /// Gives a leased item back once the ledger works again.
    fn return_later(&mut self, work: Work) {
        let looker = self.looker.clone();
        self.looks.spawn(async move {
            let wait = looker.limits.back_off.min;
            tokio::time::sleep(wait).await;
            let due = looker.clock.now().plus(wait);
            let returned = looker.ledger.retry(&work, due, "the ledger failed").await;
            (work, returned.map(|()| Seen::Settled).map_err(Error::from))
        });
    }

    /// After the stop: looks in hand get a moment, then what is ready is committed. What was cut
    /// off is given back: the next start must not take it for what killed this process.
    async fn finish(&mut self) {
        let deadline = tokio::time::Instant::now() + STOP_LOOKS;
        while !self.looks.is_empty() || !self.bulks.is_empty() {
            tokio::select! {
                Some(look) = self.looks.join_next() => self.looked(look),
                Some(looks) = self.bulks.join_next() => self.looked_at_many(looks),
                () = tokio::time::sleep_until(deadline) => {
                    let cut = self.looks.len() + self.in_bulks;
                    info!(cut, "{cut} looks were cut off by the stop: due again at the next start");
                    self.looks.abort_all();
                    self.bulks.abort_all();
                    break;
                }
            }
        }
        while self.commit.is_some() || !self.ready.is_empty() {
            self.start_commit();
            let ended = joined(&mut self.commit).await;
            self.committed(ended).await;
        }
        if let Err(error) = self.looker.ledger.return_leases().await {
            error!("the leases could not be given back: {}", chain(&error));
        }
    }
}

/// The running commit's end; never, when none runs.
async fn joined<T>(commit: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match commit {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
