//! The walk over what a search finds, page by page along its tokens.
//!
//! Promises: it ends where Jira says so, never because a page was short; it is bounded; an entry that
//! cannot be read is counted, so that nobody takes what was read for all. Each page is handed over
//! before the next one is asked for, with the token that leads on from it.

use jira::client::Client;
use jira::payload::FoundPage;

use crate::Error;

/// Pages of 100 up to 5,000 issues: more than any site holds.
const MOST_PAGES: u32 = 1_000_000;

/// The restriction to the projects that are kept, to be joined to a query by `AND`.
pub fn within(projects: &[String], query: &str) -> String {
    if projects.is_empty() {
        return query.to_owned();
    }
    // Project keys are checked at the start: nothing in them ends the quotes.
    let keys: Vec<String> = projects.iter().map(|key| format!("\"{key}\"")).collect();
    format!("project in ({}) AND {query}", keys.join(", "))
}

/// What is asked of each issue that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Its key: 5,000 issues a page.
    Keys,
    /// Its key and when it was last changed: 100 issues a page.
    Updated,
}

/// A walk on its way.
#[derive(Debug)]
pub struct Walk {
    client: Client,
    jql: String,
    ask: Ask,
    /// Of the next page; `None` at the start.
    token: Option<String>,
    pages: u32,
    over: bool,
}

impl Walk {
    /// A walk from the start, or from a token of the same query.
    pub fn new(client: Client, jql: String, ask: Ask, token: Option<String>) -> Self {
        Self { client, jql, ask, token, pages: 0, over: false }
    }

    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<FoundPage>, Error> {
        if self.over {
            return Ok(None);
        }
        self.pages += 1;
        if self.pages > MOST_PAGES {
            return Err(Error::EndlessSearch);
        }
        let token = self.token.as_deref();
        let page = match self.ask {
            Ask::Keys => self.client.search_keys(&self.jql, token).await?,
            Ask::Updated => self.client.search_updated(&self.jql, token).await?,
        };
        match &page.next {
            // A server that hands out the same token for ever would be walked for ever.
            Some(next) if self.token.as_ref() == Some(next) => return Err(Error::EndlessSearch),
            Some(next) => self.token = Some(next.clone()),
            None if page.is_last == Some(false) => return Err(Error::SearchBrokeOff),
            None => self.over = true,
        }
        Ok(Some(page))
    }
}

#[cfg(test)]
pub(crate) mod fake_site;
#[cfg(test)]
mod tests;
