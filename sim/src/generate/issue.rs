//! Puts a ticket together: every part from the same outline and story, so that they agree.

use serde_json::{Map, Value, json};

use super::attachments::{self, Placed};
use super::comments::{self, Thread};
use super::custom::{Ground, environment};
use super::dice::Dice;
use super::document::{Shown, compose};
use super::histories::{self, Ending};
use super::html::html;
use super::outline::{Link, Outline, links_from, links_to, subtasks_of};
use super::people::Person;
use super::prose::{self, Writer};
use super::sla::Clocks;
use super::story::Story;
use super::work;
use super::{Generated, World, project_id};

/// The parts of a ticket from which its fields are made.
struct Parts<'a> {
    world: &'a World,
    outline: &'a Outline,
    reporter: &'a Person,
    ending: &'a Ending,
    thread: &'a Thread,
    worklogs: &'a [Value],
    files: &'a [Placed],
    updated: i64,
}

/// Ticket `n`, whole.
pub(crate) fn issue(world: &World, n: u32) -> Generated {
    let outline = Outline::of(world, n);
    let mut dice = Dice::of(world.options.seed, n, "issue");
    let reporter = match dice.below(10) {
        0 => world.people.agent(&mut dice),
        _ => world.people.customer(&mut dice),
    };
    let story = Story::of(world, &outline);
    let times = story.comment_times();
    let files = attachments::of(world, &outline, times.len());
    let thread = comments::thread(world, &outline, reporter, &times, &files);
    let mut ending = histories::write(world, &outline, &story, reporter);
    histories::add_files(world, &outline, &mut ending, &thread, &files);
    let (worklogs, last_work) = work::logs(world, &outline, &story);
    let updated =
        [outline.created, story.beats.last().map_or(0, |beat| beat.at), thread.updated, last_work];
    let parts = Parts {
        world,
        outline: &outline,
        reporter,
        ending: &ending,
        thread: &thread,
        worklogs: &worklogs,
        files: &files,
        updated: updated.into_iter().max().unwrap_or(outline.created),
    };
    let clocks =
        Clocks { world, outline: &outline, story: &story, first_reply: thread.first_reply };
    let mut fields = parts.system(&mut dice);
    let ground = Ground { world, outline: &outline, ending: &ending, clocks: &clocks, reporter };
    for field in &world.fields {
        fields.insert(field.id.clone(), ground.value(field, &mut dice));
    }
    let rendered_fields = parts.rendered(&fields);
    Generated {
        id: outline.id,
        rendered_fields,
        fields,
        remote_links: work::remote_links(world, &outline),
        key: outline.key,
        comments: thread.comments,
        histories: ending.histories,
        former_keys: ending.former_keys,
        worklogs,
        attachments: files.into_iter().map(|placed| placed.file).collect(),
    }
}

impl Parts<'_> {
    fn system(&self, dice: &mut Dice) -> Map<String, Value> {
        let (site, zone, outline) = (self.world.site(), self.world.options.zone, self.outline);
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        set("summary", json!(outline.summary));
        set("description", self.description(dice));
        set("environment", environment(dice));
        set("issuetype", outline.type_value(site));
        set("project", self.world.project(outline.project));
        set("priority", outline.priority_value(site));
        set("status", outline.status.value(site));
        set("statusCategory", outline.status.category.value(site));
        set("created", json!(zone.stamp(outline.created)));
        set("updated", json!(zone.stamp(self.updated)));
        let category_changed = self.ending.category_changed.unwrap_or(outline.created);
        set("statuscategorychangedate", json!(zone.stamp(category_changed)));
        set("resolution", self.resolution());
        let resolved = self.ending.resolved.map(|(_, at)| zone.stamp(at));
        set("resolutiondate", json!(resolved));
        set("reporter", self.reporter.value.clone());
        set("creator", self.creator(dice));
        let assignee = self.ending.assignee.as_ref().map(|person| person.value.clone());
        set("assignee", json!(assignee));
        set("labels", json!(self.ending.labels));
        let due = dice.often(150).then(|| zone.day(outline.created + 86_400_000 * 14));
        set("duedate", json!(due));
        set("issuelinks", self.links());
        set("attachment", self.attachments());
        set("lastViewed", Value::Null);
        let security = json!({
            "self": format!("{site}/rest/api/3/securitylevel/10020"),
            "id": "10020", "name": "Agents only", "description": "",
        });
        set("security", if dice.often(40) { security } else { Value::Null });
        set("issuerestriction", json!({ "issuerestrictions": {}, "shouldDisplay": true }));
        let own = format!("{site}/rest/api/3/issue/{}", outline.key);
        let (watchers, votes) = (dice.between(0, 6), i64::from(dice.often(30)));
        set(
            "watches",
            json!({ "self": format!("{own}/watchers"), "watchCount": watchers, "isWatching": false }),
        );
        set("votes", json!({ "self": format!("{own}/votes"), "votes": votes, "hasVoted": false }));
        self.versions(dice, &mut fields);
        self.family(&mut fields);
        work::times(self.worklogs, dice, &mut fields);
        fields
    }

    fn description(&self, dice: &mut Dice) -> Value {
        if dice.often(25) {
            return Value::Null;
        }
        let shown: Vec<Shown<'_>> = self
            .files
            .iter()
            .filter(|placed| placed.comment.is_none())
            .map(|placed| Shown {
                media_id: &placed.file.media_id,
                filename: &placed.file.filename,
            })
            .collect();
        let scene = comments::scene(self.world, self.outline, self.outline.created);
        let size = self.world.scaled(dice.tail(&[(500, 2, 4), (400, 5, 9), (100, 10, 20)]));
        compose(dice, scene, Writer::Reporter, size, &shown)
    }

    fn resolution(&self) -> Value {
        self.ending.resolved.map_or(Value::Null, |((id, name), _)| {
            json!({
                "self": format!("{}/rest/api/3/resolution/{id}", self.world.site()),
                "id": id, "description": "", "name": name,
            })
        })
    }

    /// Mail and chat create tickets in the name of their reporters.
    fn creator(&self, dice: &mut Dice) -> Value {
        let by_app = dice.often(150);
        let creator = if by_app { self.world.people.app(dice) } else { self.reporter };
        creator.value.clone()
    }

    fn links(&self) -> Value {
        let n = self.outline.n;
        let value = |link: &Link, outward: bool| {
            let site = self.world.site();
            let (id, name, inward_words, outward_words) = link.kind;
            let other = Outline::of(self.world, if outward { link.to } else { link.from });
            let mut value = json!({
                "id": link.id.to_string(),
                "self": format!("{site}/rest/api/3/issueLink/{}", link.id),
                "type": {
                    "id": id, "name": name, "inward": inward_words, "outward": outward_words,
                    "self": format!("{site}/rest/api/3/issueLinkType/{id}"),
                },
            });
            let end = if outward { "outwardIssue" } else { "inwardIssue" };
            if let Some(members) = value.as_object_mut() {
                members.insert(end.to_owned(), other.reference(self.world));
            }
            value
        };
        let outward = links_from(self.world, n);
        let inward = links_to(self.world, n);
        let outward = outward.iter().map(|link| value(link, true));
        outward.chain(inward.iter().map(|link| value(link, false))).collect()
    }

    fn attachments(&self) -> Value {
        let value = |placed: &Placed| {
            let comment = placed.comment;
            let at = comment.and_then(|at| self.thread.times.get(at)).copied();
            let author = comment.and_then(|at| self.thread.authors.get(at));
            let author = author.filter(|author| !author.is_null()).unwrap_or(&self.reporter.value);
            attachments::value(self.world, &placed.file, author, at.unwrap_or(self.outline.created))
        };
        self.files.iter().map(value).collect()
    }

    fn versions(&self, dice: &mut Dice, fields: &mut Map<String, Value>) {
        let site = self.world.site();
        for (name, often) in [("components", 250), ("fixVersions", 80), ("versions", 120)] {
            let mut values = Vec::new();
            if dice.often(often) {
                let id = dice.between(10_100, 10_130);
                let kind = if name == "components" { "component" } else { "version" };
                let words = if name == "components" { "{app}" } else { "{ver}" };
                values.push(json!({
                    "self": format!("{site}/rest/api/3/{kind}/{id}"),
                    "id": id.to_string(),
                    "name": prose::fill(dice, words),
                }));
            }
            fields.insert(name.to_owned(), json!(values));
        }
    }

    fn family(&self, fields: &mut Map<String, Value>) {
        let reference = |n: u32| Outline::of(self.world, n).reference(self.world);
        let parent = self.outline.parent.map_or(Value::Null, reference);
        fields.insert("parent".to_owned(), parent);
        let children: Value =
            subtasks_of(self.world, self.outline.n).into_iter().map(reference).collect();
        fields.insert("subtasks".to_owned(), children);
    }

    /// The same members, null where a field has no rendered form.
    fn rendered(&self, fields: &Map<String, Value>) -> Value {
        let zone = self.world.options.zone;
        let mut rendered = Map::new();
        for (name, value) in fields {
            let is_document = value.get("type").is_some_and(|kind| kind == "doc");
            let shown = if is_document { json!(html(value)) } else { Value::Null };
            rendered.insert(name.clone(), shown);
        }
        let mut set = |name: &str, at: Option<i64>| {
            rendered.insert(name.to_owned(), json!(at.map(|at| zone.friendly(at))));
        };
        set("created", Some(self.outline.created));
        set("updated", Some(self.updated));
        set("resolutiondate", self.ending.resolved.map(|(_, at)| at));
        set(
            "statuscategorychangedate",
            self.ending.category_changed.or(Some(self.outline.created)),
        );
        Value::Object(rendered)
    }
}

/// The project as issues carry it.
pub(crate) fn project(world: &World, at: usize) -> Value {
    let (site, id) = (world.site(), project_id(at));
    let key = world.options.projects.get(at).map_or("", String::as_str);
    let avatar = |size: &str| {
        format!("{site}/rest/api/3/universal_avatar/view/type/project/avatar/10400{size}")
    };
    json!({
        "self": format!("{site}/rest/api/3/project/{id}"),
        "id": id,
        "key": key,
        "name": world.project_name(at),
        "projectTypeKey": "service_desk",
        "simplified": false,
        "avatarUrls": {
            "48x48": avatar(""), "24x24": avatar("?size=small"),
            "16x16": avatar("?size=xsmall"), "32x32": avatar("?size=medium"),
        },
    })
}
