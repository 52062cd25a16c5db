//! A snapshot to the rows of all tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use serde_json::{Value, json};
use transform::{Arena, FieldMap, RowBuilders, Site, Snapshot, View, Wanted};

use super::issues::ISSUES;
use super::shapes::{SHAPES, nested};
use super::{Bound, Cost, FIXED, check_linear};

/// A tree takes 40 bytes for a member of two letters, a row some 150 for an element `{}`.
const BOUND: Bound = Bound { allocated: 600, output: 160, fixed: FIXED };

/// What rows repeat of their elements takes up to 8 MiB in each table, and growing buffers twice that.
const REPEATING: Bound = Bound { fixed: 32 * 1024 * 1024, ..BOUND };

/// Size of the smaller values.
const SIZE: usize = 8 * 1024;

/// Where values are put: a place of each kind that columns read.
const PLACES: &[&str] = &[
    "/fields/customfield_20000",
    "/fields/customfield_10002",
    "/fields/customfield_10004",
    "/fields/customfield_10010",
    "/fields/customfield_10156",
    "/fields/customfield_10161",
    "/fields/customfield_10323",
    "/fields/customfield_10330",
    "/fields/customfield_10157",
    "/fields/attachment",
    "/fields/comment",
    "/fields/comment/comments",
    "/fields/components",
    "/fields/created",
    "/fields/description",
    "/fields/issuelinks",
    "/fields/labels",
    "/fields/status",
    "/fields/summary",
    "/fields/worklog/worklogs",
    "/_attachments",
    "/_former_keys",
    "/_parts",
    "/_parts/sla",
    "/_remote_links",
    "/_worklogs",
    "/changelog/histories",
];

fn map() -> Arc<FieldMap> {
    let columns = BTreeMap::from([("extra".to_owned(), "customfield_20000".to_owned())]);
    Arc::new(FieldMap::new(&columns, None).unwrap())
}

/// An issue with this value at one place.
fn issue(place: &str, value: Value) -> Value {
    let mut issue = json!({"id": "10021", "key": "SUPPORT-15186", "fields": {}});
    let mut at = &mut issue;
    for name in place.split('/').skip(1) {
        at = at.as_object_mut().unwrap().entry(name).or_insert(json!({}));
    }
    *at = value;
    issue
}

/// The cost of both ways from bytes to rows: of the whole snapshot, and of what columns need.
fn costs(json: &Value) -> [Cost; 2] {
    let bytes = serde_json::to_vec(json).unwrap();
    let (map, file) = (map(), "SUPPORT-15186.json");
    let (mut whole, mut lean) = (builders(&map), builders(&map));
    let files = BTreeMap::new();
    let whole = Cost::of(bytes.len(), || {
        whole.append(&Snapshot::parse(&bytes, file).unwrap(), &files);
        finished(&mut whole)
    });
    let lean = Cost::of(bytes.len(), || {
        let (wanted, arena) = (Wanted::by(&map), Arena::new());
        lean.append_view(&View::read(&bytes, file, &wanted, &arena).unwrap(), &files);
        finished(&mut lean)
    });
    [whole, lean]
}

fn builders(map: &Arc<FieldMap>) -> RowBuilders {
    RowBuilders::new(Site { domain: "example.atlassian.net".to_owned() }, Arc::clone(map))
}

/// The bytes of all rows, texts and numbers alike.
fn finished(builders: &mut RowBuilders) -> usize {
    let rows = builders.finish().unwrap();
    let columns = rows.batches().flat_map(|(_, batch)| batch.columns());
    columns.map(|column| column.to_data().get_slice_memory_size().unwrap()).sum()
}

#[test]
fn any_value_in_any_place_costs_in_proportion() {
    for shape in SHAPES {
        for place in PLACES {
            check_linear(&format!("{} at {place}", shape.name), SIZE, BOUND, |size| {
                costs(&issue(place, (shape.make)(size)))
            });
        }
    }
}

#[test]
fn what_rows_repeat_of_their_issue_costs_in_proportion() {
    for issue in ISSUES {
        check_linear(issue.name, SIZE, REPEATING, |size| costs(&(issue.make)(size)));
    }
}

/// Each level cost twice as much as the one inside of it: thirty of them killed the process.
#[test]
fn nested_lists_do_not_double_with_each_level() {
    let cost = |levels| {
        let lists = nested(levels, json!("a"), |inner| json!([inner]));
        costs(&issue("/fields/customfield_20000", lists))[0]
    };
    for levels in [8, 16, 24, 100] {
        let cost = cost(levels);
        assert!(cost.allocated < 1024 * 1024, "{levels} levels: {cost:?}");
    }
}

/// One that was not parsed has no limit of levels.
#[test]
fn any_depth_is_survived_and_dropped() {
    let around = |inner| Value::Object([("value".to_owned(), inner)].into_iter().collect());
    let lists = nested(2_000, json!("a"), |inner| Value::Array(vec![inner]));
    for deep in [lists, nested(2_000, json!("a"), around)] {
        let snapshot = Snapshot::from_json(issue("/fields/customfield_20000", deep), "a.json");
        let mut builders = builders(&map());
        builders.append(&snapshot.unwrap(), &BTreeMap::new());
        assert!(finished(&mut builders) < 1024 * 1024);
    }
}

/// The shapes of which a byte costs most.
const COSTLY: &[&str] = &["deep lists of two", "wide empty lists", "wide empty objects", "mixed"];

/// A snapshot of 4 MiB that is made to be costly asks for less than 512 times its size in all; a
/// list of empty lists takes some 300.
#[test]
fn four_mebibytes_cost_less_than_512_times_their_size() {
    const BYTES: usize = 4 * 1024 * 1024;
    for shape in SHAPES.iter().filter(|shape| COSTLY.contains(&shape.name)) {
        let json = issue("/fields/customfield_20000", (shape.make)(BYTES));
        for cost in costs(&json) {
            assert!(cost.allocated < 512 * cost.input, "{}: {cost:?}", shape.name);
        }
    }
}
