//! The head of a ticket: what other tickets show of it, and what its own story must end in.
//!
//! An outline is cheap and depends on the seed and the number alone, so both ends of a link can
//! make the other's without making its whole story.

use serde_json::{Value, json};

use super::World;
use super::dice::Dice;
use super::prose;
use super::topics::{TOPICS, Topic};
use super::voices::Voice;
use super::workflow::{self, Status};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// How far back a link may reach; the inward end looks that far ahead.
const REACH: u32 = 40;
/// How far back a parent may be.
const FAMILY: u32 = 3;

/// A priority, by its id and name.
pub(crate) const PRIORITIES: [(&str, &str); 5] =
    [("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low"), ("5", "Lowest")];

/// An issue type, by its id and name.
const TYPES: [(&str, &str); 5] = [
    ("10105", "[System] Service request"),
    ("10106", "[System] Incident"),
    ("10107", "[System] Problem"),
    ("10108", "[System] Change"),
    ("10109", "Question"),
];
const SUBTASK: (&str, &str) = ("10110", "Sub-task");

/// A link type, by its id, name, inward and outward words.
pub(crate) type LinkType = (&'static str, &'static str, &'static str, &'static str);
const LINK_TYPES: [LinkType; 5] = [
    ("10000", "Blocks", "is blocked by", "blocks"),
    ("10002", "Duplicate", "is duplicated by", "duplicates"),
    ("10003", "Relates", "relates to", "relates to"),
    ("10001", "Cloners", "is cloned by", "clones"),
    ("10004", "Problem/Incident", "is caused by", "causes"),
];

/// A link that a ticket makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) id: i64,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: LinkType,
}

/// The head of a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    pub(crate) n: u32,
    pub(crate) id: i64,
    pub(crate) project: usize,
    pub(crate) key: String,
    pub(crate) kind: (&'static str, &'static str),
    pub(crate) topic: Topic,
    pub(crate) voice: Voice,
    pub(crate) summary: String,
    pub(crate) priority: (&'static str, &'static str),
    pub(crate) status: Status,
    pub(crate) created: i64,
    pub(crate) parent: Option<u32>,
}

impl Outline {
    /// The head of ticket `n`.
    pub(crate) fn of(world: &World, n: u32) -> Self {
        let mut dice = Dice::of(world.options.seed, n, "outline");
        let parent = parent_of(world, n);
        let project = project_of(world, parent.unwrap_or(n));
        let topic = dice.pick(&TOPICS);
        let voice = Voice::of(&mut dice);
        let created = created(world, n, &mut dice);
        let age_days = (world.options.until - created).div_euclid(DAY);
        Self {
            n,
            id: id_of(n),
            project,
            key: world.key(project, n),
            kind: if parent.is_some() { SUBTASK } else { dice.pick(&TYPES) },
            topic,
            voice,
            summary: prose::subject(&mut dice, topic, voice),
            priority: dice.pick(&PRIORITIES),
            status: workflow::last_status(&mut dice, age_days),
            created,
            parent,
        }
    }

    /// Whether nothing has happened to the ticket yet: it is newer than the corpus.
    pub(crate) fn is_newborn(&self, world: &World) -> bool {
        self.n >= world.options.issues
    }

    /// What other tickets show of this one.
    pub(crate) fn reference(&self, world: &World) -> Value {
        let site = world.site();
        json!({
            "id": self.id.to_string(),
            "key": self.key,
            "self": format!("{site}/rest/api/3/issue/{}", self.id),
            "fields": {
                "summary": self.summary,
                "status": self.status.value(site),
                "priority": self.priority_value(site),
                "issuetype": self.type_value(site),
            },
        })
    }

    /// The priority as issues carry it.
    pub(crate) fn priority_value(&self, site: &str) -> Value {
        let (id, name) = self.priority;
        json!({
            "self": format!("{site}/rest/api/3/priority/{id}"),
            "iconUrl": format!("{site}/images/icons/priorities/{}.svg", name.to_lowercase()),
            "name": name,
            "id": id,
        })
    }

    /// The issue type as issues carry it.
    pub(crate) fn type_value(&self, site: &str) -> Value {
        let (id, name) = self.kind;
        let subtask = self.kind == SUBTASK;
        json!({
            "self": format!("{site}/rest/api/3/issuetype/{id}"),
            "id": id,
            "description": "A request of the help desk.",
            "iconUrl": format!("{site}/rest/api/2/universal_avatar/view/type/issuetype/avatar/{id}?size=medium"),
            "name": name,
            "subtask": subtask,
            "avatarId": 10_540,
            "hierarchyLevel": if subtask { -1 } else { 0 },
        })
    }
}

/// The numeric id of ticket `n`.
pub(crate) fn id_of(n: u32) -> i64 {
    10_001 + i64::from(n)
}

/// The links that ticket `n` makes, to older tickets.
pub(crate) fn links_from(world: &World, n: u32) -> Vec<Link> {
    let mut dice = Dice::of(world.options.seed, n, "links");
    let count = dice.tail(&[(800, 0, 0), (150, 1, 1), (50, 2, 2)]);
    let mut links: Vec<Link> = Vec::new();
    for at in 0..count {
        let back = u32::try_from(dice.between(1, i64::from(REACH))).unwrap_or(1);
        let kind = dice.pick(&LINK_TYPES);
        if let Some(to) = n.checked_sub(back)
            && n < world.options.issues
            && links.iter().all(|link| link.to != to)
        {
            links.push(Link { id: 20_000 + i64::from(n) * 2 + at, from: n, to, kind });
        }
    }
    links
}

/// The links that younger tickets make to ticket `n`.
pub(crate) fn links_to(world: &World, n: u32) -> Vec<Link> {
    let ahead = n.saturating_add(1)..=n.saturating_add(REACH);
    ahead
        .filter(|from| *from < world.options.issues)
        .flat_map(|from| links_from(world, from))
        .filter(|link| link.to == n)
        .collect()
}

/// The subtasks of ticket `n`.
pub(crate) fn subtasks_of(world: &World, n: u32) -> Vec<u32> {
    let ahead = n.saturating_add(1)..=n.saturating_add(FAMILY);
    ahead.filter(|child| parent_of(world, *child) == Some(n)).collect()
}

fn parent_of(world: &World, n: u32) -> Option<u32> {
    let back = family(world, n)?;
    let parent = n.checked_sub(back)?;
    // A subtask has no subtasks of its own.
    (n < world.options.issues && family(world, parent).is_none()).then_some(parent)
}

fn family(world: &World, n: u32) -> Option<u32> {
    let mut dice = Dice::of(world.options.seed, n, "family");
    let back = u32::try_from(dice.between(1, i64::from(FAMILY))).ok()?;
    (dice.often(40) && n >= back).then_some(back)
}

fn project_of(world: &World, n: u32) -> usize {
    let mut dice = Dice::of(world.options.seed, n, "project");
    let others = world.options.projects.len().saturating_sub(1);
    if others == 0 || dice.often(800) { 0 } else { 1 + dice.below(others) }
}

/// Evenly over the span with some jitter; a few right after a local month began, so that their
/// UTC month is another than their local one (before it where the zone is west of UTC).
fn created(world: &World, n: u32, dice: &mut Dice) -> i64 {
    let options = &world.options;
    let span = options.until - HOUR - options.since;
    let step = span / i64::from(options.issues.max(1));
    let at = options.since + step.saturating_mul(i64::from(n)) + dice.between(0, step.max(1));
    let offset = i64::from(options.zone.minutes()) * 60_000;
    if !dice.often(40) || offset == 0 {
        return at;
    }
    let start = options.zone.month_start(at);
    let near = if offset > 0 {
        start + dice.between(0, offset - 1)
    } else {
        start - dice.between(1, -offset)
    };
    if near < options.since || near > options.until - HOUR { at } else { near }
}
