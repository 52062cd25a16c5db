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

#[test]
fn a_snapshot_says_when_and_why_it_was_fetched_and_what_each_part_is() {
    let look = fetched(|f| {
        f.comments = Part::Complete(entries(&[1]));
        f.worklogs = Part::Complete(entries(&[4, 3]));
        f.remote_links = Part::Complete(vec![json!({"id": 7})]);
    });
    let made = assemble(look, None, origin()).unwrap();
    let at = now().iso();
    let whole =
        |n: u64| json!({"fetched_at": at, "complete": true, "have": n, "total": n, "reason": null});
    let expected = json!({
        "id": "10001",
        "key": "SUPPORT-1",
        "fields": {
            "summary": "s",
            "comment": {"comments": entries(&[1]), "maxResults": 1, "total": 1, "startAt": 0},
        },
        "changelog": {"histories": [], "maxResults": 0, "total": 0, "startAt": 0},
        "_worklogs": entries(&[3, 4]),
        "_remote_links": [{"id": 7}],
        "_synced_at": at,
        "_source": "webhook",
        "_parts": {
            "comments": whole(1), "changelog": whole(0), "worklogs": whole(2),
            "remote_links": whole(1),
        },
    });
    assert_eq!(made.json, expected);
    assert_eq!((made.id.get(), made.key.as_str()), (10001, "SUPPORT-1"));
    assert!(made.again.is_empty() && !made.leans_on_known);
}

/// The former keys in a snapshot of SUPPORT-1 after one of this key and with these former keys.
fn former(key: &str, former: Value) -> Option<Value> {
    let known = json!({"fields": {}, "key": key, "_former_keys": former});
    let made = assemble(fetched(|_| {}), Some(&known), origin()).unwrap();
    made.json.get("_former_keys").cloned()
}

#[test]
fn a_key_that_the_issue_had_is_kept_once_and_one_that_it_has_again_is_none_of_them() {
    let at = now().iso();
    let moved = json!({"key": "OLD-3", "moved_at": at});
    let older = json!({"key": "OLDER-9", "moved_at": "2020-01-01T00:00:00.000Z"});
    let earlier = json!({"key": "OLD-3", "moved_at": "2019-01-01T00:00:00.000Z"});
    let back = json!({"key": "SUPPORT-1", "moved_at": "2019-01-01T00:00:00.000Z"});
    assert_eq!(former("SUPPORT-1", json!(null)), None, "it has not moved");
    assert_eq!(former("OLD-3", json!(null)), Some(json!([moved])));
    assert_eq!(former("OLD-3", json!([older])), Some(json!([older, moved])));
    assert_eq!(former("OLD-3", json!([earlier, older])), Some(json!([earlier, older])));
    assert_eq!(former("OLD-3", json!([back, older])), Some(json!([older, moved])));
    assert_eq!(former("SUPPORT-1", json!([back])), None, "it was given back");
    assert_eq!(former("SUPPORT-1", json!([older])), Some(json!([older])));
    let nameless = json!({"fields": {}});
    let made = assemble(fetched(|_| {}), Some(&nameless), origin()).unwrap();
    assert_eq!(made.json.get("_former_keys"), None);
}

#[test]
fn entries_are_in_the_order_of_their_times_and_then_of_their_ids_as_numbers() {
    let at = |id: Value, second: u32| json!({"id": id, "created": format!("2026-02-01T00:00:{second:02}.000+0100")});
    let list = vec![at(json!("9"), 2), at(json!("10"), 2), at(json!(-3), 2), at(json!("1"), 5)];
    let early = json!({"id": "99", "created": "2026-02-01T00:00:00.000+0200"});
    let timeless = json!({"id": "50"});
    let look = fetched(|f| {
        f.comments = Part::Complete([list, vec![early, timeless]].concat());
    });
    let made = assemble(look, None, origin()).unwrap();
    assert_eq!(ids(&made.json, "/fields/comment/comments"), [50, 99, -3, 9, 10, 1]);
}

#[test]
fn entries_without_an_id_come_from_the_fresh_list_only() {
    let known = json!({"fields": {}, "_remote_links": [{"v": "old"}, {"id": 1, "v": "old"}]});
    let look = fetched(|f| {
        f.remote_links = Part::Incomplete {
            items: vec![json!({"v": "new"}), json!({"v": "newer"}), json!({"id": "1", "v": "new"})],
            total: None,
            reason: "cut".into(),
            again: Retry::Never,
        };
    });
    let made = assemble(look, Some(&known), origin()).unwrap();
    let expected = json!([{"id": "1", "v": "new"}, {"v": "new"}, {"v": "newer"}]);
    assert_eq!(made.json["_remote_links"], expected);
    assert!(made.again.is_empty(), "another look would not change it");
    assert!(made.leans_on_known);
}

#[test]
fn every_list_that_fails_stays_as_it_was_known() {
    let known = json!({
        "fields": {"comment": {"comments": entries(&[1])}},
        "changelog": {"histories": entries(&[2])},
        "_worklogs": entries(&[3]),
        "_remote_links": [{"id": 4}],
    });
    let failed = |when| Part::failed("jira answered 500", when);
    let look = fetched(|f| {
        f.comments = failed(Retry::Soon);
        f.changelog = failed(Retry::Later);
        f.worklogs = failed(Retry::Never);
        f.remote_links = failed(Retry::Soon);
    });
    let made = assemble(look, Some(&known), origin()).unwrap();
    assert_eq!(ids(&made.json, "/fields/comment/comments"), [1]);
    assert_eq!(ids(&made.json, "/changelog/histories"), [2]);
    assert_eq!(ids(&made.json, "/_worklogs"), [3]);
    assert_eq!(ids(&made.json, "/_remote_links"), [4]);
    let again = |name, when| (name, "jira answered 500".to_owned(), when);
    let expected = [
        again(Name::Comments, Retry::Soon),
        again(Name::Changelog, Retry::Later),
        again(Name::RemoteLinks, Retry::Soon),
    ];
    assert_eq!(made.again, expected);
    let part = part(&made.json, "worklogs");
    assert_eq!((&part["have"], &part["total"]), (&json!(1), &json!(null)));
}

#[test]
fn an_incomplete_list_without_anything_known_is_what_came() {
    let look = fetched(|f| {
        let (items, total, reason) = (entries(&[2, 1]), Some(3), "cut".into());
        f.worklogs = Part::Incomplete { items, total, reason, again: Retry::Later };
    });
    let made = assemble(look, None, origin()).unwrap();
    assert_eq!(ids(&made.json, "/_worklogs"), [1, 2]);
    assert_eq!(made.again, [(Name::Worklogs, "cut".to_owned(), Retry::Later)]);
}

#[test]
fn sla_values_that_are_read_are_left_alone_and_those_that_are_missing_are_counted() {
    let made = with_sla(Overlay::None, None);
    assert_eq!(made.json["_parts"].get("sla"), None, "nothing was asked of the service account");
    // The second field is null, not refused: whatever the service account says, it stays.
    let values = json!({"customfield_1": {"errorMessage": "no"}, "customfield_2": {"x": 1}});
    let made = with_sla(refused(values, None), None);
    assert_eq!(made.json["fields"]["customfield_2"], json!(null));
    let sla = part(&made.json, "sla");
    let counted = (&sla["complete"], &sla["have"], &sla["total"]);
    assert_eq!(counted, (&json!(false), &json!(1), &json!(2)));
    let reason = "the accounts may not read SLA values: an agent licence is needed";
    assert_eq!(sla["reason"], json!(reason));
    assert!(made.leans_on_known);
    let known = json!({"fields": {"customfield_1": {"errorMessage": "before"}}});
    let made = with_sla(refused(json!({}), None), Some(&known));
    let kept = &made.json["fields"]["customfield_1"];
    assert_eq!(kept["errorMessage"], json!("no licence"), "a refusal is not a value");
    let made =
        with_sla(refused(json!({"customfield_1": {"ongoingCycle": {}}}), None), Some(&known));
    let sla = part(&made.json, "sla");
    assert_eq!((&sla["have"], &sla["reason"]), (&json!(2), &json!(null)));
    assert!(!made.leans_on_known);
}

#[test]
fn all_refused_sla_values_that_are_missing_are_counted() {
    let look = fetched(|f| {
        for field in ["customfield_1", "customfield_2"] {
            f.issue["fields"][field] = json!({"errorMessage": "no licence"});
        }
        f.sla = refused(json!({}), None);
    });
    let made = assemble(look, None, origin()).unwrap();
    assert_eq!(part(&made.json, "sla")["have"], json!(0));
}

#[test]
fn remote_links_that_come_later_replace_the_list_and_only_their_own_part() {
    let before = json!({"_remote_links": [{"id": 1}], "_parts": {"comments": {"have": 5}}});
    let mut known = before.clone();
    fill_remote_links(&mut known, Part::Complete(vec![json!({"id": 2})]), now());
    assert_eq!(known["_remote_links"], json!([{"id": 2}]));
    assert_eq!(known["_parts"]["comments"], json!({"have": 5}));
    let expected = json!({"fetched_at": now().iso(), "complete": true, "have": 1, "total": 1,
        "reason": null});
    assert_eq!(part(&known, "remote_links"), &expected);
    let mut known = before.clone();
    fill_remote_links(&mut known, Part::failed("500", Retry::Soon), now());
    assert_eq!(known["_remote_links"], json!([{"id": 1}]), "what was known stays");
    assert_eq!(part(&known, "remote_links")["complete"], json!(false));
    let mut known = json!({"_parts": {}});
    fill_remote_links(&mut known, Part::failed("500", Retry::Soon), now());
    assert_eq!(known.get("_remote_links"), None, "absent is not empty");
}

#[test]
fn attachments_are_counted_by_what_became_of_their_bytes() {
    let check = |states: &[&str], complete: bool, have: usize, reason: Option<&str>| {
        let ids = 1..=states.len();
        let listed: Vec<Value> = ids.clone().map(|id| json!({"id": id.to_string()})).collect();
        let became = ids.zip(states).filter(|(_, state)| !state.is_empty());
        let became = became.map(|(id, state)| (id.to_string(), json!({"state": state}))).collect();
        let mut known = json!({"fields": {"attachment": listed}, "_parts": {}});
        fill_attachments(&mut known, became, now());
        let expected = json!({"fetched_at": now().iso(), "complete": complete, "have": have,
            "total": states.len(), "reason": reason});
        assert_eq!(part(&known, "attachments"), &expected, "{states:?}");
    };
    check(&[], true, 0, None);
    check(&["stored", "stored"], true, 2, None);
    check(&["stored", "too_large"], true, 1, None);
    check(&["stored", "failed"], false, 1, Some("attachments: 1 are not on disk"));
    check(&["", "too_large", "failed"], false, 0, Some("attachments: 2 are not on disk"));
}
