//! Fields that issues have and the site's catalogue does not: somebody made them after it was read.
//!
//! Promises: each unknown field is told of once; what is remembered is bounded. A field without a
//! value feeds nothing and is not noticed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jira::id::IssueId;
use serde_json::Value;
use tokio::sync::Notify;
use tracing::info;
use transform::FieldMap;

/// More unknown fields than this are not remembered: a site has at most some thousand in all.
const MOST_FIELDS: usize = 2_000;

/// More issues than this are not looked at again by themselves.
const MOST_ISSUES: usize = 10_000;

/// What was met beside one mapping. Clones share it.
#[derive(Debug, Clone)]
pub struct UnknownFields {
    known: Arc<FieldMap>,
    met: Arc<Mutex<Met>>,
    appeared: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Met {
    fields: BTreeSet<String>,
    issues: BTreeSet<IssueId>,
}

impl UnknownFields {
    /// Nothing was met yet.
    pub fn beside(known: Arc<FieldMap>) -> Self {
        Self { known, met: Arc::default(), appeared: Arc::default() }
    }

    /// Resolves when a field appears that was not told of before.
    pub async fn appeared(&self) {
        self.appeared.notified().await;
    }

    /// The issues that had one.
    pub fn issues(&self) -> BTreeSet<IssueId> {
        self.met().issues.clone()
    }

    /// Looks through an issue as Jira gave it.
    pub(crate) fn look_at(&self, id: IssueId, issue: &Value) {
        let fields = issue.get("fields").and_then(Value::as_object);
        let unknown = fields.into_iter().flatten().filter(|(name, value)| {
            !value.is_null() && name.starts_with("customfield_") && self.known.field(name).is_none()
        });
        for (name, _) in unknown {
            let mut met = self.met();
            if met.issues.len() < MOST_ISSUES {
                met.issues.insert(id);
            }
            if met.fields.len() < MOST_FIELDS && met.fields.insert(name.clone()) {
                info!(issue.id = %id, "issue {id} has a field that the catalogue does not list");
                self.appeared.notify_one();
            }
        }
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;

    fn unknown() -> UnknownFields {
        let listed = transform::Catalogue::of(&[json!({"id": "customfield_1", "name": "Known"})]);
        let map = FieldMap::new(&Default::default(), Some(&listed)).unwrap();
        UnknownFields::beside(Arc::new(map))
    }

    #[test]
    fn an_unknown_field_is_told_of_once_and_its_issues_are_remembered() {
        let (unknown, id) = (unknown(), |n| IssueId::new(n).unwrap());
        let known = json!({"fields": {"summary": "x", "customfield_1": 1, "customfield_2": null}});
        unknown.look_at(id(1), &known);
        assert!(unknown.appeared().now_or_never().is_none());
        let strange = json!({"fields": {"customfield_2": "a value"}});
        unknown.look_at(id(2), &strange);
        assert!(unknown.appeared().now_or_never().is_some());
        unknown.look_at(id(3), &strange);
        assert!(unknown.appeared().now_or_never().is_none());
        assert_eq!(unknown.issues(), [id(2), id(3)].into());
    }
}
