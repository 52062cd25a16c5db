//! The lists that issues refer to.

use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use transform::{Catalogue, Dimension, Entries, FieldMap};

use super::{map, object};

fn rows(dimension: Dimension, entries: &Value) -> (Vec<Value>, u64, BTreeMap<&'static str, u64>) {
    let made = dimension.rows(entries.as_array().unwrap(), &map(None)).unwrap();
    let Entries { batch, lost, odd } = made;
    ((0..batch.num_rows()).map(|row| object(&batch, row)).collect(), lost, odd)
}

fn check(dimension: Dimension, entries: Value, wanted: &[Value]) {
    assert_eq!(rows(dimension, &entries), (wanted.to_vec(), 0, BTreeMap::new()));
}

#[test]
fn projects_are_told_as_jira_lists_them() {
    let entries = json!([
        {"id": "10001", "key": "OPS", "name": "Ops", "projectTypeKey": "software",
            "style": "next-gen", "lead": {"accountId": "acc-1"}, "isPrivate": true,
            "archived": true, "projectCategory": {"id": "1", "name": "Core"}},
        {"id": 999, "key": "OLD", "name": "Old"},
    ]);
    let bare = json!({"project_id": "999", "project_key": "OLD", "name": "Old",
        "project_type": null, "style": null, "lead_account_id": null, "is_private": null,
        "archived": null, "category_name": null});
    let full = json!({"project_id": "10001", "project_key": "OPS", "name": "Ops",
        "project_type": "software", "style": "next-gen", "lead_account_id": "acc-1",
        "is_private": true, "archived": true, "category_name": "Core"});
    check(Dimension::Projects, entries, &[bare, full]);
}

#[test]
fn users_are_told_as_jira_lists_them() {
    let entries = json!([
        {"accountId": "b:2", "emailAddress": "", "displayName": "Bot", "active": false,
            "accountType": "app"},
        {"accountId": "a:1", "emailAddress": "ada@example.com", "displayName": "Ada",
            "active": true, "accountType": "atlassian", "timeZone": "Europe/Berlin"},
    ]);
    let ada = json!({"account_id": "a:1", "email": "ada@example.com", "display_name": "Ada",
        "active": true, "account_type": "atlassian", "time_zone": "Europe/Berlin"});
    let bot = json!({"account_id": "b:2", "email": null, "display_name": "Bot", "active": false,
        "account_type": "app", "time_zone": null});
    check(Dimension::Users, entries, &[ada, bot]);
}

#[test]
fn statuses_have_one_category_key_whichever_list_they_come_from() {
    let row = |id: &str, key: Value, name: Value, project: Value| {
        json!({"status_id": id, "name": "S", "category_key": key, "category_name": name,
            "project_id": project})
    };
    let own = json!({"key": "indeterminate", "name": "In Arbeit"});
    let entries = json!([
        {"id": "1", "name": "S", "statusCategory": own},
        {"id": "2", "name": "S", "statusCategory": "TODO", "scope": {"type": "GLOBAL"}},
        {"id": "3", "name": "S", "statusCategory": "IN_PROGRESS",
            "scope": {"type": "PROJECT", "project": {"id": "10001"}}},
        {"id": "4", "name": "S", "statusCategory": "DONE"},
        {"id": "5", "name": "S", "statusCategory": "UNDEFINED"},
        {"id": "6", "name": "S"},
    ]);
    let null = Value::Null;
    let wanted = [
        row("1", json!("indeterminate"), json!("In Arbeit"), null.clone()),
        row("2", json!("new"), null.clone(), null.clone()),
        row("3", json!("indeterminate"), null.clone(), json!("10001")),
        row("4", json!("done"), null.clone(), null.clone()),
        row("5", json!("UNDEFINED"), null.clone(), null.clone()),
        row("6", null.clone(), null.clone(), null),
    ];
    check(Dimension::Statuses, entries, &wanted);
}

#[test]
fn fields_name_the_columns_that_they_feed() {
    let entries = json!([
        {"id": "customfield_10328", "name": "Time to first response", "custom": true,
            "schema": {"type": "sd-sla", "custom": "com.atlassian.servicedesk:sd-sla-field"}},
        {"id": "customfield_9", "name": "Nine", "schema": {"type": "option"}},
        {"id": "summary", "name": "Summary", "custom": false, "schema": {"type": "string"}},
        {"id": "thumbnail", "name": "Images"},
    ]);
    let site = Catalogue::of(entries.as_array().unwrap());
    let columns = BTreeMap::from([("nine".to_owned(), "customfield_9".to_owned())]);
    let map = FieldMap::new(&columns, Some(&site)).unwrap();
    let made = Dimension::Fields.rows(entries.as_array().unwrap(), &map).unwrap();
    let found: Vec<_> = (0..4).map(|row| object(&made.batch, row)).collect();
    let row = |id: &str, name: &str, custom: bool, rest: [Value; 3]| {
        let [kind, schema, feeds] = rest;
        json!({"field_id": id, "name": name, "custom": custom, "schema_type": kind,
            "schema_custom": schema, "feeds_column": feeds})
    };
    let (null, sla) = (Value::Null, json!("com.atlassian.servicedesk:sd-sla-field"));
    let response =
        json!("first_response_breached, first_response_goal_millis, first_response_elapsed_millis");
    let wanted = [
        row("summary", "Summary", false, [json!("string"), null.clone(), json!("summary")]),
        row("thumbnail", "Images", false, [null.clone(), null.clone(), null.clone()]),
        row("customfield_9", "Nine", true, [json!("option"), null, json!("nine")]),
        row("customfield_10328", "Time to first response", true, [json!("sd-sla"), sla, response]),
    ];
    assert_eq!((found, made.lost, made.odd.len()), (wanted.to_vec(), 0, 0));
}

#[test]
fn organizations_keep_their_details_as_json() {
    let entries = json!([
        {"id": "10", "name": "Ten"},
        {"id": "9", "name": "Acme", "uuid": "u-9", "details": [{"name": "Größe", "values": [1]}]},
    ]);
    let acme = json!({"organization_id": "9", "name": "Acme", "uuid": "u-9",
        "details_json": r#"[{"name":"Größe","values":[1]}]"#});
    let ten = json!({"organization_id": "10", "name": "Ten", "uuid": null, "details_json": null});
    check(Dimension::Organizations, entries, &[acme, ten]);
}

#[test]
fn each_id_is_a_row_once_and_the_first_counts() {
    let entries = json!([{"id": "2", "name": "first"}, {"id": "1"}, {"id": 2, "name": "again"}]);
    let (found, lost, _) = rows(Dimension::Projects, &entries);
    let found: Vec<_> = found.iter().map(|row| [&row["project_id"], &row["name"]]).collect();
    assert_eq!(found, [[&json!("1"), &Value::Null], [&json!("2"), &json!("first")]]);
    assert_eq!(lost, 0);
}

#[test]
fn an_odd_value_costs_its_column_and_an_entry_without_id_itself() {
    let entries = json!([
        {"accountId": "a", "active": "yes", "displayName": 5, "emailAddress": ["x"],
            "timeZone": null},
        {"accountId": ""}, {"accountId": null}, {"accountId": ["a"]}, {"id": "a"}, 5, null, "a", [],
    ]);
    let (found, lost, odd) = rows(Dimension::Users, &entries);
    let wanted = json!({"account_id": "a", "email": "[\"x\"]", "display_name": "5",
        "active": null, "account_type": null, "time_zone": null});
    assert_eq!((found, lost), (vec![wanted], 8));
    assert_eq!(odd, BTreeMap::from([("active", 1), ("display_name", 1), ("email", 1)]));
    let odd_all = json!([{"id": "1", "lead": 5, "projectCategory": "x", "isPrivate": 1,
        "statusCategory": 7, "scope": [], "schema": "x", "custom": "no", "details": 5}]);
    for (dimension, wanted) in [
        (Dimension::Projects, 3),
        (Dimension::Statuses, 3),
        (Dimension::Fields, 3),
        (Dimension::Organizations, 0),
    ] {
        let (found, lost, odd) = rows(dimension, &odd_all);
        assert_eq!((found.len(), lost, odd.len()), (1, 0, wanted), "{dimension:?}: {odd:?}");
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
        Just(json!({"id": [1], "key": {}, "name": null})),
        Just(json!(["x"])),
    ]
}

proptest! {
    #[test]
    fn whatever_the_members_are_an_entry_with_an_id_is_a_row(
        members in proptest::collection::vec(anything(), 8),
    ) {
        let names = ["name", "lead", "statusCategory", "scope", "schema", "custom", "details", "active"];
        let mut entry: serde_json::Map<_, _> =
            names.iter().map(|name| (*name).to_owned()).zip(members).collect();
        entry.insert("id".to_owned(), "7".into());
        entry.insert("accountId".to_owned(), "7".into());
        for dimension in Dimension::ALL {
            let made = dimension.rows(&[Value::Object(entry.clone())], &map(None)).unwrap();
            prop_assert_eq!((made.batch.num_rows(), made.lost), (1, 0));
            prop_assert!(made.odd.values().all(|count| *count == 1));
        }
    }
}
