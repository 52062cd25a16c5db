//! Fetches one issue with all its parts, side by side.
//!
//! First the issue, its remote links and (once it is known that the first account may not read
//! them) its SLA values through the service account, all at once; then the pages that the embed
//! limits cut off. Promises: every part comes back complete or says why not; an issue that did not
//! come is an error and nothing else; an answer given to nobody in particular is never believed.
//! Does not retry: `policy` decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jira::client::{Client, Error as JiraError, FieldId, Fields, History, IssueQuery};
use jira::id::{IssueId, IssueKey, Subject};
use jira::pace::Priority;
use jira::page::{self, Outcome, Reason, Walk};
use jira::time::Instant;
use serde_json::{Map, Value};

mod many;

pub use many::FetchedMany;

use crate::Error;
use crate::assemble::is_refused;
use crate::part::{Part, Retry};

/// What came back for one issue.
#[derive(Debug)]
pub struct Fetched {
    /// Its identity, as asked for.
    pub id: IssueId,
    /// Its key now.
    pub key: IssueKey,
    /// Jira's JSON for the issue, with the embedded lists as they came.
    pub issue: Value,
    /// All comments.
    pub comments: Part,
    /// The whole history.
    pub changelog: Part,
    /// All worklogs.
    pub worklogs: Part,
    /// All remote links.
    pub remote_links: Part,
    /// SLA values.
    pub sla: Overlay,
}

/// The SLA values of an issue, where the first account's are refused.
#[derive(Debug)]
pub enum Overlay {
    /// The first account reads them itself, or there are none.
    None,
    /// The first account is refused.
    Refused {
        /// The SLA fields.
        fields: Vec<String>,
        /// What the service account read.
        values: Map<String, Value>,
        /// Why it could not, and when another look may.
        failure: Option<(String, Retry)>,
    },
}

/// Fetches issues. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    main: Client,
    service: Option<Client>,
    sla_fields: Arc<[FieldId]>,
    /// Learned from the first refusal: from then on the overlay is fetched beside the issue.
    refused: Arc<AtomicBool>,
}

impl Fetcher {
    /// `main` reads everything; `service` reads the SLA values that `main` may not.
    pub fn new(main: Client, service: Option<Client>, sla_fields: Vec<FieldId>) -> Self {
        Self {
            main,
            service,
            sla_fields: sla_fields.into(),
            refused: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The account that reads everything.
    pub fn main(&self) -> &Client {
        &self.main
    }

    /// The same, asking with this urgency.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        let at = |client: &Client| client.at(priority);
        Self { main: at(&self.main), service: self.service.as_ref().map(at), ..self.clone() }
    }

    /// The id behind a key, current or former.
    pub async fn id_of(&self, key: &IssueKey) -> Result<IssueId, Error> {
        let query = IssueQuery { fields: Fields::These(Vec::new()), history: History::Leave };
        let answer = self.main.issue(&Subject::Key(key.clone()), query).await?;
        identity(&answer.json).map(|(id, _)| id)
    }

    /// The whole issue. An error means that nothing is known about it; a part that failed is not
    /// an error, unless it says that the credentials are refused.
    pub async fn fetch(&self, id: IssueId) -> Result<Fetched, Error> {
        let whole = IssueQuery { fields: Fields::All, history: History::Embed };
        let subject = Subject::Id(id);
        let early = self.refused.load(Ordering::Relaxed);
        let (issue, links, overlay) =
            tokio::join!(self.main.issue(&subject, whole), self.remote_links(id), async {
                if early { Some(self.overlay(id).await) } else { None }
            },);
        let issue = issue?.json;
        let (found, key) = identity(&issue)?;
        if found != id {
            return Err(Error::NotTheIssue);
        }
        let (comments, changelog, worklogs, sla) = tokio::join!(
            self.comments(id, &issue),
            self.changelog(id, &issue),
            self.worklogs(id, &issue),
            self.sla(id, &issue, overlay),
        );
        Ok(Fetched {
            id,
            key,
            comments: comments?,
            changelog: changelog?,
            worklogs: worklogs?,
            remote_links: links?,
            sla: sla?,
            issue,
        })
    }

    /// All remote links of an issue.
    pub async fn remote_links(&self, id: IssueId) -> Result<Part, Error> {
        Ok(match self.main.remote_links(id).await {
            Ok(items) => Part::Complete(items),
            Err(error) => Part::failed(blame("remote links", &error), may_heal(error)?),
        })
    }

    async fn comments(&self, id: IssueId, issue: &Value) -> Result<Part, Error> {
        match whole_embed(issue, "/fields/comment", "comments") {
            Some(items) => Ok(Part::Complete(items)),
            None => {
                let walk = page::walk(|start| self.main.comments(id, start)).await;
                part("comments", walk, embedded(issue, "/fields/comment", "comments"))
            }
        }
    }

    async fn changelog(&self, id: IssueId, issue: &Value) -> Result<Part, Error> {
        match whole_embed(issue, "/changelog", "histories") {
            Some(items) => Ok(Part::Complete(items)),
            None => {
                let walk = page::walk(|start| self.main.changelog(id, start)).await;
                part("changelog", walk, embedded(issue, "/changelog", "histories"))
            }
        }
    }

    async fn worklogs(&self, id: IssueId, issue: &Value) -> Result<Part, Error> {
        match whole_embed(issue, "/fields/worklog", "worklogs") {
            Some(items) => Ok(Part::Complete(items)),
            None => {
                let walk = page::walk(|start| self.main.worklogs(id, start)).await;
                part("worklogs", walk, embedded(issue, "/fields/worklog", "worklogs"))
            }
        }
    }

    /// Decides from the issue whether an overlay is needed and fetches it unless it came already.
    async fn sla(
        &self,
        id: IssueId,
        issue: &Value,
        early: Option<Values>,
    ) -> Result<Overlay, Error> {
        let Some(fields) = self.refused_fields(issue) else { return Ok(Overlay::None) };
        if self.service.is_none() {
            let failure = "the account may not read SLA values and no service account is set";
            let failure = Some((failure.to_owned(), Retry::Never));
            return Ok(Overlay::Refused { fields, values: Map::new(), failure });
        }
        let answer = match early {
            // Read before the issue's last change: nothing would ever bring its clocks up to date.
            Some(Ok(values)) if is_older(&values, issue) => self.overlay(id).await,
            Some(answer) => answer,
            None => self.overlay(id).await,
        };
        Ok(match answer {
            Ok(values) => Overlay::Refused { fields, values, failure: None },
            Err(failure) => Overlay::Refused { fields, values: Map::new(), failure: Some(failure) },
        })
    }

    /// The SLA fields, if the first account is refused one of them.
    fn refused_fields(&self, issue: &Value) -> Option<Vec<String>> {
        let fields = issue.get("fields");
        let value = |name: &str| fields.and_then(|fields| fields.get(name));
        let names: Vec<String> = self.sla_fields.iter().map(ToString::to_string).collect();
        let refused = names.iter().filter_map(|name| value(name)).any(is_refused);
        if refused {
            self.refused.store(true, Ordering::Relaxed);
        }
        refused.then_some(names)
    }

    async fn overlay(&self, id: IssueId) -> Values {
        let Some(service) = &self.service else { return Ok(Map::new()) };
        let query = IssueQuery { fields: self.sla_query(), history: History::Leave };
        let answer = service.issue(&Subject::Id(id), query).await.map_err(not_read)?;
        Ok(fields_of(&answer.json))
    }

    /// The SLA fields, and as of when they are.
    fn sla_query(&self) -> Fields {
        let updated = UPDATED.parse().ok();
        Fields::These(self.sla_fields.iter().cloned().chain(updated).collect())
    }
}

const UPDATED: &str = "updated";

/// Whether values were read before the issue was last changed; not known counts as that.
fn is_older(values: &Map<String, Value>, issue: &Value) -> bool {
    let at = |value: Option<&Value>| value.and_then(Value::as_str).and_then(Instant::parse);
    let issue = issue.get("fields").and_then(|fields| fields.get(UPDATED));
    match (at(values.get(UPDATED)), at(issue)) {
        (Some(values), Some(issue)) => values < issue,
        _ => true,
    }
}

/// SLA values by field, or why they could not be read.
type Values = Result<Map<String, Value>, (String, Retry)>;

/// The service account's trouble is not the loop's: its 401 stops nothing else, and asking for
/// every issue again would not bring its token back.
fn not_read(error: JiraError) -> (String, Retry) {
    let reason = blame("SLA values", &error);
    let again = match error {
        JiraError::Unauthorized | JiraError::Anonymous => Retry::Never,
        other => may_heal(other).unwrap_or(Retry::Soon),
    };
    (reason, again)
}

fn fields_of(issue: &Value) -> Map<String, Value> {
    issue.get("fields").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Id and key of what claims to be an issue.
fn identity(issue: &Value) -> Result<(IssueId, IssueKey), Error> {
    let text = |name: &str| issue.get(name).and_then(Value::as_str);
    let id = text("id").and_then(|id| id.parse().ok());
    let key = text("key").and_then(|key| key.parse().ok());
    id.zip(key).ok_or(Error::NotTheIssue)
}

/// The embedded list, if the issue's answer holds all of it. A list that is not there, or whose
/// total is not known, is not an empty list.
fn whole_embed(issue: &Value, at: &str, list: &str) -> Option<Vec<Value>> {
    let items = embedded(issue, at, list)?;
    let total = issue.pointer(at)?.get("total")?.as_u64()?;
    (total <= items.len() as u64).then_some(items)
}

fn embedded(issue: &Value, at: &str, list: &str) -> Option<Vec<Value>> {
    issue.pointer(at)?.get(list)?.as_array().cloned()
}

/// A walk's result as a part. What was embedded is not lost when the walk breaks off early.
fn part(name: &str, walk: Walk, embedded: Option<Vec<Value>>) -> Result<Part, Error> {
    let Walk { mut items, total, outcome } = walk;
    let (reason, again) = match outcome {
        Outcome::Complete => return Ok(Part::Complete(items)),
        Outcome::Incomplete(reason) => (reason.to_string(), may_settle(reason)),
        Outcome::Failed(error) => (blame(name, &error), may_heal(error)?),
    };
    items.extend(embedded.unwrap_or_default());
    Ok(Part::Incomplete { items, total, reason, again })
}

/// Whether a list that did not add up may add up next time.
fn may_settle(reason: Reason) -> Retry {
    match reason {
        Reason::CountDiffers { .. } | Reason::Changing => Retry::Soon,
        // The same bound or the same server would be met again and again.
        Reason::Repeats | Reason::TooManyPages | Reason::TooManyItems => Retry::Never,
    }
}

/// Whether another look may bring the part; an error that concerns the whole loop is passed on.
fn may_heal(error: JiraError) -> Result<Retry, Error> {
    match error {
        // Jira's pause is for more than this part.
        JiraError::Unauthorized | JiraError::Anonymous | JiraError::Throttled { .. } => {
            Err(error.into())
        }
        JiraError::Unreachable { .. } | JiraError::Server { .. } | JiraError::Malformed { .. } => {
            Ok(Retry::Soon)
        }
        // Linking or time tracking may be turned off: asking again and again would not heal it.
        JiraError::Forbidden
        | JiraError::NotFound
        | JiraError::Rejected { .. }
        | JiraError::TooLarge { .. } => Ok(Retry::Never),
    }
}

fn blame(what: &str, error: &JiraError) -> String {
    format!("{what}: {error}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_from_before_the_last_change_are_older_and_so_are_those_of_unknown_age() {
        let check = |values: Value, issue: Value, older: bool| {
            let issue = json!({"fields": {"updated": issue}});
            let values = json!({"updated": values}).as_object().cloned().unwrap();
            assert_eq!(is_older(&values, &issue), older, "{values:?} {issue}");
        };
        let (early, late) = ("2026-02-03T12:06:52.829+0100", "2026-02-03T12:06:52.830+0100");
        check(json!(early), json!(late), true);
        check(json!(late), json!(early), false);
        check(json!(early), json!("2026-02-03T11:06:52.829+0000"), false);
        check(json!(null), json!(late), true);
        check(json!(early), json!(7), true);
    }
}
