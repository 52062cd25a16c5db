//! `jiralake config show|validate|webhook`: the settings with their origins, and what to paste into
//! Jira.

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::cli::Common;
use crate::daemon::start;
use crate::exit::Done;
use crate::report;

/// Show or check the settings, or print what to paste into Jira.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every setting with its value and where it came from (secrets as "(set)")
    Show,
    /// Check that `serve` could start with these settings
    Validate,
    /// The URL and the secret for Jira's webhook page: prints the secret, so mind who looks on
    Webhook,
}

impl Show {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        match self.what {
            What::Show if common.json => {
                let all: serde_json::Map<_, _> = config
                    .layers
                    .listing()
                    .map(|(key, value, origin)| {
                        (key.to_owned(), json!({"value": value, "origin": origin.to_string()}))
                    })
                    .collect();
                report::data(serde_json::to_string_pretty(&all)?)?;
            }
            What::Show => {
                for (key, value, origin) in config.layers.listing() {
                    report::data(format_args!("{key} = {}  # {origin}", report::escaped(&value)))?;
                }
            }
            What::Validate => {
                start::check(&config.settings)?;
                report::data("the settings are in order")?;
            }
            What::Webhook => {
                start::secrets(&config.settings)?;
                let url = start::webhook_url(&config.settings, config.settings.webhook.listen);
                let secret = config.settings.webhook.secret.expose_secret();
                let url = url.expose();
                if common.json {
                    report::data(json!({"url": url, "secret": secret}))?;
                } else {
                    report::data(format_args!("URL     {url}\nSecret  {secret}"))?;
                    let origin = config.layers.origin("webhook.secret").context("no secret")?;
                    report::talk(format_args!("The secret comes from: {origin}"));
                }
            }
        }
        Ok(Done::All)
    }
}
