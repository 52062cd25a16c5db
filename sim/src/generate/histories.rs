//! The changelog of a ticket, oldest first, and the state that it ends in.

use serde_json::{Value, json};

use super::World;
use super::attachments::Placed;
use super::comments::Thread;
use super::dice::Dice;
use super::outline::{Outline, PRIORITIES};
use super::people::Person;
use super::prose::{self, Writer};
use super::story::{Story, What};
use super::workflow::Status;

/// Severities, mildest first.
pub(crate) const SEVERITIES: [&str; 4] = ["SEV-4", "SEV-3", "SEV-2", "SEV-1"];
/// Resolutions, by id and name.
pub(crate) const RESOLUTIONS: [(&str, &str); 4] = [
    ("10000", "Done"),
    ("10001", "Won't Do"),
    ("10002", "Duplicate"),
    ("10005", "Cannot Reproduce"),
];

/// What the changes leave behind.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) histories: Vec<Value>,
    pub(crate) assignee: Option<Person>,
    pub(crate) labels: Vec<String>,
    pub(crate) severity: Option<&'static str>,
    pub(crate) participants: Vec<Person>,
    /// The last resolution and when it was set.
    pub(crate) resolved: Option<((&'static str, &'static str), i64)>,
    /// When the status last went to another category.
    pub(crate) category_changed: Option<i64>,
    /// Keys that the ticket had before.
    pub(crate) former_keys: Vec<String>,
}

/// The changelog of a story: the values of its changes follow from each other.
pub(crate) fn write(world: &World, outline: &Outline, story: &Story, reporter: &Person) -> Ending {
    let mut scribe = Scribe {
        world,
        outline,
        dice: Dice::of(world.options.seed, outline.n, "histories"),
        ending: Ending::default(),
        priority: outline.priority,
        summary: outline.summary.clone(),
        priorities: count(story, |what| matches!(what, What::Priority)),
        summaries: count(story, |what| matches!(what, What::Summary)),
    };
    scribe.begin();
    for beat in &story.beats {
        let items = scribe.items(beat.what, beat.at);
        if !items.is_empty() {
            let entry = scribe.entry(beat.at, items, reporter);
            scribe.ending.histories.push(entry);
        }
    }
    scribe.ending
}

/// The entries for files that were added with a comment, put where they belong in time.
pub(crate) fn add_files(
    world: &World,
    outline: &Outline,
    ending: &mut Ending,
    thread: &Thread,
    files: &[Placed],
) {
    let mut entries: Vec<(i64, Value)> = files
        .iter()
        .filter_map(|placed| {
            let at = *thread.times.get(placed.comment?)?;
            let author = thread.authors.get(placed.comment?)?.clone();
            let item = json!({
                "field": "Attachment", "fieldtype": "jira", "fieldId": "attachment",
                "from": null, "fromString": null,
                "to": placed.file.id.to_string(), "toString": placed.file.filename,
            });
            let mut entry = json!({ "created": world.options.zone.stamp(at), "items": [item] });
            if let Some(members) = entry.as_object_mut()
                && !author.is_null()
            {
                members.insert("author".to_owned(), author);
            }
            Some((at, entry))
        })
        .collect();
    entries.sort_by_key(|(at, _)| *at);
    // One zone, one width: the stamps of an issue sort as text.
    let mut merged: Vec<Value> = ending.histories.drain(..).collect();
    merged.extend(entries.into_iter().map(|(_, entry)| entry));
    merged.sort_by_key(|entry| entry.get("created").map(ToString::to_string));
    for (at, entry) in merged.iter_mut().enumerate() {
        let id = 1_000_000 + i64::from(outline.n) * 500 + i64::try_from(at).unwrap_or(0);
        if let Some(members) = entry.as_object_mut() {
            members.insert("id".to_owned(), json!(id.to_string()));
        }
    }
    ending.histories = merged;
}

fn count(story: &Story, wanted: impl Fn(What) -> bool) -> usize {
    story.beats.iter().filter(|beat| wanted(beat.what)).count()
}

struct Scribe<'a> {
    world: &'a World,
    outline: &'a Outline,
    dice: Dice,
    ending: Ending,
    priority: (&'static str, &'static str),
    summary: String,
    /// Changes of priority and summary still to come: the last one leads to the outline's value.
    priorities: usize,
    summaries: usize,
}

impl Scribe<'_> {
    fn begin(&mut self) {
        if self.priorities > 0 {
            self.priority = self.dice.pick(&PRIORITIES);
        }
        if self.summaries > 0 {
            let (topic, voice) = (self.outline.topic, self.outline.voice);
            self.summary = prose::subject(&mut self.dice, topic, voice);
        }
        if self.dice.often(250) {
            self.ending.labels.push(self.outline.topic.label.to_owned());
        }
        if self.dice.often(300) {
            self.ending.severity = Some(self.dice.pick(&SEVERITIES));
        }
    }

    fn entry(&mut self, at: i64, items: Vec<Value>, reporter: &Person) -> Value {
        let people = &self.world.people;
        let author = match self.dice.below(100) {
            0..72 => Some(people.agent(&mut self.dice).value.clone()),
            72..82 => Some(reporter.value.clone()),
            82..95 => Some(people.app(&mut self.dice).value.clone()),
            _ => None,
        };
        let mut entry = json!({ "created": self.world.options.zone.stamp(at) });
        if let Some(members) = entry.as_object_mut() {
            members.insert("items".to_owned(), Value::Array(items));
            if let Some(author) = author {
                members.insert("author".to_owned(), author);
            } else {
                members.insert("historyMetadata".to_owned(), json!({ "type": "automation" }));
            }
        }
        entry
    }

    fn items(&mut self, what: What, at: i64) -> Vec<Value> {
        match what {
            What::Comment => Vec::new(),
            What::Step(from, to) => self.step(from, to, at),
            What::Assign => self.assign(),
            What::Priority => self.priority(),
            What::Summary => self.summary(),
            What::Description => vec![self.description()],
            What::Label => self.label(),
            What::Severity => self.severity(),
            What::Participant => self.participant(),
            What::Rank => vec![item("Rank", "custom", "customfield_10019", ["", "Ranked higher"])],
            What::Linked(link) => {
                let other = Outline::of(self.world, link.to).key;
                let words = format!("This issue {} {other}", link.kind.3);
                // No `fieldId`: links are one of the fields that come without.
                vec![json!({
                    "field": "Link", "fieldtype": "jira",
                    "from": null, "fromString": null, "to": other, "toString": words,
                })]
            }
            What::Moved => self.moved(),
        }
    }

    fn step(&mut self, from: Status, to: Status, at: i64) -> Vec<Value> {
        let mut items = Vec::new();
        if to.is_done() != from.is_done() {
            let resolution = to.is_done().then(|| self.dice.pick(&RESOLUTIONS));
            let before = self.ending.resolved.map(|(resolution, _)| resolution);
            items.push(json!({
                "field": "resolution", "fieldtype": "jira", "fieldId": "resolution",
                "from": before.map(|(id, _)| id), "fromString": before.map(|(_, name)| name),
                "to": resolution.map(|(id, _)| id), "toString": resolution.map(|(_, name)| name),
            }));
            self.ending.resolved = resolution.map(|resolution| (resolution, at));
        }
        if to.category != from.category {
            self.ending.category_changed = Some(at);
        }
        items.push(json!({
            "field": "status", "fieldtype": "jira", "fieldId": "status",
            "from": from.id.to_string(), "fromString": from.name,
            "to": to.id.to_string(), "toString": to.name,
        }));
        items
    }

    fn assign(&mut self) -> Vec<Value> {
        let to = (!self.dice.often(80)).then(|| self.world.people.agent(&mut self.dice).clone());
        let from = self.ending.assignee.take();
        let id = |person: &Option<Person>| person.as_ref().map(|person| person.account_id.clone());
        let name = |person: &Option<Person>| person.as_ref().map(|person| person.name.clone());
        let same = id(&from) == id(&to);
        let item = json!({
            "field": "assignee", "fieldtype": "jira", "fieldId": "assignee",
            "from": id(&from), "fromString": name(&from), "tmpFromAccountId": id(&from),
            "to": id(&to), "toString": name(&to), "tmpToAccountId": id(&to),
        });
        self.ending.assignee = to;
        if same { Vec::new() } else { vec![item] }
    }

    fn priority(&mut self) -> Vec<Value> {
        self.priorities = self.priorities.saturating_sub(1);
        let to =
            if self.priorities == 0 { self.outline.priority } else { self.dice.pick(&PRIORITIES) };
        let from = std::mem::replace(&mut self.priority, to);
        if from == to {
            return Vec::new();
        }
        vec![json!({
            "field": "priority", "fieldtype": "jira", "fieldId": "priority",
            "from": from.0, "fromString": from.1, "to": to.0, "toString": to.1,
        })]
    }

    fn summary(&mut self) -> Vec<Value> {
        self.summaries = self.summaries.saturating_sub(1);
        let to = if self.summaries == 0 {
            self.outline.summary.clone()
        } else {
            prose::subject(&mut self.dice, self.outline.topic, self.outline.voice)
        };
        let from = std::mem::replace(&mut self.summary, to.clone());
        if from == to {
            return Vec::new();
        }
        vec![item("summary", "jira", "summary", [&from, &to])]
    }

    /// Jira keeps the whole text before and after, as wiki text.
    fn description(&mut self) -> Value {
        let (topic, voice) = (self.outline.topic, self.outline.voice);
        let mut text = String::new();
        for _ in 0..self.dice.between(2, 8) {
            text.push_str(&prose::sentence(&mut self.dice, Writer::Reporter, topic, voice));
            text.push_str("\r\n\r\n");
        }
        let (_, trace) = prose::trace(&mut self.dice);
        let after = format!("{text}{{noformat}}\n{trace}\n{{noformat}}");
        item("description", "jira", "description", [&text, &after])
    }

    fn label(&mut self) -> Vec<Value> {
        let label = self.dice.pick(&[
            self.outline.topic.label,
            "vip",
            "needs-vendor",
            "known-issue",
            "Q1_review",
            "日本",
            "follow-up",
        ]);
        let from = self.ending.labels.join(" ");
        match self.ending.labels.iter().position(|known| known == label) {
            Some(at) => drop(self.ending.labels.remove(at)),
            None => self.ending.labels.push(label.to_owned()),
        }
        vec![item("labels", "jira", "labels", [&from, &self.ending.labels.join(" ")])]
    }

    fn severity(&mut self) -> Vec<Value> {
        let to = self.dice.pick(&SEVERITIES);
        let from = self.ending.severity.replace(to);
        if from == Some(to) {
            return Vec::new();
        }
        vec![item("Severity", "custom", "customfield_10004", [from.unwrap_or(""), to])]
    }

    fn participant(&mut self) -> Vec<Value> {
        let person = self.world.people.customer(&mut self.dice);
        let known = &mut self.ending.participants;
        if known.len() >= 8 || known.iter().any(|other| other.account_id == person.account_id) {
            return Vec::new();
        }
        let names = |people: &[Person]| {
            people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let from = names(known);
        known.push(person.clone());
        let to = names(known);
        vec![item("Request participants", "custom", "customfield_10156", [&from, &to])]
    }

    fn moved(&mut self) -> Vec<Value> {
        let projects = self.world.options.projects.len();
        let other = (self.outline.project + 1) % projects.max(1);
        let former = self.world.key(other, self.outline.n);
        let items = vec![
            json!({
                "field": "project", "fieldtype": "jira", "fieldId": "project",
                "from": super::project_id(other), "fromString": self.world.project_name(other),
                "to": super::project_id(self.outline.project),
                "toString": self.world.project_name(self.outline.project),
            }),
            json!({
                "field": "Key", "fieldtype": "jira",
                "from": null, "fromString": former, "to": null, "toString": self.outline.key,
            }),
        ];
        self.ending.former_keys.push(former);
        items
    }
}

fn item(field: &str, kind: &str, id: &str, [from, to]: [&str; 2]) -> Value {
    json!({
        "field": field, "fieldtype": kind, "fieldId": id,
        "from": null, "fromString": from, "to": null, "toString": to,
    })
}
