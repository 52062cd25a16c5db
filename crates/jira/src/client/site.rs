//! The site's catalogues: what statuses, projects, people and organizations there are.

use serde_json::Value;

use super::ask::paged;
use super::{Client, Error};
use crate::id::OrganizationId;
use crate::payload::Page;

impl Client {
    /// All statuses of active workflows: they are not paged.
    pub async fn statuses(&self) -> Result<Vec<Value>, Error> {
        match self.get("statuses", self.url(&["status"])).await?.json {
            Value::Array(statuses) => Ok(statuses),
            _ => Err(Error::Malformed { what: "statuses are not a list" }),
        }
    }

    /// A page of the projects that the account can see. Jira gives at most 100.
    pub async fn projects(&self, start_at: u64) -> Result<Page, Error> {
        let url = paged(self.url(&["project", "search"]), start_at, 100);
        self.page("projects", url, &["values"]).await
    }

    /// A page of all accounts, those of apps and customers included; the first empty page is the
    /// end. Jira gives at most 1,000.
    pub async fn users(&self, start_at: u64) -> Result<Page, Error> {
        let url = paged(self.url(&["users", "search"]), start_at, 1000);
        let answer = self.get("users", url).await?;
        Page::bare(answer.json).ok_or(Error::Malformed { what: "users are not a list" })
    }

    /// A page of the service desk's customer organizations. An organization can come twice.
    pub async fn organizations(&self, start: u64) -> Result<Page, Error> {
        let mut url = self.base().api(&["rest", "servicedeskapi", "organization"]);
        url.query_pairs_mut().append_pair("start", &start.to_string()).append_pair("limit", "50");
        self.page("organizations", url, &["values"]).await
    }

    /// The details of an organization in the customer service API: `{id, name, values: […]}` each.
    /// Only the gateway has it; an account without access to it gets [`Error::Forbidden`].
    pub async fn organization_details(&self, id: OrganizationId) -> Result<Vec<Value>, Error> {
        let url = self.base().customer_service(&["organization", &id.to_string()]);
        let url = url.ok_or(Error::Malformed { what: "organization details need the gateway" })?;
        match self.get("organization_details", url).await?.json.get_mut("details") {
            Some(Value::Array(details)) => Ok(std::mem::take(details)),
            Some(_) | None => Err(Error::Malformed { what: "an organization without details" }),
        }
    }
}
