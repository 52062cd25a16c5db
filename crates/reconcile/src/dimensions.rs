//! The dimensions: what projects, people, statuses, fields and organizations there are, asked whole
//! and replaced whole.
//!
//! Promises: a list that did not come to its end replaces nothing; an answer to nobody in particular
//! is not believed; one that has shrunk to less than half waits for a person. A site without a
//! service desk has no organizations, which is not a failure of the others.

use jira::client::{Client, Error as JiraError};
use jira::page::{self, Outcome, Walk};
use lake::{Lake, Shrink};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::{info, warn};
use transform::Dimension;

use crate::Error;
use crate::look::chain;

/// Refreshes the dimensions. Cheap to clone.
#[derive(Clone)]
pub struct Dimensions {
    /// Asks with the sweep's urgency.
    pub client: Client,
    /// Where they go.
    pub lake: Lake,
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

impl Dimensions {
    /// One pass over all of them.
    pub async fn pass(&self, shrink: Shrink) -> Result<Refreshed, Error> {
        self.client.identify().await?;
        let mut refreshed = Refreshed::default();
        for dimension in Dimension::ALL.iter().copied() {
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
                    warn!("{} stays as it is: {}", dimension.name(), chain(&error));
                    refreshed.refused += 1;
                }
                Err(error) => return Err(error.into()),
            }
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
                whole(page::walk(|start| client.organizations(start)).await)
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

/// All entries, or nothing: less than all must not replace what is there.
fn whole(walk: Walk) -> Result<Vec<Value>, Error> {
    match walk.outcome {
        Outcome::Complete => Ok(walk.items),
        Outcome::Incomplete(_) => Err(Error::SearchBrokeOff),
        Outcome::Failed(error) => Err(error.into()),
    }
}
