//! The walk over a `startAt` list, bounded.
//!
//! Promises: it advances by what came and ends where Jira says so, never because a page was short;
//! every entry is there once, in its newest copy; a list is called complete only if nothing
//! contradicts it. What came before an error or a bound is handed back with it. Retries nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde_json::Value;

use crate::client::Error;
use crate::payload::Page;

/// How far a walk may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Pages of one pass.
    pub pages: u32,
    /// Entries kept.
    pub items: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { pages: 1_000, items: 100_000 }
    }
}

/// What a walk brought.
#[derive(Debug)]
pub struct Walk {
    /// The entries, in Jira's order, each once.
    pub items: Vec<Value>,
    /// How many there are, as Jira said last.
    pub total: Option<u64>,
    /// Whether these are all.
    pub outcome: Outcome,
}

/// How a walk ended.
#[derive(Debug)]
pub enum Outcome {
    /// At the end of the list, with as many entries as Jira says there are.
    Complete,
    /// Before the end, or with another count than Jira's.
    Incomplete(Reason),
    /// By an error; the entries are those that came before it.
    Failed(Error),
}

/// Why a list is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The end was reached with another count than Jira's, twice: entries come and go, or some are
    /// hidden.
    CountDiffers {
        /// Entries that came.
        have: u64,
        /// Entries that Jira counts.
        total: u64,
    },
    /// The total changed while the pages came, twice: entries that moved from one page to another may
    /// have been missed, also where the count agrees by chance.
    Changing,
    /// A later page brought only what had come before: the server does not heed `startAt`.
    Repeats,
    /// The bound on pages.
    TooManyPages,
    /// The bound on entries.
    TooManyItems,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CountDiffers { have, total } => write!(f, "{have} of {total} entries came"),
            Self::Changing => f.write_str("the list keeps changing while it is read"),
            Self::Repeats => f.write_str("the server repeats its first page"),
            Self::TooManyPages => f.write_str("more pages than are walked"),
            Self::TooManyItems => f.write_str("more entries than are kept"),
        }
    }
}

/// Walks a whole list within the default bounds; `fetch` gets the number of the first entry.
pub async fn walk<F, Answered>(fetch: F) -> Walk
where
    F: FnMut(u64) -> Answered,
    Answered: Future<Output = Result<Page, Error>>,
{
    walk_within(Bounds::default(), fetch).await
}

/// Walks a whole list. Entries that are added or removed meanwhile shift the pages: if the total
/// changed on the way or is not the count at the end, the list is walked once more from the start.
pub async fn walk_within<F, Answered>(bounds: Bounds, mut fetch: F) -> Walk
where
    F: FnMut(u64) -> Answered,
    Answered: Future<Output = Result<Page, Error>>,
{
    let first = pass(bounds, &mut fetch).await;
    match first.outcome {
        Outcome::Incomplete(Reason::CountDiffers { .. } | Reason::Changing) => {}
        _ => return first,
    }
    let second = pass(bounds, &mut fetch).await;
    // A second pass that broke off early knows less than the first.
    let broke_off = !matches!(second.outcome, Outcome::Complete);
    let items = if broke_off && second.items.len() < first.items.len() {
        first.items
    } else {
        second.items
    };
    Walk { items, ..second }
}

/// From the start of the list to where it ends.
async fn pass<F, Answered>(bounds: Bounds, fetch: &mut F) -> Walk
where
    F: FnMut(u64) -> Answered,
    Answered: Future<Output = Result<Page, Error>>,
{
    let mut seen = Seen::default();
    let (mut start_at, mut total, mut changing) = (0_u64, None, false);
    for _ in 0..bounds.pages {
        let page = match fetch(start_at).await {
            Ok(page) => page,
            Err(error) => return seen.end(total, Outcome::Failed(error)),
        };
        changing |= total.is_some() && page.total.is_some() && page.total != total;
        total = page.total.or(total);
        let came = page.items.len();
        let next = start_at.saturating_add(came as u64);
        let last = came == 0 || is_last(&page, next);
        let fresh = seen.take(page.items, bounds.items);
        match fresh {
            Err(reason) => return seen.end(total, Outcome::Incomplete(reason)),
            Ok(0) if came > 0 && start_at > 0 => {
                return seen.end(total, Outcome::Incomplete(Reason::Repeats));
            }
            Ok(_) if last => {
                let have = seen.items.len() as u64;
                let outcome = match total {
                    Some(total) if total != have => {
                        Outcome::Incomplete(Reason::CountDiffers { have, total })
                    }
                    _ if changing => Outcome::Incomplete(Reason::Changing),
                    _ => Outcome::Complete,
                };
                return seen.end(total, outcome);
            }
            Ok(_) => start_at = next,
        }
    }
    seen.end(total, Outcome::Incomplete(Reason::TooManyPages))
}

/// Where Jira says so; a list without `isLast` ends at its total, and one without a total at the
/// first empty page.
fn is_last(page: &Page, next: u64) -> bool {
    page.is_last.unwrap_or_else(|| page.total.is_some_and(|total| next >= total))
}

/// The entries that came, each once.
#[derive(Default)]
struct Seen {
    items: Vec<Value>,
    /// Where the entry of an id stands in `items`.
    places: HashMap<String, usize>,
}

impl Seen {
    /// Takes a page; answers how many entries were new.
    fn take(&mut self, page: Vec<Value>, most: usize) -> Result<usize, Reason> {
        let before = self.items.len();
        for item in page {
            match self.places.entry(identity(&item)) {
                Entry::Occupied(place) => {
                    if let Some(old) = self.items.get_mut(*place.get()) {
                        *old = item;
                    }
                }
                Entry::Vacant(_) if self.items.len() >= most => return Err(Reason::TooManyItems),
                Entry::Vacant(place) => {
                    place.insert(self.items.len());
                    self.items.push(item);
                }
            }
        }
        Ok(self.items.len().saturating_sub(before))
    }

    fn end(self, total: Option<u64>, outcome: Outcome) -> Walk {
        Walk { items: self.items, total, outcome }
    }
}

/// An entry's id; of an entry without one, its whole text.
fn identity(item: &Value) -> String {
    match item.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => item.to_string(),
    }
}

#[cfg(test)]
mod tests;
