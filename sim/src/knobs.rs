//! What can be made to go wrong, and how often.
//!
//! Every knob is plain data, readable and writable as JSON. What is left to chance comes from the
//! seed, so a run with the same requests in the same order fails in the same places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::http::Endpoint;

/// All knobs of a simulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long every answer takes.
    pub latency_ms: u64,
    /// How long the answers of one endpoint take, in place of `latency_ms`.
    pub latency_ms_of: BTreeMap<Endpoint, u64>,
    /// What fails; the first fault that fits a request decides.
    pub faults: Vec<Fault>,
    /// How far the search index is behind the site.
    pub search_lag_ms: u64,
    /// The share of search pages that are shorter than they could be.
    pub short_pages: f64,
    /// Every paged endpoint answers its first page, whatever `startAt` says.
    pub ignore_start_at: bool,
    /// The e-mails of accounts whose token is no longer valid.
    pub expired_tokens: BTreeSet<String>,
    /// Edits made between the pages of a comment list.
    pub while_paging: Option<WhilePaging>,
    /// Where attachments are said to be, in place of the media host: `http://127.0.0.1:40003`.
    pub media_elsewhere: Option<String>,
    /// How webhooks are delivered.
    pub webhook: WebhookSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            latency_ms_of: BTreeMap::new(),
            faults: Vec::new(),
            search_lag_ms: 0,
            short_pages: 0.1,
            ignore_start_at: false,
            expired_tokens: BTreeSet::new(),
            while_paging: None,
            media_elsewhere: None,
            webhook: WebhookSettings::default(),
        }
    }
}

/// How webhooks are delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// The share of deliveries that are sent again after a success.
    pub duplicates: f64,
    /// Every delivery waits a random time up to this, so that later ones overtake it.
    pub reorder_ms: u64,
    /// The share of deliveries that are never sent, by event name; `*` is every event.
    pub drop: BTreeMap<String, f64>,
    /// The share of `jira:issue_updated` bodies without `changelog`.
    pub without_changelog: f64,
    /// How long deliveries of the `Secondary` flow wait.
    pub secondary_delay_ms: u64,
    /// The shortest wait before a retry; in life five minutes.
    pub retry_min_ms: u64,
    /// The longest wait before a retry; in life fifteen minutes.
    pub retry_max_ms: u64,
    /// How many retries there are.
    pub retries: u32,
    /// A destination that has failed for this long gets one attempt per delivery, until a success.
    pub give_up_after_ms: u64,
    /// How long a connection may take to be made.
    pub connect_timeout_ms: u64,
    /// How long an answer may take.
    pub timeout_ms: u64,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            duplicates: 0.0,
            reorder_ms: 0,
            drop: BTreeMap::new(),
            without_changelog: 0.05,
            secondary_delay_ms: 0,
            retry_min_ms: 300,
            retry_max_ms: 900,
            retries: 5,
            give_up_after_ms: 30 * 60 * 1000,
            connect_timeout_ms: 5_000,
            timeout_ms: 20_000,
        }
    }
}

/// One thing that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which endpoint; every one if absent.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// Which issue, by id; every one if absent.
    #[serde(default)]
    pub issue: Option<i64>,
    /// How often; for ever if absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// The share of fitting requests that fail.
    #[serde(default = "always")]
    pub share: f64,
    /// How.
    pub failure: Failure,
}

fn always() -> f64 {
    1.0
}

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// 429.
    Throttled {
        /// The seconds of `Retry-After`, if the header is sent.
        retry_after: Option<u64>,
        /// `RateLimit-Reason`, if it is sent.
        reason: Option<String>,
    },
    /// 503.
    Unavailable {
        /// The seconds of `Retry-After`, if the header is sent.
        retry_after: Option<u64>,
    },
    /// Any other status, with an error body.
    Status(u16),
    /// The connection closes without an answer.
    Cut,
    /// The body ends before `Content-Length` says so.
    Truncated,
    /// 200 with a body that is not JSON.
    NotJson,
    /// No answer for this many milliseconds, then a cut connection.
    Hang(u64),
}

/// What happens to a comment list after a page of it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhilePaging {
    /// After how many more pages it happens.
    pub pages: u32,
    /// What.
    pub edit: PagingEdit,
}

/// An edit between two pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PagingEdit {
    /// Somebody comments.
    AddComment,
    /// The oldest comment is deleted.
    RemoveOldestComment,
}

/// The handle that turns the knobs; clones turn the same ones.
#[derive(Clone, Debug)]
pub struct Knobs(Arc<Mutex<Panel>>);

#[derive(Debug)]
struct Panel {
    settings: Settings,
    chance: StdRng,
}

impl Knobs {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = StdRng::seed_from_u64(seed ^ 0x6b6e_6f62);
        Self(Arc::new(Mutex::new(Panel { settings: Settings::default(), chance })))
    }

    /// How the knobs stand.
    pub fn settings(&self) -> Settings {
        self.with(|panel| panel.settings.clone())
    }

    /// Turns knobs.
    pub fn change(&self, turn: impl FnOnce(&mut Settings)) {
        self.with(|panel| turn(&mut panel.settings));
    }

    /// The next `times` requests to an endpoint fail.
    pub fn fail_next(&self, endpoint: Endpoint, times: u32, failure: Failure) {
        let endpoint = Some(endpoint);
        self.fail(Fault { endpoint, issue: None, times: Some(times), share: 1.0, failure });
    }

    /// Adds a fault.
    pub fn fail(&self, fault: Fault) {
        self.change(|settings| settings.faults.push(fault));
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.change(|settings| settings.faults.clear());
    }

    /// Decides whether this request fails, and uses up one of the fault's times.
    pub(crate) fn failure(&self, endpoint: Endpoint, issue: Option<i64>) -> Option<Failure> {
        self.with(|panel| {
            let Panel { settings, chance } = panel;
            let fits = |fault: &Fault| {
                fault.endpoint.is_none_or(|only| only == endpoint)
                    && (fault.issue.is_none() || fault.issue == issue)
                    && fault.times != Some(0)
            };
            let fault = settings
                .faults
                .iter_mut()
                .find(|fault| fits(fault) && happens(chance, fault.share))?;
            fault.times = fault.times.map(|left| left.saturating_sub(1));
            let failure = fault.failure.clone();
            settings.faults.retain(|fault| fault.times != Some(0));
            Some(failure)
        })
    }

    /// How long the answer of an endpoint takes.
    pub(crate) fn latency_ms(&self, endpoint: Endpoint) -> u64 {
        self.with(|panel| {
            let own = panel.settings.latency_ms_of.get(&endpoint);
            own.copied().unwrap_or(panel.settings.latency_ms)
        })
    }

    /// How many of `full` rows a search page holds: all of them, or by chance fewer.
    pub(crate) fn page_length(&self, full: usize) -> usize {
        self.with(|panel| {
            let short = happens(&mut panel.chance, panel.settings.short_pages);
            if short && full > 1 { panel.chance.random_range(1..full) } else { full }
        })
    }

    /// What to do to a comment list of which a page was just read.
    pub(crate) fn paged(&self) -> Option<PagingEdit> {
        self.with(|panel| {
            let waiting = panel.settings.while_paging.as_mut()?;
            if waiting.pages > 1 {
                waiting.pages -= 1;
                return None;
            }
            panel.settings.while_paging.take().map(|waiting| waiting.edit)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Panel) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether something with this probability happens.
pub(crate) fn happens(chance: &mut StdRng, share: f64) -> bool {
    share > 0.0 && chance.random_bool(share.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::{Failure, Fault, Knobs, Settings};
    use crate::http::Endpoint;

    #[test]
    fn a_fault_is_used_up() {
        let knobs = Knobs::new(1);
        knobs.fail_next(Endpoint::Issue, 2, Failure::Cut);
        assert_eq!(knobs.failure(Endpoint::Comments, None), None);
        assert_eq!(knobs.failure(Endpoint::Issue, None), Some(Failure::Cut));
        assert_eq!(knobs.failure(Endpoint::Issue, None), Some(Failure::Cut));
        assert_eq!(knobs.failure(Endpoint::Issue, None), None);
    }

    #[test]
    fn a_fault_of_one_issue_spares_the_others() {
        let knobs = Knobs::new(1);
        let failure = Failure::Status(500);
        let fault = Fault { endpoint: None, issue: Some(7), times: None, share: 1.0, failure };
        knobs.fail(fault);
        assert_eq!(knobs.failure(Endpoint::Issue, Some(8)), None);
        assert_eq!(knobs.failure(Endpoint::Issue, Some(7)), Some(Failure::Status(500)));
    }

    #[test]
    fn the_same_seed_fails_in_the_same_places() {
        let run = || {
            let knobs = Knobs::new(5);
            let failure = Failure::Cut;
            knobs.fail(Fault { endpoint: None, issue: None, times: None, share: 0.5, failure });
            (0..64).map(|_| knobs.failure(Endpoint::Issue, None).is_some()).collect::<Vec<_>>()
        };
        let first = run();
        assert_eq!(first, run());
        assert!(first.contains(&true) && first.contains(&false));
    }

    #[test]
    fn settings_are_readable_as_json() {
        let text = serde_json::to_string(&Settings::default()).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), Settings::default());
    }
}
