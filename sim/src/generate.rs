//! Lifelike support tickets from a seed: the same options give the same tickets, byte by byte.
//!
//! Every ticket is derived from the seed and its number alone, so any ticket can be made at any
//! time, in any order, on any thread, and memory does not grow with their number. What tickets say
//! about each other (links, parents, subtasks) agrees on both ends. Numbers from
//! [`Options::issues`] on are tickets that were created a moment ago: nothing has happened to them
//! and nothing leads to them.
//!
//! The shapes are those of a Jira Service Management site; the content is invented.

use serde_json::{Map, Value};

mod dice;
mod zone;
mod people;
mod topics;
mod voices;
mod prose;
mod adf;
mod document;
mod html;
mod catalogue;
mod workflow;
mod outline;
mod story;
mod attachments;
mod comments;
mod histories;
mod sla;
mod custom;
mod work;
mod issue;
mod corpus;

pub use attachments::GeneratedAttachment;
pub use corpus::{Corpus, Error, raw, write_corpus};
pub use html::html;
pub use zone::Zone;

/// The size of a raw file for which the amounts in this module are written down.
const USUAL_BYTES: u32 = 70_000;
/// What a ticket takes to which nothing happens.
const FIXED_BYTES: u32 = 10_000;
const USUAL_CUSTOM_FIELDS: i64 = 150;

/// What kind of site to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many tickets the site has.
    pub issues: u32,
    /// What everything is derived from.
    pub seed: u64,
    /// The site's address, without a slash at the end.
    pub site_url: String,
    /// The keys of the projects; four of five tickets are in the first.
    pub projects: Vec<String>,
    /// When the first ticket was created, in epoch milliseconds.
    pub since: i64,
    /// The present of the site, in epoch milliseconds: nothing happened after it.
    pub until: i64,
    /// The zone in which the site writes its times.
    pub zone: Zone,
    /// About how large the median raw file should be, indented. It scales texts, threads and
    /// histories, and below the usual size the number of custom fields too.
    pub target_bytes: u32,
}

impl Default for Options {
    /// 300 tickets of the twelve months before March 2026, one hour east of UTC.
    fn default() -> Self {
        Self {
            issues: 300,
            seed: 1,
            site_url: "https://example.atlassian.net".to_owned(),
            projects: ["SUPPORT", "FACILITY", "BILLING"].map(str::to_owned).to_vec(),
            since: 1_740_902_400_000,
            until: 1_772_438_400_000,
            zone: Zone::east(60),
            target_bytes: USUAL_BYTES,
        }
    }
}

/// A ticket with everything that hangs on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The numeric id, its identity.
    pub id: i64,
    /// The key it has now.
    pub key: String,
    /// Keys it had before it was moved.
    pub former_keys: Vec<String>,
    /// `fields` as API v3 gives them, without `comment` and `worklog`.
    pub fields: Map<String, Value>,
    /// `renderedFields`, without `comment` and `worklog`; see [`html`] for those.
    pub rendered_fields: Value,
    /// All comments, oldest first.
    pub comments: Vec<Value>,
    /// The whole changelog, oldest first.
    pub histories: Vec<Value>,
    /// All worklogs, oldest first.
    pub worklogs: Vec<Value>,
    /// The remote links.
    pub remote_links: Vec<Value>,
    /// The files behind `fields.attachment`.
    pub attachments: Vec<GeneratedAttachment>,
}

/// Makes the tickets and catalogues of one site.
#[derive(Debug)]
pub struct Generator {
    world: World,
}

/// What all tickets of a site share.
#[derive(Debug)]
pub(crate) struct World {
    options: Options,
    people: people::People,
    fields: Vec<catalogue::Field>,
}

impl Generator {
    /// The generator of a site. Without a project key, the first one is `SUPPORT`.
    pub fn new(mut options: Options) -> Self {
        if options.projects.is_empty() {
            options.projects.push("SUPPORT".to_owned());
        }
        options.site_url.truncate(options.site_url.trim_end_matches('/').len());
        let people = people::People::new(&options.site_url, options.seed, options.issues);
        let mut world = World { options, people, fields: Vec::new() };
        let count = world.scaled(USUAL_CUSTOM_FIELDS).min(USUAL_CUSTOM_FIELDS);
        let count = usize::try_from(count).unwrap_or(0);
        world.fields = catalogue::custom(world.options.seed, count);
        Self { world }
    }

    /// The options, as they are used.
    pub fn options(&self) -> &Options {
        &self.world.options
    }

    /// Ticket `n`, counted from 0.
    pub fn issue(&self, n: u32) -> Generated {
        issue::issue(&self.world, n)
    }

    /// What `GET /field` lists: without the fields of one team-managed project.
    pub fn fields(&self) -> Vec<Value> {
        catalogue::listed(&self.world.fields)
    }

    /// What `GET /field/search` shows in addition to [`Generator::fields`].
    pub fn project_fields(&self) -> Vec<Value> {
        let last = self.world.options.projects.len().saturating_sub(1);
        catalogue::scoped(&self.world.fields, &project_id(last))
    }

    /// Every account: agents, apps and customers.
    pub fn users(&self) -> Vec<Value> {
        self.world.people.all()
    }

    /// The projects.
    pub fn projects(&self) -> Vec<Value> {
        (0..self.world.options.projects.len()).map(|at| self.world.project(at)).collect()
    }

    /// The statuses.
    pub fn statuses(&self) -> Vec<Value> {
        workflow::ALL.iter().map(|status| status.value(self.world.site())).collect()
    }
}

impl World {
    fn site(&self) -> &str {
        &self.options.site_url
    }

    /// The key of ticket `n` in that project. Numbers count through all projects, so a moved
    /// ticket never takes the key of another.
    fn key(&self, project: usize, n: u32) -> String {
        let project = self.options.projects.get(project).map_or("SUPPORT", String::as_str);
        format!("{project}-{}", u64::from(n) + 1)
    }

    fn project_name(&self, at: usize) -> String {
        let key = self.options.projects.get(at).map_or("", String::as_str);
        match key {
            "SUPPORT" => "Customer Support".to_owned(),
            other => format!("{other} desk"),
        }
    }

    fn project(&self, at: usize) -> Value {
        issue::project(self, at)
    }

    /// An amount that grows with the wanted size; at least 1 stays at least 1. What is on every
    /// ticket, whatever happens to it, does not shrink, so amounts shrink faster than files.
    fn scaled(&self, amount: i64) -> i64 {
        let beyond = i64::from(self.options.target_bytes.saturating_sub(FIXED_BYTES));
        let scaled = amount.saturating_mul(beyond) / i64::from(USUAL_BYTES - FIXED_BYTES);
        scaled.max(amount.min(1))
    }

    /// Whether files are so small that the parts nobody reads are left out.
    fn is_lean(&self) -> bool {
        self.options.target_bytes < USUAL_BYTES / 2
    }
}

/// The numeric id of a project, as Jira writes it.
fn project_id(at: usize) -> String {
    (10_000 + at).to_string()
}

#[cfg(test)]
mod tests;
