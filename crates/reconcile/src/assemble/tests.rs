use super::*;

fn now() -> Instant {
    Instant::parse("2026-02-03T12:00:00.000+0000").unwrap()
}

fn origin() -> Origin {
    Origin { now: now(), source: "webhook" }
}

fn entries(ids: &[i64]) -> Vec<Value> {
    ids.iter()
        .map(|id| json!({"id": id.to_string(), "created": "2026-02-01T00:00:00.000+0100", "v": "new"}))
        .collect()
}

fn fetched(change: impl FnOnce(&mut Fetched)) -> Fetched {
    let mut fetched = Fetched {
        id: "10001".parse().unwrap(),
        key: "SUPPORT-1".parse().unwrap(),
        issue: json!({"id": "10001", "key": "SUPPORT-1", "fields": {"summary": "s"}}),
        comments: Part::Complete(Vec::new()),
        changelog: Part::Complete(Vec::new()),
        worklogs: Part::Complete(Vec::new()),
        remote_links: Part::Complete(Vec::new()),
        sla: Overlay::None,
    };
    change(&mut fetched);
    fetched
}

fn ids(json: &Value, path: &str) -> Vec<i64> {
    json.pointer(path).unwrap().as_array().unwrap().iter().map(|e| identity(e).unwrap()).collect()
}

fn part<'a>(json: &'a Value, name: &str) -> &'a Value {
    &json["_parts"][name]
}

#[test]
fn a_failed_part_keeps_its_rows_and_says_so() {
    let known = json!({"_remote_links": [{"id": 7}, {"id": 8}], "fields": {}});
    let look = fetched(|f| f.remote_links = Part::failed("jira answered 500", Retry::Soon));
    let made = assemble(look, Some(&known), origin()).unwrap();
    assert_eq!(ids(&made.json, "/_remote_links"), [7, 8]);
    assert_eq!(part(&made.json, "remote_links")["complete"], json!(false));
    assert_eq!(part(&made.json, "remote_links")["have"], json!(2));
    assert_eq!(part(&made.json, "remote_links")["reason"], json!("jira answered 500"));
    assert_eq!(made.again, [(Name::RemoteLinks, "jira answered 500".to_owned(), Retry::Soon)]);
    assert!(made.leans_on_known);
}

#[test]
fn a_failed_part_of_a_new_issue_is_not_an_empty_list() {
    let look = fetched(|f| f.remote_links = Part::failed("jira answered 500", Retry::Soon));
    let made = assemble(look, None, origin()).unwrap();
    assert_eq!(made.json.get("_remote_links"), None);
    assert_eq!(part(&made.json, "remote_links")["complete"], json!(false));
}

#[test]
fn a_complete_part_replaces_what_was_known() {
    let known = json!({"fields": {"comment": {"comments": entries(&[1, 2, 3])}}});
    let look = fetched(|f| f.comments = Part::Complete(entries(&[3, 1])));
    let made = assemble(look, Some(&known), origin()).unwrap();
    assert_eq!(ids(&made.json, "/fields/comment/comments"), [1, 3]);
    assert_eq!(made.json["fields"]["comment"]["total"], json!(2));
    assert!(made.again.is_empty() && !made.leans_on_known);
}

#[test]
fn an_incomplete_part_unites_and_the_newer_copy_wins() {
    let mut old = entries(&[1, 2]);
    old[1]["v"] = json!("old");
    let known = json!({"fields": {"comment": {"comments": old}}});
    let look = fetched(|f| {
        f.comments = Part::Incomplete {
            items: entries(&[2, 3]),
            total: Some(5),
            reason: "cut".into(),
            again: Retry::Soon,
        };
    });
    let made = assemble(look, Some(&known), origin()).unwrap();
    assert_eq!(ids(&made.json, "/fields/comment/comments"), [1, 2, 3]);
    assert_eq!(made.json["fields"]["comment"]["comments"][1]["v"], json!("new"));
    assert_eq!(part(&made.json, "comments")["have"], json!(3));
    assert_eq!(part(&made.json, "comments")["total"], json!(5));
}

#[test]
fn the_history_is_newest_first_as_jira_embeds_it() {
    let look = fetched(|f| f.changelog = Part::Complete(entries(&[5, 9, 7])));
    let made = assemble(look, None, origin()).unwrap();
    assert_eq!(ids(&made.json, "/changelog/histories"), [9, 7, 5]);
}

fn with_sla(overlay: Overlay, known: Option<&Value>) -> Assembled {
    let look = fetched(|f| {
        f.issue["fields"]["customfield_1"] = json!({"errorMessage": "no licence"});
        f.issue["fields"]["customfield_2"] = json!(null);
        f.sla = overlay;
    });
    assemble(look, known, origin()).unwrap()
}

fn refused(values: Value, failure: Option<(String, Retry)>) -> Overlay {
    Overlay::Refused {
        fields: vec!["customfield_1".into(), "customfield_2".into()],
        values: values.as_object().cloned().unwrap_or_default(),
        failure,
    }
}

#[test]
fn refused_sla_values_come_from_the_service_account() {
    let made = with_sla(refused(json!({"customfield_1": {"completedCycles": []}}), None), None);
    assert_eq!(made.json["fields"]["customfield_1"], json!({"completedCycles": []}));
    assert_eq!(part(&made.json, "sla")["complete"], json!(true));
}

#[test]
fn a_failed_sla_fetch_keeps_the_last_values_and_never_an_error_message() {
    let known = json!({"fields": {"customfield_1": {"completedCycles": [1]}}});
    let made = with_sla(refused(json!({}), Some(("time-out".into(), Retry::Soon))), Some(&known));
    assert_eq!(made.json["fields"]["customfield_1"], json!({"completedCycles": [1]}));
    assert_eq!(part(&made.json, "sla")["complete"], json!(false));
    assert_eq!(made.again, [(Name::Sla, "time-out".to_owned(), Retry::Soon)]);
    let refused_twice = refused(json!({"customfield_1": {"errorMessage": "still"}}), None);
    let made = with_sla(refused_twice, Some(&known));
    assert_eq!(made.json["fields"]["customfield_1"], json!({"completedCycles": [1]}));
    assert!(made.again.is_empty(), "a missing licence does not heal by asking again");
}

#[test]
fn something_that_is_not_an_issue_is_refused() {
    for issue in [json!([]), json!("x"), json!({"id": "10001"}), json!({"fields": null})] {
        assert!(assemble(fetched(|f| f.issue = issue.clone()), None, origin()).is_err(), "{issue}");
    }
}

#[test]
fn what_became_of_attachments_is_told_and_outlives_the_next_look() {
    let listed = json!([{"id": "7"}, {"id": "8"}, {"id": "9"}]);
    let mut known = json!({"fields": {"attachment": listed}, "_parts": {"comments": {}},
        "_attachments": {"6": {"state": "stored"}}});
    let stored = json!({"state": "stored", "sha256": "00ff"});
    let became = json!({"7": stored, "8": {"state": "failed", "reason": "gone"}});
    fill_attachments(&mut known, became.as_object().unwrap().clone(), now());
    assert_eq!(known["_attachments"], became, "what is not listed any more leaves");
    let told = |json: &Value| {
        let part = part(json, "attachments");
        (part["complete"].clone(), part["have"].clone(), part["total"].clone())
    };
    assert_eq!(told(&known), (json!(false), json!(1), json!(3)));
    assert!(known["_parts"]["comments"].is_object());
    let look = fetched(|f| f.issue["fields"]["attachment"] = json!([{"id": "7"}]));
    let made = assemble(look, Some(&known), origin()).unwrap();
    assert_eq!(told(&made.json), (json!(true), json!(1), json!(1)));
    assert_eq!(made.json["_attachments"]["7"], stored);
}
