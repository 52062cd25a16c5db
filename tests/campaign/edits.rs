//! Edits of the simulated site, each of which Jira announces by webhook, from a seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use sim::{NewComment, NewIssue, Site};

/// The generator of a case's chance.
pub(crate) fn chance(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// Makes so many edits at once.
pub(crate) fn burst(site: &Site, chance: &mut StdRng, edits: u32) {
    for _ in 0..edits {
        once(site, chance);
    }
}

/// Makes one edit.
pub(crate) fn once(site: &Site, chance: &mut StdRng) {
    let keys = site.keys();
    let Some(key) = keys.choose(chance) else {
        create(site, chance);
        return;
    };
    let number: u32 = chance.random_range(0..1_000_000);
    match chance.random_range(0..100) {
        0..10 => create(site, chance),
        10..45 => {
            site.comment(key, NewComment::text(&format!("Comment {number}"))).unwrap();
        }
        45..70 => site.set(key, "summary", json!(format!("Summary {number}"))).unwrap(),
        70..80 => {
            let statuses = site.statuses();
            site.transition(key, statuses.choose(chance).unwrap()).unwrap();
        }
        80..90 => {
            site.log_work(key, 900, &format!("Work {number}")).unwrap();
        }
        90..96 => site.set(key, "labels", json!([format!("label-{number}")])).unwrap(),
        // Few issues leave, so that what is missing in the end was lost.
        _ if keys.len() > 30 => site.delete(key).unwrap(),
        _ => create(site, chance),
    }
}

fn create(site: &Site, chance: &mut StdRng) {
    let number: u32 = chance.random_range(0..1_000_000);
    site.create(NewIssue::new(&site.first_project(), &format!("Created {number}"))).unwrap();
}
