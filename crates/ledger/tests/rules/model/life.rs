//! A ledger beside its model: each step is taken by both, and both are compared.

use std::collections::BTreeMap;

use jira::id::Subject;
use ledger::{Again, Counts, DeliveryFilter, Finished, NewDelivery, Resolved, Source, Work};

use super::{HOUR, Model, Step, subject, truth};
use crate::bench::{Bench, instant, issue, issue_id};

/// A ledger, its model, and what the worker has in hand.
pub(super) struct Life {
    pub(super) bench: Bench,
    pub(super) model: Model,
    pub(super) held: Vec<(Work, usize)>,
    pub(super) clock: usize,
    /// Per issue: the step of its last hint, and of the last look or drop that answers for it.
    pub(super) hinted: BTreeMap<i64, usize>,
    pub(super) looked: BTreeMap<i64, usize>,
}

impl Life {
    pub(super) async fn step(&mut self, step: Step) {
        self.clock += 1;
        match step {
            Step::Record { identifier, subjects } => self.record(identifier, &subjects).await,
            Step::Hint(n) => {
                self.bench.hint(&subject(n), Source::Sweep).await;
                self.hint(&subject(n));
            }
            Step::Pass(millis) => {
                self.model.now += millis;
                self.bench.at(self.model.now);
            }
            Step::Lease(most) => self.lease(most).await,
            Step::LeaseSuspects => self.lease_suspects().await,
            Step::Unpark(n) => {
                let known = self.model.known(&subject(n));
                let parked = self.model.rows.get(&known).is_some_and(|row| row.parked);
                assert_eq!(self.bench.ledger.unpark(&subject(n)).await.unwrap(), parked);
                if parked {
                    self.model.rows.get_mut(&known).unwrap().deaths = 0;
                    self.model.raise(&known);
                }
            }
            Step::Drop(n) => self.drop(&subject(n)).await,
            Step::Replay(which) => {
                let seqs: Vec<i64> = self.model.deliveries.keys().copied().collect();
                let Some(seq) = seqs.get(which % seqs.len().max(1)) else { return };
                for subject in self.bench.ledger.replay(*seq).await.unwrap() {
                    self.hint(&subject);
                }
            }
            Step::Prune => {
                let before = instant(self.model.now + 1);
                let pruned = self.bench.ledger.prune_deliveries(before).await.unwrap();
                assert_eq!(pruned, self.model.prune());
            }
            Step::Crash => {
                self.bench = self.bench.after_crash().await;
                self.bench.ledger.release_leases().await.unwrap();
                self.held.clear();
                self.model.crash();
            }
            Step::Finish { which, .. }
            | Step::Retry(which)
            | Step::Defer(which)
            | Step::Absent(which)
            | Step::Park(which) => {
                if !self.held.is_empty() {
                    let (work, since) = self.held.swap_remove(which % self.held.len());
                    self.end(&step, work, since).await;
                }
            }
        }
    }

    fn hint(&mut self, subject: &Subject) {
        self.model.raise(&self.model.known(subject));
        self.hinted.insert(truth(subject), self.clock);
    }

    async fn record(&mut self, identifier: Option<u8>, subjects: &[u8]) {
        let subjects: Vec<_> = subjects.iter().map(|n| subject(*n)).collect();
        let name = identifier.map(|identifier| format!("delivery {identifier}"));
        let delivery = NewDelivery { identifier: name, ..self.bench.delivery(&subjects) };
        let recorded = self.bench.ledger.record(delivery).await.unwrap();
        let first = identifier.and_then(|identifier| self.model.identifiers.get(&identifier));
        assert_eq!(recorded.duplicate, first.is_some());
        if let Some(first) = first {
            assert_eq!(recorded.seq, *first);
            self.model.repeats += 1;
        } else {
            self.model.record(recorded.seq, identifier, &subjects);
            self.hinted.extend(subjects.iter().map(|subject| (truth(subject), self.clock)));
        }
    }

    async fn lease(&mut self, most: u32) {
        let free = self.model.free();
        let until = self.model.now + 10_000;
        let works = self.bench.ledger.lease(most, instant(until)).await.unwrap();
        assert_eq!(works.len(), free.min(most as usize));
        for work in works {
            self.model.leased(&work, until);
            self.held.push((work, self.clock));
        }
    }

    async fn lease_suspects(&mut self) {
        let next = self.model.next_suspect();
        let until = self.model.now + 10_000;
        let works = self.bench.ledger.lease_suspects(instant(until)).await.unwrap();
        assert_eq!(works.len(), usize::from(next.is_some()), "one at a time");
        for work in works {
            assert_eq!(
                next,
                Some(self.model.rows[&work.subject].deaths),
                "the least suspected first"
            );
            self.model.leased(&work, until);
            self.held.push((work, self.clock));
        }
    }

    async fn drop(&mut self, subject: &Subject) {
        let known = self.model.known(subject);
        let parked = self.model.rows.get(&known).is_some_and(|row| row.parked);
        assert_eq!(self.bench.ledger.drop_parked(subject, "enough").await.unwrap(), parked);
        if parked {
            self.model.rows.remove(&known);
            self.model.change(&known, &["pending", "parked"], "dropped");
            self.looked.insert(truth(subject), self.clock);
        }
    }

    async fn end(&mut self, step: &Step, work: Work, since: usize) {
        let now = instant(self.model.now);
        let ledger = &self.bench.ledger;
        match step {
            Step::Retry(_) => ledger.retry(&work, now, "unreachable").await.unwrap(),
            Step::Defer(_) => ledger.defer(&work, now).await.unwrap(),
            Step::Absent(_) => drop(ledger.absent(&work, now).await.unwrap()),
            Step::Park(_) => {
                ledger.park(&work, "why", "what").await.unwrap();
                return self.model.park(&work);
            }
            Step::Finish { again, .. } => return self.finish(work, since, *again).await,
            other => unreachable!("{other:?} ends no lease"),
        }
        self.model.end(&work);
    }

    async fn finish(&mut self, work: Work, since: usize, again: bool) {
        let issue_id = issue_id(truth(&work.subject));
        let resolved = self.bench.ledger.resolve(&work, issue_id).await.unwrap();
        let by_key = matches!(work.subject, Subject::Key(_));
        let mine = !by_key || self.model.resolve(&work);
        let work = match resolved {
            Resolved::Yours(work) => {
                assert!(mine);
                work
            }
            Resolved::Elsewhere => {
                assert!(!mine);
                return;
            }
        };
        let issue = issue(issue_id.get(), &format!("K-{issue_id}"), self.model.now);
        let due = instant(self.model.now);
        let finished = Finished {
            subject: work.subject.clone(),
            version: work.version,
            again: again.then(|| Again { due, reason: "incomplete".into(), source: Source::Sweep }),
        };
        self.bench.commit(vec![issue], vec![finished]).await;
        self.model.finish(&work, again);
        let looked = self.looked.entry(issue_id.get()).or_default();
        *looked = since.max(*looked);
    }

    pub(super) async fn compare(&self) {
        let page = self.bench.ledger.deliveries(DeliveryFilter::default()).await.unwrap();
        let stored: BTreeMap<_, _> =
            page.iter().map(|delivery| (delivery.seq, delivery.outcome.name())).collect();
        let expected: BTreeMap<_, _> = self
            .model
            .deliveries
            .iter()
            .map(|(seq, marks)| (*seq, Model::outcome(marks)))
            .collect();
        assert_eq!(stored, expected);
        let counts = self.bench.ledger.counts().await.unwrap();
        assert!(counts.add_up(), "{counts:?}");
        assert_eq!(Counts { oldest_due: None, ..counts }, self.model.counts());
    }

    /// Quiet: what waits is worked off.
    pub(super) async fn settle(&mut self) {
        for _ in 0..100 {
            self.step(Step::Pass(HOUR)).await;
            self.step(Step::Lease(100)).await;
            self.step(Step::LeaseSuspects).await;
            if self.held.is_empty() {
                break;
            }
            while !self.held.is_empty() {
                self.step(Step::Finish { which: 0, again: false }).await;
            }
        }
        self.compare().await;
        let counts = self.bench.ledger.counts().await.unwrap();
        assert_eq!((counts.pending, counts.work_waiting, counts.work_leased), (0, 0, 0));
        let parked = self.bench.ledger.parked().await.unwrap();
        for (issue, hinted) in &self.hinted {
            let parked = parked.iter().any(|parked| truth(&parked.subject) == *issue);
            let looked = self.looked.get(issue).is_some_and(|looked| looked > hinted);
            assert!(parked || looked, "a hint for issue {issue} was lost");
        }
    }
}
