//! One edit in progress: the state is locked, and what the edit announces is collected.

use serde_json::{Value, json};

use super::state::{Issue, State};
use super::{Place, Site};
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow, body};

/// An edit in progress.
pub(crate) struct Edit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) place: &'a Place,
    /// The instant of the edit.
    pub(crate) now: i64,
    /// Who edits, as a REST user.
    pub(crate) actor: Value,
    events: Vec<Event>,
}

impl Site {
    /// Makes an edit. Its webhooks leave in the order of the edits; an edit that fails sends none.
    pub(crate) fn edit_with<T>(
        &self,
        work: impl FnOnce(&mut Edit<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let place = self.place();
        let mut state = self.state();
        let users = &state.furniture.users;
        let actor = match &self.actor {
            Some(id) => State::named(users, "accountId", id)
                .ok_or_else(|| Error::missing("user", id))?
                .clone(),
            None => users.first().cloned().unwrap_or(Value::Null),
        };
        let now = place.clock.now();
        let mut edit = Edit { state: &mut state, place, now, actor, events: Vec::new() };
        let done = work(&mut edit)?;
        for event in edit.events {
            self.shared.webhooks.post(event);
        }
        Ok(done)
    }
}

impl Edit<'_> {
    /// The id behind an id or key.
    pub(crate) fn id(&self, issue: &str) -> Result<i64, Error> {
        self.state.find(issue).ok_or_else(|| Error::missing("issue", issue))
    }

    pub(crate) fn issue(&mut self, id: i64) -> Result<&mut Issue, Error> {
        self.state.issues.get_mut(&id).ok_or_else(|| Error::missing("issue", id))
    }

    /// The instant of the edit as the site writes it.
    pub(crate) fn stamp(&self) -> String {
        self.place.stamp(self.now)
    }

    /// Moves `updated` and tells the search index.
    pub(crate) fn touch(&mut self, id: i64) -> Result<(), Error> {
        let (now, stamp) = (self.now, self.stamp());
        let issue = self.issue(id)?;
        issue.updated = now;
        issue.fields.insert("updated".to_owned(), json!(stamp));
        let key = issue.key.clone();
        self.state.index_as(id, key, now, now);
        Ok(())
    }

    /// Writes one changelog entry and answers it.
    pub(crate) fn record(&mut self, id: i64, items: Vec<Value>) -> Result<Value, Error> {
        let history = json!({
            "id": self.state.new_id().to_string(),
            "author": self.actor,
            "created": self.stamp(),
            "items": items,
        });
        self.issue(id)?.histories.push(history.clone());
        Ok(history)
    }

    /// Announces something that carries no issue.
    pub(crate) fn announce(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Announces `jira:issue_created` or `jira:issue_updated`.
    pub(crate) fn announce_issue(
        &mut self,
        id: i64,
        name: &'static str,
        kind: &str,
        history: Option<&Value>,
    ) -> Result<(), Error> {
        let fields = super::view::webhook_fields(self.state, self.place, id)
            .ok_or_else(|| Error::missing("issue", id))?;
        let key = self.issue(id)?.key.clone();
        let mut body = json!({
            "timestamp": self.now, "webhookEvent": name, "issue_event_type_name": kind,
            "user": body::actor(&self.actor),
            "issue": body::issue(&self.place.url, id, &key, fields),
        });
        if let Some(history) = history {
            body.set(
                "changelog",
                json!({"id": history.member("id"), "items": body::v2(history.member("items"))}),
            );
        }
        self.announce(Event { name, flow: Flow::Primary, issue: Some(id), body });
        Ok(())
    }
}

/// A changelog item of a system field.
pub(crate) fn item(field: &str, from: (Value, Value), to: (Value, Value)) -> Value {
    json!({
        "field": field, "fieldtype": "jira", "fieldId": field,
        "from": from.0, "fromString": from.1, "to": to.0, "toString": to.1,
    })
}

/// A changelog item of something that is not a field: it has no `fieldId`.
pub(crate) fn item_without_field(field: &str, from: (Value, Value), to: (Value, Value)) -> Value {
    json!({
        "field": field, "fieldtype": "jira",
        "from": from.0, "fromString": from.1, "to": to.0, "toString": to.1,
    })
}
