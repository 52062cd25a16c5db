//! The simulated site: its state, and the handle through which tests edit it as people would.
//!
//! Every edit does what Jira does: it writes the changelog, moves `updated`, tells the search
//! index and sends the webhooks of that edit, all at once. Issues are named as Jira's API names
//! them, by id, key or former key.

mod state;
mod people;
mod catalogue;
mod view;
mod sla;
mod edit;
mod issues;
mod fields;
mod comments;
mod links;
mod worklogs;
mod attachments;
mod moves;
mod seeding;
mod loading;
mod generated;
mod truth;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use comments::NewComment;
pub use issues::{Made, NewIssue};
pub use truth::Truth;

pub(crate) use people::Furniture;
pub(crate) use state::{Content, Issue, State};
pub(crate) use view::{Reader, View};

use crate::clock::Clock;
use crate::error::Error;
use crate::json::Members;
use crate::time::Zone;
use crate::webhook::Webhooks;

/// A handle to the site; clones edit the same one.
#[derive(Clone, Debug)]
pub struct Site {
    shared: Arc<Shared>,
    /// Who edits; the first user of the site if nobody is named.
    actor: Option<String>,
}

/// What all handles share.
#[derive(Debug)]
struct Shared {
    place: Place,
    state: Mutex<State>,
    webhooks: Webhooks,
}

/// Where and when the site is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `http://127.0.0.1:40001`.
    pub(crate) url: String,
    /// The other host, which holds the bytes of attachments.
    pub(crate) media_url: String,
    pub(crate) cloud_id: String,
    /// The zone of the site's timestamps.
    pub(crate) zone: Zone,
    pub(crate) clock: Clock,
}

impl Place {
    /// Now, as the site writes it.
    pub(crate) fn stamp(&self, ms: i64) -> String {
        self.zone.stamp(ms)
    }
}

impl Site {
    pub(crate) fn new(place: Place, state: State, webhooks: Webhooks) -> Self {
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { place, state, webhooks }), actor: None }
    }

    /// A handle whose edits are made by this user.
    #[must_use]
    pub fn acting_as(&self, account_id: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), actor: Some(account_id.to_owned()) }
    }

    /// The account ids of the site's users.
    pub fn people(&self) -> Vec<String> {
        let users = &self.state().furniture.users;
        users
            .iter()
            .filter_map(|user| user.member("accountId").as_str().map(str::to_owned))
            .collect()
    }

    /// The key of the first project; new issues go there.
    pub fn first_project(&self) -> String {
        let state = self.state();
        let first = state.furniture.projects.first();
        first.and_then(|it| it.member("key").as_str()).unwrap_or_default().to_owned()
    }

    /// The names of the site's statuses.
    pub fn statuses(&self) -> Vec<String> {
        names(&self.state().furniture.statuses, "name")
    }

    /// The keys of the projects.
    pub fn projects(&self) -> Vec<String> {
        names(&self.state().furniture.projects, "key")
    }

    /// The current keys of all issues that can be seen, in order of id.
    pub fn keys(&self) -> Vec<String> {
        let state = self.state();
        state.issues.values().filter(|issue| !issue.hidden).map(|it| it.key.clone()).collect()
    }

    /// The id that an id, a key or a former key leads to.
    pub fn id_of(&self, issue: &str) -> Result<i64, Error> {
        self.state().find(issue).ok_or_else(|| Error::missing("issue", issue))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.shared.place
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names(list: &[Value], member: &str) -> Vec<String> {
    list.iter().filter_map(|one| one.member(member).as_str().map(str::to_owned)).collect()
}
