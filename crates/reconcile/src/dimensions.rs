//! The dimensions: what projects, people, statuses, fields and organizations there are, asked whole
//! and replaced whole.
//!
//! Promises: a list that did not come to its end replaces nothing; an answer to nobody in particular
//! is not believed; one that has shrunk to less than half waits for a person's word, which counts
//! for one pass. A site without a service desk has no organizations, which is not a failure of the
//! others. Details of organizations are asked for where the settings name some.

use jira::client::{Client, Error as JiraError};
use jira::page::{self, Outcome, Walk};
use lake::{Lake, Shrink};
use ledger::Ledger;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::{info, warn};
use transform::Dimension;

use crate::Error;
use crate::look::chain;

/// Where a person's word is kept until the pass for which it counts.
const MAY_SHRINK: &str = "dimensions.may-shrink";

/// The detail that stands for all of them.
const ALL: &str = "*";

/// Refreshes the dimensions. Cheap to clone.
#[derive(Clone)]
pub struct Dimensions {
    /// Asks with the sweep's urgency.
    pub client: Client,
    /// Where a person's word is.
    pub ledger: Ledger,
    /// Where they go.
    pub lake: Lake,
    /// Which details of organizations, and through which account.
    pub details: Option<Details>,
}

/// What is asked about each organization beside its name.
#[derive(Clone)]
pub struct Details {
    /// An account behind the gateway.
    pub client: Client,
    /// The names of the details that are kept; `*` is all of them.
    pub names: Vec<String>,
}

/// What a pass did: dimensions by how they fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Refreshed {
    /// They are as Jira says.
    pub replaced: u64,
    /// The account may not read them, or the site has none.
    pub closed: u64,
    /// They shrank to less than half, which a person has to confirm.
    pub refused: u64,
    /// Rows of all that were replaced.
    pub rows: u64,
}

/// Takes a person's word that these lists may be less than half of what they were: for the next
/// pass, whichever process makes it.
pub async fn may_shrink(ledger: &Ledger, dimensions: &[Dimension]) -> Result<(), Error> {
    // Nothing said takes nothing back that was said before.
    if dimensions.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = dimensions.iter().map(|dimension| dimension.name()).collect();
    Ok(ledger.set_cursor(MAY_SHRINK, &names.join(",")).await?)
}

impl Dimensions {
    /// One pass over all of them.
    pub async fn pass(&self) -> Result<Refreshed, Error> {
        self.client.identify().await?;
        let allowed = self.ledger.cursor(MAY_SHRINK).await?.unwrap_or_default();
        let mut refreshed = Refreshed::default();
        for dimension in Dimension::ALL.iter().copied() {
            let shrinks = allowed.split(',').any(|name| name == dimension.name());
            let shrink = if shrinks { Shrink::Allow } else { Shrink::Refuse };
            let entries = match self.list(dimension).await {
                Ok(entries) => entries,
                Err(Error::Jira(JiraError::Forbidden | JiraError::NotFound)) => {
                    refreshed.closed += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.lake.replace_dimension(dimension, entries, shrink).await {
                Ok(replaced) => {
                    refreshed.replaced += 1;
                    refreshed.rows += replaced.rows;
                }
                Err(error @ lake::Error::Shrunk { .. }) => {
                    let name = dimension.name();
                    warn!(
                        "{name} stays as it is: {}; if it is right, \
                         `jiralake dimensions --may-shrink {name}`",
                        chain(&error)
                    );
                    refreshed.refused += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !allowed.is_empty() {
            self.ledger.set_cursor(MAY_SHRINK, "").await?;
        }
        let Refreshed { replaced, rows, .. } = refreshed;
        info!(replaced, rows, "{replaced} dimensions are as Jira says, {rows} rows");
        Ok(refreshed)
    }

    async fn list(&self, dimension: Dimension) -> Result<Vec<Value>, Error> {
        let client = &self.client;
        match dimension {
            Dimension::Projects => whole(page::walk(|start| client.projects(start)).await),
            Dimension::Users => whole(page::walk(|start| client.users(start)).await),
            Dimension::Organizations => {
                let mut entries = whole(page::walk(|start| client.organizations(start)).await)?;
                if let Some(details) = &self.details {
                    details.fill(&mut entries).await?;
                }
                Ok(entries)
            }
            Dimension::Statuses => Ok(client.statuses().await?),
            Dimension::Fields => {
                let mut fields: Vec<Value> =
                    client.fields().await?.iter().map(|field| json!(field)).collect();
                fields.extend(whole(page::walk(|start| client.field_search(start)).await)?);
                Ok(fields)
            }
        }
    }
}

impl Details {
    /// Puts the details beside what the list says. An organization that is gone meanwhile has none;
    /// any other trouble is the whole list's, because no details are not known to be no details.
    async fn fill(&self, organizations: &mut [Value]) -> Result<(), Error> {
        for organization in organizations {
            let id = organization.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let (Some(id), Some(entry)) = (id, organization.as_object_mut()) else { continue };
            let details = match self.client.organization_details(id).await {
                Ok(details) => details,
                Err(JiraError::NotFound) => continue,
                Err(JiraError::Forbidden) => return Err(Error::DetailsForbidden),
                Err(error) => return Err(error.into()),
            };
            let kept = details.into_iter().filter(|detail| self.keeps(detail)).collect();
            entry.insert("details".to_owned(), Value::Array(kept));
        }
        Ok(())
    }

    fn keeps(&self, detail: &Value) -> bool {
        let name = detail.get("name").and_then(Value::as_str).unwrap_or_default();
        self.names.iter().any(|wanted| wanted == ALL || wanted.eq_ignore_ascii_case(name))
    }
}

/// All entries, or nothing: less than all must not replace what is there.
fn whole(walk: Walk) -> Result<Vec<Value>, Error> {
    match walk.outcome {
        Outcome::Complete => Ok(walk.items),
        Outcome::Incomplete(_) => Err(Error::SearchBrokeOff),
        Outcome::Failed(error) => Err(error.into()),
    }
}
