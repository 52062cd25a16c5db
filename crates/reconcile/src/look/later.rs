//! The look for what was put off: only the parts that are missing, and nothing else is asked again.
//!
//! Only for an issue whose other parts are complete and about which no newer hint came (that hint
//! would have made the look more urgent). Everything else gets a whole look.

use jira::id::{IssueId, Subject};
use ledger::{Again, Source, Work};
use serde_json::Value;

use super::keep::write;
use super::{Looked, Looker};
use crate::Error;
use crate::assemble::fill_remote_links;
use crate::fetch::Fetcher;
use crate::part::{Name, Part, Retry};

impl Looker {
    /// Fetches the missing remote links alone; `None` when the issue needs a whole look.
    pub(super) async fn fill(
        &self,
        fetcher: &Fetcher,
        work: &Work,
        id: IssueId,
    ) -> Result<Option<Looked>, Error> {
        let record = self.ledger.issue(&Subject::Id(id)).await?;
        let Some(record) = record.filter(|record| record.deleted_at.is_none()) else {
            return Ok(None);
        };
        let known = self.known(id, &record.key).await?;
        let Some(mut json) = known.filter(lacks_only_remote_links) else { return Ok(None) };
        let part = fetcher.remote_links(id).await?;
        let again = match &part {
            Part::Incomplete { reason, again: Retry::Soon | Retry::Later, .. } => {
                let wait = self.limits.back_off.after(work.attempts, rand::random());
                let due = self.clock.now().plus(wait);
                Some(Again { due, reason: reason.clone(), source: Source::Later })
            }
            Part::Incomplete { again: Retry::Never, .. } | Part::Complete(_) => None,
        };
        fill_remote_links(&mut json, part, self.clock.now());
        let change = write(&self.lake, (&record.key, None), json).await?;
        Ok(Some(Looked { change: Some(change), key: record.key, again }))
    }
}

/// Whether the remote links are the one part that is not complete.
fn lacks_only_remote_links(known: &Value) -> bool {
    let Some(parts) = known.get("_parts").and_then(Value::as_object) else { return false };
    let lacking: Vec<&str> = parts
        .iter()
        .filter(|(_, part)| part.get("complete") != Some(&Value::Bool(true)))
        .map(|(name, _)| name.as_str())
        .filter(|name| *name != Name::Attachments.as_str())
        .collect();
    lacking == [Name::RemoteLinks.as_str()]
}
