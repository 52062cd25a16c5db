//! Whatever stands where: the issue's row stays, and nothing panics.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use transform::Table;

use super::gone::gone;
use super::story::ticket;
use super::{objects, rows};

pub(crate) fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-02-03T12:06:52.829+0100")),
    ];
    let name = prop::sample::select(vec![
        "id",
        "name",
        "value",
        "comments",
        "type",
        "content",
        "attrs",
        "text",
        "items",
        "completedCycles",
        "ongoingCycle",
        "startTime",
        "epochMillis",
        "rating",
        "key",
        "created",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

/// Every place of the JSON but the identity.
pub(crate) fn places(value: &Value, at: &str, places: &mut Vec<String>) {
    if at != "/id" && at != "/key" && !at.is_empty() {
        places.push(at.to_owned());
    }
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, value)| self::places(value, &format!("{at}/{name}"), places));
        }
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            elements.for_each(|(i, value)| self::places(value, &format!("{at}/{i}"), places));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn anything_in_any_place_leaves_the_issue(which: usize, value in anything()) {
        let mut issue = ticket();
        let mut all = Vec::new();
        places(&issue, "", &mut all);
        *issue.pointer_mut(&all[which % all.len()]).unwrap() = value;
        let rows = rows(&issue);
        let row = objects(&rows, Table::Issues).remove(0);
        prop_assert_eq!(&row["issue_key"], "SUPPORT-15186");
        for column in ["labels", "triage", "participants", "organizations", "components"] {
            if let Some(text) = row[column].as_str() {
                prop_assert!(serde_json::from_str::<Value>(text).is_ok(), "{column}: {text}");
            }
        }
        for row in objects(&rows, Table::CustomFields) {
            prop_assert!(serde_json::from_str::<Value>(row["value_json"].as_str().unwrap()).is_ok());
        }
    }

    #[test]
    fn anything_in_any_place_of_a_tombstone_leaves_its_one_row(which: usize, value in anything()) {
        let mut issue = gone();
        let mut all = Vec::new();
        places(&issue, "", &mut all);
        all.retain(|place| place != "/_deleted_at");
        *issue.pointer_mut(&all[which % all.len()]).unwrap() = value;
        let rows = rows(&issue);
        for (table, batch) in rows.batches() {
            prop_assert_eq!(batch.num_rows(), usize::from(table == Table::DeletedIssues));
        }
    }
}
