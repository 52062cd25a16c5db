//! Time that was logged on a ticket, and the pages elsewhere that it leads to.

use serde_json::{Map, Value, json};

use super::World;
use super::adf;
use super::dice::Dice;
use super::outline::Outline;
use super::prose::{self, Writer};
use super::story::Story;

/// The worklogs, oldest first, and when the last one was written (0 without any).
pub(crate) fn logs(world: &World, outline: &Outline, story: &Story) -> (Vec<Value>, i64) {
    let mut dice = Dice::of(world.options.seed, outline.n, "worklogs");
    let count = dice.tail(&[(780, 0, 0), (170, 1, 3), (40, 4, 15), (10, 21, 60)]);
    let zone = world.options.zone;
    let Some(last) = story.beats.last() else {
        return (Vec::new(), 0);
    };
    let count = world.scaled(count);
    let step = (last.at - outline.created) / (count + 1);
    let mut latest = 0;
    let logs = (0..count)
        .map(|at| {
            let author = &world.people.agent(&mut dice).value;
            let created = outline.created + step * (at + 1);
            let seconds = dice.pick(&[300, 900, 1_800, 3_600, 7_200, 28_800]);
            latest = latest.max(created);
            let id = 70_000 + i64::from(outline.n) * 64 + at;
            let mut log = json!({
                "self": format!("{}/rest/api/3/issue/{}/worklog/{id}", world.site(), outline.id),
                "author": author,
                "updateAuthor": author,
                "created": zone.stamp(created),
                "updated": zone.stamp(created),
                "started": zone.stamp(created - seconds * 1000),
                "timeSpent": spoken(seconds),
                "timeSpentSeconds": seconds,
                "id": id.to_string(),
                "issueId": outline.id.to_string(),
            });
            if let Some(members) = log.as_object_mut()
                && dice.often(600)
            {
                let words = prose::sentence(&mut dice, Writer::Agent, outline.topic, outline.voice);
                members.insert("comment".to_owned(), adf::doc(vec![adf::line(&words)]));
            }
            log
        })
        .collect();
    (logs, latest)
}

/// The fields about time, which add up to the worklogs.
pub(crate) fn times(worklogs: &[Value], dice: &mut Dice, fields: &mut Map<String, Value>) {
    let spent: i64 =
        worklogs.iter().filter_map(|log| log.get("timeSpentSeconds").and_then(Value::as_i64)).sum();
    let spent = (spent > 0).then_some(spent);
    let original = dice.often(100).then(|| dice.between(1, 40) * 1_800);
    let remaining = original.map(|seconds| (seconds - spent.unwrap_or(0)).max(0));
    for (name, value) in [
        ("timespent", spent),
        ("aggregatetimespent", spent),
        ("timeoriginalestimate", original),
        ("aggregatetimeoriginalestimate", original),
        ("timeestimate", remaining),
        ("aggregatetimeestimate", remaining),
    ] {
        fields.insert(name.to_owned(), json!(value));
    }
    let mut tracking = Map::new();
    for (name, value) in
        [("timeSpent", spent), ("originalEstimate", original), ("remainingEstimate", remaining)]
    {
        if let Some(seconds) = value {
            tracking.insert(name.to_owned(), json!(spoken(seconds)));
            tracking.insert(format!("{name}Seconds"), json!(seconds));
        }
    }
    fields.insert("timetracking".to_owned(), Value::Object(tracking));
    let total = spent.unwrap_or(0) + remaining.unwrap_or(0);
    let mut progress = json!({ "progress": spent.unwrap_or(0), "total": total });
    if let (Some(percent), Some(members)) =
        ((spent.unwrap_or(0) * 100).checked_div(total), progress.as_object_mut())
    {
        members.insert("percent".to_owned(), json!(percent));
    }
    fields.insert("aggregateprogress".to_owned(), progress.clone());
    fields.insert("progress".to_owned(), progress);
    let ratio = original.map_or(-1, |original| spent.unwrap_or(0) * 100 / original);
    fields.insert("workratio".to_owned(), json!(ratio));
}

fn spoken(seconds: i64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}

/// The pages elsewhere that the ticket leads to.
pub(crate) fn remote_links(world: &World, outline: &Outline) -> Vec<Value> {
    let mut dice = Dice::of(world.options.seed, outline.n, "remote-links");
    let count = dice.tail(&[(820, 0, 0), (140, 1, 1), (40, 2, 4)]);
    (0..count)
        .map(|at| {
            let id = 30_000 + i64::from(outline.n) * 8 + at;
            let page = dice.between(1_000, 9_999);
            let mut link = json!({
                "id": id,
                "self": format!("{}/rest/api/3/issue/{}/remotelink/{id}", world.site(), outline.id),
            });
            let Some(members) = link.as_object_mut() else {
                return link;
            };
            let object = match dice.below(3) {
                0 => {
                    members.insert("globalId".to_owned(), json!(format!("appId=4711&pageId={page}")));
                    members.insert("relationship".to_owned(), json!("mentioned in"));
                    let application = json!({ "type": "com.atlassian.confluence", "name": "Wiki" });
                    members.insert("application".to_owned(), application);
                    json!({ "url": format!("https://wiki.example.com/pages/{page}"), "title": "Page" })
                }
                1 => {
                    members.insert("application".to_owned(), json!({}));
                    json!({
                        "url": format!("https://code.example.com/pulls/{page}"),
                        "title": prose::fill(&mut dice, "Fix {code} in {app}"),
                        "summary": "merged after review",
                        "icon": { "url16x16": "https://code.example.com/icon.png", "title": "Change" },
                        "status": { "resolved": dice.often(600), "icon": {} },
                    })
                }
                _ => json!({
                    "url": format!("https://chat.example.com/c/{page}?thread={:x}", dice.next() >> 32),
                    "title": "会話 / conversation",
                    "icon": {},
                    "status": { "icon": {} },
                }),
            };
            members.insert("object".to_owned(), object);
            link
        })
        .collect()
}
