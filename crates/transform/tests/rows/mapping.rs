//! Which field feeds which column.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use transform::{Catalogue, FieldMap, Origin, Table, Unknown};

use super::{column, issue, objects, rows_with};

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(column, field)| ((*column).to_owned(), (*field).to_owned())).collect()
}

fn catalogue(fields: &[(&str, &str, &str)]) -> Catalogue {
    let field = |(id, name, custom): &(&str, &str, &str)| json!({"id": id, "name": name, "schema": {"type": "any", "custom": custom}});
    Catalogue::of(&fields.iter().map(field).collect::<Vec<_>>())
}

/// The `severity` of an issue whose custom fields hold their own number.
fn severity(columns: &[(&str, &str)], catalogue: Option<&Catalogue>) -> Value {
    let map = FieldMap::new(&settings(columns), catalogue).unwrap();
    let issue = issue(json!({
        "customfield_10004": "10004", "customfield_9": "9", "customfield_10": "10",
        "customfield_77": "77",
    }));
    column(&rows_with(&issue, map, &BTreeMap::new()), Table::Issues, "severity").remove(0)
}

#[test]
fn configuration_goes_before_the_catalogue_and_that_before_the_default() {
    let site = catalogue(&[("customfield_9", "severity ", ""), ("customfield_77", "Impact", "")]);
    assert_eq!(severity(&[], None), "10004");
    assert_eq!(severity(&[], Some(&site)), "9");
    assert_eq!(severity(&[("severity", "customfield_77")], Some(&site)), "77");
    assert_eq!(severity(&[("severity", "IMPACT")], Some(&site)), "77");
    assert_eq!(severity(&[("severity", "customfield_77")], None), "77");
    let other = catalogue(&[("customfield_77", "Impact", "")]);
    assert_eq!(severity(&[], Some(&other)), "10004");
}

#[test]
fn of_two_fields_with_one_name_the_lower_number_counts() {
    let mut fields = [("customfield_10", "Severity", ""), ("customfield_9", "Severity", "")];
    assert_eq!(severity(&[], Some(&catalogue(&fields))), "9");
    fields.reverse();
    assert_eq!(severity(&[], Some(&catalogue(&fields))), "9");
}

#[test]
fn a_default_id_that_is_another_field_on_this_site_is_not_used() {
    let site = catalogue(&[("customfield_10004", "Story points", "")]);
    assert_eq!(severity(&[], Some(&site)), Value::Null);
}

#[test]
fn service_desk_fields_are_told_by_their_kind_whatever_their_name() {
    let sla = "com.atlassian.servicedesk:sd-sla-field";
    let site = catalogue(&[
        ("customfield_1", "Organisationen", "com.atlassian.servicedesk:sd-customer-organizations"),
        ("customfield_2", "Anfragetyp", "com.atlassian.servicedesk:vp-origin"),
        ("customfield_3", "Zufriedenheit", "com.atlassian.servicedesk:sd-request-feedback"),
        ("customfield_4", "Beteiligte", "com.atlassian.servicedesk:sd-request-participants"),
        ("customfield_5", "Time to triage", sla),
        ("customfield_6", "time to RESOLUTION", sla),
        ("customfield_7", "Time to first response", "other:kind"),
    ]);
    let map = FieldMap::new(&BTreeMap::new(), Some(&site)).unwrap();
    let slas: Vec<_> = map.sla_fields().map(str::to_owned).collect();
    assert_eq!(slas, ["customfield_5", "customfield_6", "customfield_10328"]);
    let cycle = json!({"breached": true});
    let issue = issue(json!({
        "customfield_1": [{"id": "3", "name": "Acme"}],
        "customfield_2": {"requestType": {"name": "Bug"}, "currentStatus": {"status": "Open"}},
        "customfield_3": {"rating": 5},
        "customfield_4": [{"emailAddress": "a@example.com"}, {}],
        "customfield_6": {"completedCycles": [cycle]},
        "customfield_7": {"completedCycles": [cycle]},
    }));
    let row = objects(&rows_with(&issue, map, &BTreeMap::new()), Table::Issues).remove(0);
    assert_eq!(row["organizations"], r#"["Acme"]"#);
    assert_eq!(row["organization_ids"], r#"["3"]"#);
    assert_eq!((&row["request_type"], &row["request_status"]), (&json!("Bug"), &json!("Open")));
    assert_eq!(row["satisfaction"], 5);
    assert_eq!(row["participants"], r#"["a@example.com",null]"#);
    assert_eq!(row["time_to_resolution_breached"], "True");
    assert_eq!(row["first_response_breached"], Value::Null);
}

#[test]
fn a_setting_that_cannot_be_followed_says_which() {
    let site = catalogue(&[("customfield_9", "Severity", "")]);
    let check = |columns: &[(&str, &str)], wanted: Unknown| {
        assert_eq!(FieldMap::new(&settings(columns), Some(&site)).unwrap_err(), wanted);
    };
    let (column, field) = ("severity".to_owned(), "Sevrity".to_owned());
    check(&[("severity", "Sevrity")], Unknown::Field { column, field });
    let long = "a".repeat(64);
    for bad in ["Team", "1team", "_team", "te am", "te-am", "team\n", "tëam", "", &long] {
        check(&[(bad, "Severity")], Unknown::Name { column: bad.to_owned() });
    }
    let twice = [("request_status", "customfield_1"), ("request_type", "customfield_2")];
    check(&twice, Unknown::Twice { column: "request_type".to_owned() });
    let twice = [("cf_status", "customfield_1"), ("status", "customfield_2")];
    check(&twice, Unknown::Twice { column: "cf_status".to_owned() });
    assert!(FieldMap::new(&settings(&[(&"a".repeat(63), "Severity")]), Some(&site)).is_ok());
    // Without a catalogue a name cannot be looked up, and is not taken for an id.
    assert!(FieldMap::new(&settings(&[("severity", "Severity")]), None).is_err());
}

#[test]
fn a_column_of_the_operator_shows_a_field_of_any_type_as_text() {
    let site = Catalogue::of(&[json!({"id": "environment", "name": "Environment"})]);
    let check = |value: Value, wanted: Value| {
        let map = FieldMap::new(&settings(&[("team", "customfield_7")]), Some(&site)).unwrap();
        let rows = rows_with(&issue(json!({"customfield_7": value})), map, &BTreeMap::new());
        assert_eq!(column(&rows, Table::Issues, "team"), [wanted], "{value}");
        assert!(rows.oddities.is_empty());
    };
    let doc = json!({"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "Olá"}]}]});
    check(Value::Null, Value::Null);
    check(json!("plain"), json!("plain"));
    check(json!(12.5), json!("12.5"));
    check(json!(true), json!("true"));
    check(json!({"value": "High", "id": "1"}), json!("High"));
    check(json!({"displayName": "Ada", "accountId": "x"}), json!("Ada"));
    check(json!([{"value": "a"}, null, {"name": "b"}, "ç"]), json!(r#"["a","b","ç"]"#));
    check(json!({"odd": {"é": 1}}), json!(r#"{"odd":{"é":1}}"#));
    check(doc, json!("Olá"));
    let map = FieldMap::new(&settings(&[("place", "Environment")]), Some(&site)).unwrap();
    let rows = rows_with(&issue(json!({"environment": "prod"})), map, &BTreeMap::new());
    assert_eq!(column(&rows, Table::Issues, "place"), ["prod"]);
}

#[test]
fn explain_lists_every_field_and_the_columns_it_feeds() {
    let site = catalogue(&[
        ("summary", "Summary", ""),
        ("customfield_9", "Severity", "x:select"),
        ("customfield_8", "Unused", "x:text"),
    ]);
    let columns = settings(&[("team", "customfield_9"), ("l3_team", "customfield_3")]);
    let all = FieldMap::new(&columns, Some(&site)).unwrap().explain();
    let find = |id: &str| all.iter().find(|field| field.id == id).unwrap();
    assert_eq!(find("customfield_9").columns, ["severity", "team"]);
    assert_eq!(find("customfield_9").kind.as_deref(), Some("x:select"));
    assert_eq!(find("customfield_8").origin, None);
    assert_eq!(find("customfield_3").origin, Some(Origin::Configuration));
    assert_eq!(find("customfield_10365").origin, Some(Origin::Default));
    assert_eq!(find("summary").origin, Some(Origin::Jira));
    // Every column that is fed is a column, and every column but those that we make is fed.
    let map = FieldMap::new(&columns, Some(&site)).unwrap();
    let names: Vec<_> = Table::Issues.columns(&map).into_iter().map(|c| c.name).collect();
    let fed: Vec<_> = all.iter().flat_map(|field| field.columns.iter()).collect();
    assert!(fed.iter().all(|column| names.contains(column)));
    let mut unfed = names.iter().filter(|name| !fed.contains(name));
    assert!(unfed.all(|name| {
        ["issue_id", "issue_url", "_synced_at", "_raw_file"].contains(&name.as_str())
    }));
}
