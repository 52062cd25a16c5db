//! The SLA poll: clocks run on without a webhook, so open issues are asked for their SLA values now
//! and then, 100 at a time, and the changed values are patched into snapshots and rows, with one
//! commit for the whole pass.
//!
//! Promises: a value that is refused or missing never replaces one that is known; an issue whose
//! status or `updated` is not what is known is not patched but fetched whole; an issue that somebody
//! else has in hand, or is about to, is left to them.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use jira::client::{Client, FieldId, Fields, History};
use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Clock, Instant};
use lake::Lake;
use ledger::{Clocked, Clocks, Finished, Ledger, Source, Work};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::{info, warn};
use transform::Snapshot;

use crate::Error;
use crate::assemble::is_refused;
use crate::backfill::Run;
use crate::look::{chain, write};

/// Jira answers at most so many issues to one request.
const TOGETHER: u32 = 100;

/// Longer than any pass may hold an issue.
const LEASE: Duration = Duration::from_secs(1800);

/// What is asked beside the SLA fields.
const STATE: [&str; 4] = ["status", "resolution", "resolutiondate", "updated"];

/// Polls SLA values. Cheap to clone.
#[derive(Clone)]
pub struct SlaPoll {
    /// The account that may read them.
    pub client: Client,
    /// What is known.
    pub ledger: Ledger,
    /// Where the values go.
    pub lake: Lake,
    /// The time.
    pub clock: Clock,
    /// The SLA fields of the site.
    pub fields: Vec<FieldId>,
    /// Requests side by side.
    pub parallel: u32,
}

/// What a pass did, by issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Polled {
    /// New values are in the tables.
    pub updated: u64,
    /// Their state was not what is known: they are fetched whole.
    pub healed: u64,
    /// Nothing changed, or somebody else has them in hand.
    pub skipped: u64,
    /// They were not answered, or their values were refused.
    pub failed: u64,
}

/// What is to become of one issue.
enum Verdict {
    Patch(HashMap<String, Value>),
    Heal,
    Fail,
}

impl SlaPoll {
    /// One pass over the open issues, or over all that have clocks.
    pub async fn pass(&self, which: Clocks, run: Run) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        let mut patches = Vec::new();
        let mut after = None;
        loop {
            let pages = self.pages(which, &mut after).await?;
            if pages.is_empty() {
                break;
            }
            let answers = join_all(pages.iter().map(|page| self.ask(page))).await;
            for (page, answer) in pages.iter().zip(answers) {
                self.sort(page, answer?, run, (&mut patches, &mut polled)).await?;
            }
        }
        self.commit(patches, run, &mut polled).await?;
        let Polled { updated, healed, skipped, failed } = polled;
        info!(updated, healed, skipped, failed, "SLA poll: {updated} updated, {healed} healed");
        Ok(polled)
    }

    /// As many pages as are asked for side by side; none when that was all.
    async fn pages(
        &self,
        which: Clocks,
        after: &mut Option<IssueId>,
    ) -> Result<Vec<Vec<Clocked>>, Error> {
        let mut pages = Vec::new();
        for _ in 0..self.parallel.max(1) {
            let page = self.ledger.clocked_after(which, *after, TOGETHER).await?;
            let Some(last) = page.last() else { break };
            *after = Some(last.id);
            pages.push(page);
        }
        Ok(pages)
    }

    async fn ask(&self, page: &[Clocked]) -> Result<HashMap<IssueId, Value>, Error> {
        let ids: Vec<IssueId> = page.iter().map(|known| known.id).collect();
        let state = STATE.iter().filter_map(|name| name.parse().ok());
        let fields = Fields::These(self.fields.iter().cloned().chain(state).collect());
        let answer = self.client.bulk_issues(&ids, &fields, History::Leave).await?;
        let id = |issue: &Value| issue.get("id")?.as_str()?.parse().ok();
        Ok(answer.issues.into_iter().filter_map(|issue| Some((id(&issue)?, issue))).collect())
    }

    async fn sort(
        &self,
        page: &[Clocked],
        mut shown: HashMap<IssueId, Value>,
        run: Run,
        (patches, polled): (&mut Patches, &mut Polled),
    ) -> Result<(), Error> {
        for known in page {
            let verdict = match shown.remove(&known.id) {
                Some(issue) => self.verdict(known, &issue),
                None => Verdict::Fail,
            };
            match verdict {
                Verdict::Patch(values) => patches.push((known.id, values)),
                Verdict::Heal => {
                    polled.healed += 1;
                    if run == Run::Real {
                        let subject = [Subject::Id(known.id)];
                        self.ledger.hint(&subject, Source::Sla, self.clock.now()).await?;
                    }
                }
                Verdict::Fail => polled.failed += 1,
            }
        }
        Ok(())
    }

    fn verdict(&self, known: &Clocked, issue: &Value) -> Verdict {
        let Some(fields) = issue.get("fields") else { return Verdict::Fail };
        let text = |path: &str| fields.pointer(path).and_then(Value::as_str);
        let updated = text("/updated").and_then(Instant::parse);
        let moved = updated.is_some() && updated != known.updated;
        let status = text("/status/id");
        if moved || status.is_some() && status != known.status.as_deref() {
            let key = &known.key;
            let resolved = text("/resolutiondate").is_some()
                || text("/status/statusCategory/key") == Some("done");
            let state = if resolved { "is resolved" } else { "has changed" };
            info!(issue.key = %key, "Self-healing: {key} {state} in Jira");
            return Verdict::Heal;
        }
        let mut values = HashMap::new();
        for field in &self.fields {
            match fields.get(field.as_str()) {
                Some(value) if is_refused(value) => return Verdict::Fail,
                Some(value) => values.insert(field.to_string(), value.clone()),
                None => None,
            };
        }
        Verdict::Patch(values)
    }

    /// Patches what nobody else has in hand, and commits all of it together. The issues are claimed
    /// before they are read: no look comes in between.
    async fn commit(&self, patches: Patches, run: Run, polled: &mut Polled) -> Result<(), Error> {
        let ids: Vec<IssueId> = patches.iter().map(|(id, _)| *id).collect();
        let until = self.clock.now().plus(LEASE);
        let claimed = match run {
            Run::Real => self.ledger.claim(&ids, Source::Sla, until).await?,
            Run::Dry => Vec::new(),
        };
        let mut finished: HashMap<IssueId, Finished> =
            claimed.iter().filter_map(|work| Some((id_of(work)?, done(work)))).collect();
        let mut changes = Vec::new();
        for (id, values) in patches {
            if run == Run::Real && !finished.contains_key(&id) {
                polled.skipped += 1;
                continue;
            }
            match self.patched(id, values).await {
                Ok(None) => polled.skipped += 1,
                Ok(Some((key, json))) => {
                    polled.updated += 1;
                    if run == Run::Real {
                        let moved = (&key, None);
                        changes.push(write(&self.lake, moved, json).await?);
                    }
                }
                Err(error) => {
                    warn!(issue.id = %id, "no SLA values for issue {id}: {}", chain(&error));
                    polled.failed += 1;
                }
            }
        }
        if !finished.is_empty() {
            self.lake.commit(changes, finished.drain().map(|(_, work)| work).collect()).await?;
        }
        Ok(())
    }

    /// The snapshot with the new values; `None` when they are what it has.
    async fn patched(
        &self,
        id: IssueId,
        values: HashMap<String, Value>,
    ) -> Result<Option<(IssueKey, Value)>, Error> {
        let Some(record) = self.ledger.issue(&Subject::Id(id)).await? else { return Ok(None) };
        let known = self.lake.read_raw(&record.key).await?.filter(|known| known.id() == id);
        let json = known.map(Snapshot::into_json).ok_or(Error::NotTheIssue)?;
        Ok(patched(json, values, self.clock.now()).map(|json| (record.key, json)))
    }
}

/// New values by issue.
type Patches = Vec<(IssueId, HashMap<String, Value>)>;

fn id_of(work: &Work) -> Option<IssueId> {
    match work.subject {
        Subject::Id(id) => Some(id),
        Subject::Key(_) => None,
    }
}

fn done(work: &Work) -> Finished {
    Finished { subject: work.subject.clone(), version: work.version, again: None }
}

/// The snapshot with the new values; `None` when they are what it has.
fn patched(mut json: Value, values: HashMap<String, Value>, now: Instant) -> Option<Value> {
    let fields = json.get_mut("fields")?.as_object_mut()?;
    let mut changed = false;
    let total = values.len();
    for (field, value) in values {
        if fields.get(&field) != Some(&value) {
            fields.insert(field, value);
            changed = true;
        }
    }
    if !changed {
        return None;
    }
    if let Some(parts) = json.get_mut("_parts").and_then(Value::as_object_mut) {
        let part = json!({
            "fetched_at": now.iso(), "complete": true, "have": total, "total": total, "reason": null,
        });
        parts.insert("sla".to_owned(), part);
    }
    Some(json)
}
