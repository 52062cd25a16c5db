//! The state of the site: plain data, changed only through [`super::edit::Edit`].

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Map, Value};

use super::people::Furniture;

use crate::json::Members;

/// How many earlier versions of an issue the search index remembers.
const INDEXED_VERSIONS: usize = 64;

/// Everything that the site holds.
#[derive(Debug)]
pub(crate) struct State {
    /// Issues by numeric id.
    pub(crate) issues: BTreeMap<i64, Issue>,
    /// Current and former keys, in capitals.
    pub(crate) keys: HashMap<String, i64>,
    /// The last number used, by project key.
    pub(crate) numbers: HashMap<String, i64>,
    /// Links that were made here; links that issues were loaded with are in their fields.
    pub(crate) links: BTreeMap<i64, Link>,
    /// Attachments by id.
    pub(crate) files: BTreeMap<i64, StoredFile>,
    /// People, projects, statuses and fields.
    pub(crate) furniture: Furniture,
    /// What the search index knew, oldest first, by issue id.
    pub(crate) index: BTreeMap<i64, Vec<Indexed>>,
    /// The ids of fields that hold SLA values.
    pub(crate) sla_fields: Vec<String>,
    next_id: i64,
    chance: StdRng,
}

/// An issue.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) id: i64,
    pub(crate) key: String,
    /// Keys that it had before it moved, oldest first.
    pub(crate) former_keys: Vec<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// REST v3 fields without `comment` and `worklog`, which are made from the lists below.
    pub(crate) fields: Map<String, Value>,
    /// `renderedFields`, where there is one.
    pub(crate) rendered: Value,
    /// Oldest first.
    pub(crate) comments: Vec<Value>,
    /// Oldest first.
    pub(crate) histories: Vec<Value>,
    /// Oldest first.
    pub(crate) worklogs: Vec<Value>,
    pub(crate) remote_links: Vec<Value>,
    /// Nobody may see it: the API answers as if it were gone.
    pub(crate) hidden: bool,
}

/// A link between two issues.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) source: i64,
    pub(crate) destination: i64,
    pub(crate) kind: LinkKind,
}

/// A type of link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkKind {
    pub(crate) id: i64,
    pub(crate) name: &'static str,
    pub(crate) outward: &'static str,
    pub(crate) inward: &'static str,
}

/// The types of links that the site knows.
pub(crate) const LINK_KINDS: &[LinkKind] = &[
    LinkKind { id: 10000, name: "Blocks", outward: "blocks", inward: "is blocked by" },
    LinkKind { id: 10001, name: "Cloners", outward: "clones", inward: "is cloned by" },
    LinkKind { id: 10002, name: "Duplicate", outward: "duplicates", inward: "is duplicated by" },
    LinkKind { id: 10003, name: "Relates", outward: "relates to", inward: "relates to" },
];

/// An attachment's bytes.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    /// The id that the media host knows it by.
    pub(crate) media_id: String,
    pub(crate) issue: i64,
    pub(crate) mime: String,
    pub(crate) content: Content,
}

/// Bytes, or only how many there are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// A loaded issue says only the size: the bytes are made when somebody asks.
    Filler(u64),
}

/// What the search index knew of an issue since an instant.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    pub(crate) since: i64,
    pub(crate) key: String,
    pub(crate) updated: i64,
}

impl State {
    pub(crate) fn new(furniture: Furniture, seed: u64) -> Self {
        let mut state = Self {
            issues: BTreeMap::new(),
            keys: HashMap::new(),
            numbers: HashMap::new(),
            links: BTreeMap::new(),
            files: BTreeMap::new(),
            furniture: furniture.clone(),
            index: BTreeMap::new(),
            sla_fields: Vec::new(),
            next_id: 10_000,
            chance: StdRng::seed_from_u64(seed ^ 0x7369_7465),
        };
        state.furnish(furniture);
        state
    }

    /// Returns a copy whose chance comes from a seed of its own: ids and texts that are made from now
    /// on differ from those of the original.
    pub(crate) fn copy(&self, seed: u64) -> Self {
        Self {
            issues: self.issues.clone(),
            keys: self.keys.clone(),
            numbers: self.numbers.clone(),
            links: self.links.clone(),
            files: self.files.clone(),
            furniture: self.furniture.clone(),
            index: self.index.clone(),
            sla_fields: self.sla_fields.clone(),
            next_id: self.next_id,
            chance: StdRng::seed_from_u64(seed ^ 0x7369_7465),
        }
    }

    /// Replaces people, projects, statuses and fields.
    pub(crate) fn furnish(&mut self, furniture: Furniture) {
        self.sla_fields = furniture
            .fields
            .iter()
            .filter(|field| field.member("schema").member("custom") == super::catalogue::SLA)
            .filter_map(|field| field.member("id").as_str().map(str::to_owned))
            .collect();
        self.furniture = furniture;
    }

    /// The SLA fields that wait for the first answer.
    pub(crate) fn first_response_fields(&self) -> Vec<String> {
        let waits = |id: &&String| {
            let field = Self::named(&self.furniture.fields, "id", id);
            let name = field.and_then(|field| field.member("name").as_str()).unwrap_or_default();
            name.to_lowercase().contains("first response")
        };
        self.sla_fields.iter().filter(waits).cloned().collect()
    }

    /// A new id, larger than every earlier one, for whatever needs one.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    /// Makes sure that new ids are larger than one that came from outside.
    pub(crate) fn reserve_id(&mut self, id: i64) {
        self.next_id = self.next_id.max(id);
    }

    /// A new UUID, from the seed.
    pub(crate) fn new_uuid(&mut self) -> String {
        let bits: u128 = self.chance.random();
        let hex = format!("{bits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-4{}-8{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }

    /// The id that an id or key (also a former one, in any case) leads to.
    pub(crate) fn find(&self, id_or_key: &str) -> Option<i64> {
        if let Ok(id) = id_or_key.parse::<i64>() {
            return self.issues.contains_key(&id).then_some(id);
        }
        self.keys.get(&id_or_key.to_uppercase()).copied()
    }

    /// The issue that a caller may see under an id or key.
    pub(crate) fn visible(&self, id_or_key: &str) -> Option<&Issue> {
        self.issues.get(&self.find(id_or_key)?).filter(|issue| !issue.hidden)
    }

    /// Puts an issue in, new or replaced, with its keys.
    pub(crate) fn put(&mut self, issue: Issue) {
        for key in issue.former_keys.iter().chain([&issue.key]) {
            self.keys.insert(key.to_uppercase(), issue.id);
            if let Some((project, number)) = split_key(key) {
                let last = self.numbers.entry(project.to_owned()).or_default();
                *last = (*last).max(number);
            }
        }
        self.reserve_id(issue.id);
        self.index_as(issue.id, issue.key.clone(), issue.updated, i64::MIN);
        self.issues.insert(issue.id, issue);
    }

    /// Tells the search index what an issue is like from now on.
    pub(crate) fn index_as(&mut self, id: i64, key: String, updated: i64, since: i64) {
        let known = self.index.entry(id).or_default();
        known.push(Indexed { since, key, updated });
        if known.len() > INDEXED_VERSIONS {
            known.remove(0);
        }
    }

    /// The next key of a project.
    pub(crate) fn new_key(&mut self, project: &str) -> String {
        let last = self.numbers.entry(project.to_owned()).or_default();
        *last += 1;
        format!("{project}-{last}")
    }

    /// A named thing out of a list of REST objects.
    pub(crate) fn named<'a>(list: &'a [Value], member: &str, is: &str) -> Option<&'a Value> {
        list.iter().find(|one| one[member].as_str().is_some_and(|it| it.eq_ignore_ascii_case(is)))
    }
}

/// `SUPPORT-12` as its two parts.
pub(crate) fn split_key(key: &str) -> Option<(&str, i64)> {
    let (project, number) = key.rsplit_once('-')?;
    Some((project, number.parse().ok()?))
}
