//! The settings as plain data, one struct per section of `config/default.toml`, which documents
//! them. Handles (clients, ledgers, locks) are made from these elsewhere and passed by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::url::UrlSetting;

/// All settings, after every layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) jira: Jira,
    pub(crate) sla: Sla,
    pub(crate) sweep: Sweep,
    pub(crate) census: Census,
    pub(crate) verify: Verify,
    pub(crate) dimensions: Dimensions,
    pub(crate) check: Check,
    pub(crate) attachments: Attachments,
    pub(crate) webhook: Webhook,
    pub(crate) storage: Storage,
    pub(crate) reconcile: Reconcile,
    pub(crate) log: Log,
    /// Column of `issues` → field id or name.
    pub(crate) columns: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Jira {
    pub(crate) domain: String,
    pub(crate) email: String,
    pub(crate) api_token: SecretString,
    pub(crate) api_token_expires: String,
    pub(crate) projects: Vec<String>,
    pub(crate) base_url: UrlSetting,
    pub(crate) gateway: bool,
    pub(crate) gateway_url: UrlSetting,
    pub(crate) cloud_id: String,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) request_timeout_ms: u64,
    pub(crate) body_bytes: u64,
    pub(crate) rate_percent: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sla {
    pub(crate) email: String,
    pub(crate) api_token: SecretString,
    pub(crate) api_token_expires: String,
    pub(crate) poll_every_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sweep {
    pub(crate) every_ms: u64,
    pub(crate) long_every_ms: u64,
    pub(crate) long_look_back_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Census {
    pub(crate) every_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Verify {
    pub(crate) every_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Dimensions {
    pub(crate) every_ms: u64,
    pub(crate) organization_details: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Check {
    pub(crate) most_fixes: u32,
    pub(crate) grace_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Attachments {
    pub(crate) every_ms: u64,
    pub(crate) parallel: u32,
    pub(crate) max_bytes: u64,
    pub(crate) media_hosts: Vec<UrlSetting>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Webhook {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: UrlSetting,
    pub(crate) secret: SecretString,
    pub(crate) previous_secret: SecretString,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) proxy_header: String,
    pub(crate) body_bytes: u64,
    pub(crate) bodies_bytes: u64,
    pub(crate) in_flight: u32,
    pub(crate) connections: u32,
    pub(crate) in_flight_per_client: u32,
    pub(crate) connections_per_client: u32,
    pub(crate) reserved_percent: u32,
    pub(crate) first_byte_timeout_ms: u64,
    pub(crate) header_timeout_ms: u64,
    pub(crate) body_timeout_ms: u64,
    pub(crate) minimum_rate: u32,
    pub(crate) rate_grace_ms: u64,
    pub(crate) keep_days: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Storage {
    pub(crate) raw_dir: PathBuf,
    pub(crate) parquet_dir: PathBuf,
    pub(crate) store_dir: PathBuf,
    pub(crate) ledger: PathBuf,
    pub(crate) layout: LayoutStyle,
}

/// How the visible files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LayoutStyle {
    Flat,
    Hive,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Reconcile {
    pub(crate) workers: u32,
    pub(crate) parallel: u32,
    pub(crate) commit_issues: u32,
    pub(crate) look_timeout_ms: u64,
    pub(crate) confirm_pause_ms: u64,
    pub(crate) pause_ms: u64,
    pub(crate) backoff_min_ms: u64,
    pub(crate) backoff_max_ms: u64,
    pub(crate) suspect_wait_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Storage {
    /// The store's folder: as set, or `store` beside the folder that holds the tables.
    pub(crate) fn store(&self) -> PathBuf {
        if !self.store_dir.as_os_str().is_empty() {
            return self.store_dir.clone();
        }
        let holder = self.parquet_dir.parent().filter(|path| !path.as_os_str().is_empty());
        let root = holder.and_then(std::path::Path::parent).or(holder);
        root.map_or_else(|| PathBuf::from("store"), |root| root.join("store"))
    }

    /// The ledger's file: as set, or `ledger.db` beside the store.
    pub(crate) fn ledger(&self) -> PathBuf {
        if self.ledger.as_os_str().is_empty() {
            self.store().with_file_name("ledger.db")
        } else {
            self.ledger.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parquet: &str, store: &str, ledger: &str) {
        let storage = Storage {
            raw_dir: "raw".into(),
            parquet_dir: parquet.into(),
            store_dir: PathBuf::new(),
            ledger: PathBuf::new(),
            layout: LayoutStyle::Flat,
        };
        assert_eq!(storage.store(), PathBuf::from(store), "{parquet}");
        assert_eq!(storage.ledger(), PathBuf::from(ledger), "{parquet}");
    }

    #[test]
    fn the_store_is_beside_the_tables_and_never_inside() {
        check("data/parquet/jira", "data/store", "data/ledger.db");
        check("/srv/parquet/jira", "/srv/store", "/srv/ledger.db");
        check("parquet/jira", "store", "ledger.db");
        check("jira", "store", "ledger.db");
    }
}
