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
    sorted(list, lost).into_iter().map(|(_, element)| element).collect()
}

/// What decides about an element's place.
type Place = (bool, Option<Instant>, bool, Option<u64>);

fn sorted<'a>(list: Node<'a>, lost: &mut u64) -> Vec<(Place, Node<'a>)> {
    let place = |element: Node<'a>| {
        let created = element.at("created").time().value;
        let id = element.at("id").id().value.and_then(|id| id.parse::<u64>().ok());
        ((created.is_none(), created, id.is_none(), id), element)
    };
    let mut elements: Vec<_> = list.objects(lost).into_iter().map(place).collect();
    elements.sort_by_key(|(place, _)| *place);
    elements
}

/// A list, once each, and how many of its elements could not be objects.
pub(crate) struct Once<'a> {
    pub(crate) elements: Vec<Node<'a>>,
    pub(crate) lost: u64,
}

impl<'a> Once<'a> {
    pub(crate) fn of(list: Node<'a>) -> Self {
        let mut lost = 0;
        Self { elements: once_each(list, &mut lost), lost }
    }
}

/// The same, and of elements with the same id only the one that was edited last. Elements without
/// an id are all kept.
pub(crate) fn once_each<'a>(list: Node<'a>, lost: &mut u64) -> Vec<Node<'a>> {
    let elements = sorted(list, lost);
    // Ids mostly grow with time: then each is there once, and there is nothing to look up.
    let grows = |(one, _): &(Place, _), (next, _): &(Place, _)| one.3 < next.3;
    let grow = elements.is_sorted_by(grows) && elements.iter().all(|(place, _)| place.3.is_some());
    let elements = elements.into_iter().map(|(_, element)| element).collect();
    if grow { elements } else { without_repeats(elements) }
}

fn without_repeats(elements: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut newest: HashMap<Cow<'_, str>, Option<Instant>> = HashMap::new();
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
