//! The order of an issue's comments, changes and worklogs: oldest first, each once.
//!
//! Jira embeds some lists newest first and others oldest first, and overlapping pages repeat
//! elements; the rows must not depend on any of that.

use std::borrow::Cow;
use std::collections::HashMap;

use jira::time::Instant;

use crate::node::Node;

/// The objects of a list by (creation, numeric id), otherwise as delivered; those without a
/// readable creation come last.
pub(crate) fn oldest_first<'a>(list: Node<'a>, lost: &mut u64) -> Vec<Node<'a>> {
    let mut elements = list.objects(lost);
    elements.sort_by_cached_key(|element| {
        let created = element.at("created").time().value;
        let id = element.at("id").id().value.and_then(|id| id.parse::<u64>().ok());
        (created.is_none(), created, id.is_none(), id)
    });
    elements
}

/// The same, and of elements with the same id only the one that was edited last. Elements without
/// an id are all kept.
pub(crate) fn once_each<'a>(list: Node<'a>, lost: &mut u64) -> Vec<Node<'a>> {
    let mut newest: HashMap<Cow<'a, str>, Option<Instant>> = HashMap::new();
    let elements = oldest_first(list, lost);
    for element in &elements {
        let edited = element.at("updated").time().value;
        if let Some(id) = element.at("id").id().value {
            let known = newest.entry(id).or_insert(edited);
            *known = edited.max(*known);
        }
    }
    let mut kept = elements;
    kept.retain(|element| match element.at("id").id().value {
        // Taking the entry out makes later ones with the same edit time repeats.
        Some(id) if newest.get(&id) == Some(&element.at("updated").time().value) => {
            newest.remove(&id).is_some()
        }
        Some(_) => false,
        None => true,
    });
    kept
}
