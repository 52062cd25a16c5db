//! Who is asking, and whom: `/myself`, `/serverInfo` and `/_edge/tenant_info`.

use serde_json::Value;

use super::text;
use crate::time::Instant;

/// The account that a request is answered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Myself {
    /// Stable id of the account.
    pub account_id: String,
    /// Name for people; Jira may hide it.
    pub display_name: Option<String>,
    /// The zone in which Jira reads this account's JQL dates, such as `Europe/Prague`.
    pub time_zone: Option<String>,
    /// The profile's language, such as `en_US`.
    pub locale: Option<String>,
    /// `atlassian`, `app` or `customer`.
    pub account_type: Option<String>,
}

impl Myself {
    /// Reads the answer of `GET /myself`; without an account id it is nobody's.
    pub fn read(json: &Value) -> Option<Self> {
        Some(Self {
            account_id: text(json, "accountId").filter(|id| !id.is_empty())?,
            display_name: text(json, "displayName"),
            time_zone: text(json, "timeZone"),
            locale: text(json, "locale"),
            account_type: text(json, "accountType"),
        })
    }
}

/// What the site says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The site's address as people see it, also when it was asked through the gateway.
    pub base_url: Option<String>,
    /// Jira's version.
    pub version: Option<String>,
    /// `Cloud`; anything else is not what this client is made for.
    pub deployment_type: Option<String>,
    /// Jira's clock.
    pub server_time: Option<Instant>,
    /// The site's zone.
    pub server_time_zone: Option<String>,
}

impl ServerInfo {
    /// Reads the answer of `GET /serverInfo`, an object of which any member may be missing.
    pub fn read(json: &Value) -> Option<Self> {
        json.is_object().then(|| Self {
            base_url: text(json, "baseUrl"),
            version: text(json, "version"),
            deployment_type: text(json, "deploymentType"),
            server_time: text(json, "serverTime").and_then(|time| Instant::parse(&time)),
            server_time_zone: text(json, "serverTimeZone"),
        })
    }
}

/// What a site tells anybody: the id under which the gateway knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantInfo {
    /// The cloud id, as it came; a base URL checks it before it is used.
    pub cloud_id: String,
}

impl TenantInfo {
    /// Reads the answer of `GET /_edge/tenant_info`.
    pub fn read(json: &Value) -> Option<Self> {
        Some(Self { cloud_id: text(json, "cloudId")? })
    }
}
