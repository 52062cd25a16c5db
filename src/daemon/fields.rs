//! The site's fields: learned before anything is copied, refreshed daily and when an issue has one
//! that is not known.
//!
//! Promises: the catalogue beside the snapshots is whole or what it was; an unknown field leads to
//! one question and not to one for each issue that has it; the issues that had it are looked at
//! again once it is known. Must not stop the loop because of a catalogue that cannot be had.

use std::time::Duration;

use jira::id::Subject;
use jira::page::{self, Outcome};
use jira::payload::Field;
use lake::Raw;
use ledger::Source;
use reconcile::unknown::UnknownFields;
use tracing::{info, warn};
use transform::{Catalogue, FieldMap};

use super::{Rounds, start};

/// Between two questions that unknown fields lead to.
const SOON: Duration = Duration::from_secs(60);

impl Rounds {
    /// Refreshes the catalogue. A site of which none is known yet, or whose catalogue cannot be read,
    /// is not copied by guesswork: then this waits until Jira answers.
    pub(super) async fn learn_fields(&self) -> anyhow::Result<()> {
        let known = match Raw::at(&self.settings.storage.raw_dir)?.read_catalogue() {
            Ok(catalogue) => catalogue.is_some(),
            Err(error @ lake::Error::Unreadable { .. }) => {
                let cause = crate::report::causes(&error);
                warn!("the field catalogue is damaged, fetching it again: {cause}");
                false
            }
            Err(error) => return Err(error.into()),
        };
        let back_off = self.limits.back_off;
        for failed in 0.. {
            match self.refresh_catalogue().await {
                Ok(()) => return Ok(()),
                Err(error) => warn!("the field catalogue is not refreshed: {error:#}"),
            }
            if known {
                break;
            }
            tokio::time::sleep(back_off.after(failed, rand::random())).await;
        }
        Ok(())
    }

    /// Resolves when the mapping is another one than `now`; until then it asks whenever it is time
    /// to.
    pub(super) async fn new_fields(&self, now: &FieldMap, unknown: &UnknownFields) {
        loop {
            tokio::select! {
                () = self.a_day() => {}
                () = unknown.appeared() => {}
            }
            if self.changed_at_last(now).await {
                return self.look_again(unknown).await;
            }
            info!("the site's fields are what they were");
            tokio::time::sleep(SOON).await;
        }
    }

    /// Asks until there is an answer: an unknown field is told of once, so that a question that failed
    /// must not be forgotten.
    async fn changed_at_last(&self, now: &FieldMap) -> bool {
        let mut failed = 0_u32;
        loop {
            match self.changed(now).await {
                Ok(changed) => return changed,
                Err(error) => warn!("the field catalogue is not refreshed: {error:#}"),
            }
            tokio::time::sleep(self.limits.back_off.after(failed, rand::random())).await;
            failed = failed.saturating_add(1);
        }
    }

    async fn a_day(&self) {
        match self.settings.dimensions.every_ms {
            0 => std::future::pending().await,
            every => tokio::time::sleep(Duration::from_millis(every)).await,
        }
    }

    async fn changed(&self, now: &FieldMap) -> anyhow::Result<bool> {
        self.refresh_catalogue().await?;
        Ok(start::field_map(&self.settings)? != *now)
    }

    /// Rows that were made while a field was unknown lack its name.
    async fn look_again(&self, unknown: &UnknownFields) {
        let subjects: Vec<Subject> = unknown.issues().into_iter().map(Subject::Id).collect();
        let hinted = self.ledger.hint(&subjects, Source::Sweep, self.clock.now()).await;
        if let Err(error) = hinted {
            warn!("issues with a new field are not looked at again: {error}");
        }
    }

    /// `GET /field` united with `/field/search`, kept beside the snapshots, so that a rebuild
    /// without network maps the same way.
    async fn refresh_catalogue(&self) -> anyhow::Result<()> {
        // An answer to an anonymous caller has fewer fields: prove who we are first.
        self.jira.identify().await?;
        let mut all = self.jira.fields().await?;
        let found = page::walk(|start| self.jira.field_search(start)).await;
        match found.outcome {
            Outcome::Complete => {}
            Outcome::Incomplete(reason) => anyhow::bail!("the search for fields: {reason}"),
            Outcome::Failed(error) => return Err(error.into()),
        }
        all.extend(found.items.iter().filter_map(Field::read));
        let all: Vec<_> = all.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let folder = self.settings.storage.raw_dir.clone();
        let write = move || {
            lake::durable::create_folder(&folder)?;
            anyhow::Ok(Raw::at(&folder)?.write_catalogue(&Catalogue::of(&all))?)
        };
        tokio::task::spawn_blocking(write).await?
    }
}
