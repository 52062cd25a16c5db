//! What people wrote under a ticket, oldest first.

use serde_json::{Value, json};

use super::World;
use super::attachments::Placed;
use super::dice::Dice;
use super::document::{Scene, Shown, compose};
use super::outline::Outline;
use super::people::Person;
use super::prose::Writer;

/// The thread of a ticket.
#[derive(Debug, Default)]
pub(crate) struct Thread {
    pub(crate) comments: Vec<Value>,
    /// When each was written.
    pub(crate) times: Vec<i64>,
    /// Who wrote each.
    pub(crate) authors: Vec<Value>,
    /// When an agent first answered in public.
    pub(crate) first_reply: Option<i64>,
    /// When the thread last changed.
    pub(crate) updated: i64,
}

/// The thread of the ticket, written at those times, with those files shown in it.
pub(crate) fn thread(
    world: &World,
    outline: &Outline,
    reporter: &Person,
    times: &[i64],
    files: &[Placed],
) -> Thread {
    let mut dice = Dice::of(world.options.seed, outline.n, "comments");
    let mut thread = Thread::default();
    for (position, at) in times.iter().enumerate() {
        let (writer, author) = author(world, reporter, &mut dice);
        let shown: Vec<Shown<'_>> = files
            .iter()
            .filter(|placed| placed.comment == Some(position))
            .map(|placed| Shown {
                media_id: &placed.file.media_id,
                filename: &placed.file.filename,
            })
            .collect();
        let size = world.scaled(dice.tail(&[(600, 1, 1), (330, 2, 3), (70, 4, 8)]));
        let body = compose(&mut dice, scene(world, outline, *at), writer, size, &shown);
        let public = match writer {
            Writer::Agent => dice.often(700),
            Writer::App => dice.often(500),
            Writer::Reporter | Writer::Customer => true,
        };
        if public && writer == Writer::Agent && thread.first_reply.is_none() {
            thread.first_reply = Some(*at);
        }
        let edited = dice.often(60).then(|| at + dice.between(20_000, 3_600_000));
        let updated = edited.unwrap_or(*at).min(world.options.until.max(*at));
        thread.updated = thread.updated.max(updated);
        let mut comment = json!({
            "id": id_of(outline.n, position).to_string(),
            "created": world.options.zone.stamp(*at),
            "updated": world.options.zone.stamp(updated),
            "jsdPublic": public,
        });
        if let Some(members) = comment.as_object_mut() {
            members.insert("body".to_owned(), body);
            let own = format!(
                "{}/rest/api/3/issue/{}/comment/{}",
                world.site(),
                outline.id,
                id_of(outline.n, position)
            );
            members.insert("self".to_owned(), json!(own));
            if let Some(author) = &author {
                members.insert("author".to_owned(), author.clone());
                members.insert("updateAuthor".to_owned(), author.clone());
            }
            if !public && dice.often(60) {
                let role = "Service Desk Team";
                let visibility = json!({ "type": "role", "value": role, "identifier": role });
                members.insert("visibility".to_owned(), visibility);
            }
            if position > 0 && dice.often(40) {
                let parent = id_of(outline.n, dice.below(position));
                members.insert("parentId".to_owned(), json!(parent));
            }
        }
        thread.comments.push(comment);
        thread.times.push(*at);
        thread.authors.push(author.unwrap_or(Value::Null));
    }
    thread
}

/// The scene of a document of that ticket.
pub(crate) fn scene<'a>(world: &'a World, outline: &'a Outline, at: i64) -> Scene<'a> {
    Scene {
        people: &world.people,
        site: world.site(),
        key: &outline.key,
        topic: outline.topic,
        voice: outline.voice,
        at,
    }
}

fn id_of(n: u32, position: usize) -> i64 {
    100_000 + i64::from(n) * 400 + i64::try_from(position).unwrap_or(0)
}

fn author(world: &World, reporter: &Person, dice: &mut Dice) -> (Writer, Option<Value>) {
    match dice.below(100) {
        0..52 => (Writer::Agent, Some(world.people.agent(dice).value.clone())),
        52..84 => (Writer::Customer, Some(reporter.value.clone())),
        84..93 => (Writer::Customer, Some(world.people.customer(dice).value.clone())),
        93..97 => (Writer::App, Some(world.people.app(dice).value.clone())),
        // Automation whose account is gone leaves comments without an author.
        _ => (Writer::App, None),
    }
}
