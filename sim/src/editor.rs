//! Keeps editing: a seeded editor that does what people do to tickets all day.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::site::{NewComment, NewIssue, Site};

/// One edit that was made.
#[derive(Clone, Debug, Serialize)]
pub struct Edited {
    /// The issue.
    pub key: String,
    /// What was done, in words.
    pub what: &'static str,
}

/// The editor; clones share the chance.
#[derive(Clone, Debug)]
pub struct Editor {
    site: Site,
    chance: Arc<Mutex<StdRng>>,
}

impl Editor {
    pub(crate) fn new(site: Site, seed: u64) -> Self {
        let chance = StdRng::seed_from_u64(seed ^ 0x6564_6974);
        Self { site, chance: Arc::new(Mutex::new(chance)) }
    }

    /// Makes so many edits at once.
    pub fn burst(&self, edits: usize) -> Result<Vec<Edited>, Error> {
        (0..edits).map(|_| self.once()).collect()
    }

    /// Edits about so many times a second until the future is dropped, and tells each edit.
    pub async fn keep_editing(
        &self,
        per_second: f64,
        mut tell: impl FnMut(Edited),
    ) -> Result<(), Error> {
        loop {
            // Arrivals of independent people: exponential gaps.
            let luck: f64 = self.with(|chance| chance.random_range(0.000_1..1.0));
            let gap = -luck.ln() / per_second.max(0.001);
            tokio::time::sleep(Duration::from_secs_f64(gap.min(60.0))).await;
            tell(self.once()?);
        }
    }

    /// Makes one edit.
    pub fn once(&self) -> Result<Edited, Error> {
        let mut issues = self.site.keys();
        // People work on what is new.
        let recent = issues.split_off(issues.len().saturating_sub(200));
        let people = self.site.people();
        self.with(|chance| {
            let somebody = people.choose(chance).cloned().unwrap_or_default();
            let site = self.site.acting_as(&somebody);
            match (recent.choose(chance), chance.random_range(0..100)) {
                (None, _) | (_, 0..8) => create(&site, chance),
                (Some(key), turn) => edit(&site, key, turn, chance, &recent),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut StdRng) -> T) -> T {
        work(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const SUBJECTS: &[&str] = &[
    "Login page answers with a blank screen",
    "Invoice shows the wrong currency",
    "Export to CSV loses the last row",
    "Please add my colleague to the workspace",
    "Webhook deliveries stopped since this morning",
    "검색 결과가 비어 있습니다",
    "ダッシュボードが表示されない",
    "لا يمكنني رفع الملفات 📎",
];

const REPLIES: &[&str] = &[
    "Thank you for the report, we are looking into it.",
    "Could you attach the browser console output?\nThe network tab would help as well.",
    "I can reproduce this on staging.",
    "This is fixed in today's release. Please try again 🎉",
    "もう一度お試しください。",
    "شكراً، تم حل المشكلة.",
];

fn pick(chance: &mut StdRng, from: &'static [&'static str]) -> &'static str {
    from.choose(chance).copied().unwrap_or_default()
}

fn create(site: &Site, chance: &mut StdRng) -> Result<Edited, Error> {
    let project = site.first_project();
    let mut new = NewIssue::new(&project, pick(chance, SUBJECTS));
    new.description = pick(chance, REPLIES).to_owned();
    Ok(Edited { key: site.create(new)?.key, what: "created" })
}

fn edit(
    site: &Site,
    key: &str,
    turn: i32,
    chance: &mut StdRng,
    others: &[String],
) -> Result<Edited, Error> {
    let what = match turn {
        ..50 => {
            let public = chance.random_bool(0.7);
            site.comment(key, NewComment { body: json!(pick(chance, REPLIES)), public })?;
            "commented"
        }
        50..65 => {
            let statuses = site.statuses();
            let status = statuses.choose(chance).cloned().unwrap_or_default();
            site.transition(key, &status)?;
            "moved through the workflow"
        }
        65..75 => {
            site.set(key, "summary", json!(pick(chance, SUBJECTS)))?;
            "renamed"
        }
        75..82 => {
            let label = format!("area-{}", chance.random_range(0..20));
            site.set(key, "labels", json!([label]))?;
            "labelled"
        }
        82..88 => {
            site.log_work(key, chance.random_range(1..9) * 900, pick(chance, REPLIES))?;
            "logged work on"
        }
        88..93 => {
            let page = chance.random_range(1..10_000);
            site.add_remote_link(key, &format!("https://wiki.example.com/{page}"), "Runbook")?;
            "linked to the wiki"
        }
        _ => match others.choose(chance).filter(|other| *other != key) {
            Some(other) => {
                site.link(key, other, "Relates")?;
                "linked"
            }
            None => {
                site.comment(key, NewComment::text("Nothing else is like this one."))?;
                "commented"
            }
        },
    };
    Ok(Edited { key: key.to_owned(), what })
}
