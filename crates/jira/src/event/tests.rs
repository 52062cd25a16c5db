use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn subjects(event: &Event) -> Vec<String> {
    event.subjects.iter().map(ToString::to_string).collect()
}

fn check(body: &str, name: Option<&str>, leads_to: &[&str]) {
    let event = Event::parse(body.as_bytes()).unwrap_or_else(|_| panic!("refused: {body}"));
    assert_eq!(event.name.as_deref(), name, "{body}");
    assert_eq!(subjects(&event), leads_to, "{body}");
}

#[test]
fn an_issues_own_event_leads_to_its_id() {
    for name in ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"] {
        let body = format!(
            r#"{{"timestamp":1735442025214,"webhookEvent":"{name}","issue_event_type_name":"x",
                "user":{{"accountId":"712020:x"}},"issue":{{"id":"10021",
                "self":"https://site/rest/api/2/10021","key":"KAN-22","fields":{{"id":"7"}}}},
                "changelog":{{"id":"10026","items":[]}}}}"#
        );
        check(&body, Some(name), &["10021"]);
        let event = Event::parse(body.as_bytes()).unwrap();
        assert_eq!(event.key.map(|key| key.to_string()).as_deref(), Some("KAN-22"));
        assert_eq!(event.timestamp.map(Instant::millis), Some(1_735_442_025_214));
    }
}

#[test]
fn a_comment_leads_to_its_issue_even_without_one() {
    let name = Some("comment_created");
    check(
        r#"{"webhookEvent":"comment_created","comment":{"self":"https://s/rest/api/2/issue/1/comment/2"},
            "issue":{"id":"10040","key":"TES-41"}}"#,
        name,
        &["10040"],
    );
    for (address, id) in [
        ("https://s/rest/api/2/issue/10040/comment/10019", Some("10040")),
        ("https://s/issue/5/jira/rest/api/2/issue/10040/comment/1", Some("10040")),
        ("/issue/10040/comment/", Some("10040")),
        ("https:\\/\\/s\\/issue\\/10040\\/comment\\/1", Some("10040")),
        ("https://s/rest/api/2/issue/TES-41/comment/1", None),
        ("https://s/rest/api/2/issue/../comment/1", None),
        ("https://s/rest/api/2/issue/10040", None),
        ("https://s/comment/1/issue/10040", None),
        ("", None),
    ] {
        for issue in ["", r#","issue":null"#, r#","issue":{}"#, r#","issue":"TES-41""#] {
            let body = format!(
                r#"{{"webhookEvent":"comment_created","comment":{{"self":"{address}"}}{issue}}}"#
            );
            check(&body, name, id.as_slice());
        }
    }
}

#[test]
fn a_link_leads_to_both_ends_once() {
    for (source, destination, ends) in [
        ("11442", "11961", &["11442", "11961"][..]),
        (r#""11442""#, r#""11961""#, &["11442", "11961"]),
        ("11442", r#""11442""#, &["11442"]),
        ("null", "11961", &["11961"]),
        ("11442.5", "-11961", &[]),
    ] {
        let body = format!(
            r#"{{"webhookEvent":"issuelink_created","issueLink":{{"id":10656,
                "sourceIssueId":{source},"destinationIssueId":{destination}}}}}"#
        );
        check(&body, Some("issuelink_created"), ends);
    }
}

#[test]
fn a_worklog_leads_to_its_issue() {
    for (id, leads_to) in
        [(r#""10032""#, &["10032"][..]), ("10032", &["10032"]), ("[10032]", &[]), ("0", &[])]
    {
        let body = format!(
            r#"{{"webhookEvent":"worklog_deleted","worklog":{{"id":"1","issueId":{id}}}}}"#
        );
        check(&body, Some("worklog_deleted"), leads_to);
    }
}

#[test]
fn bodies_that_name_no_issue_lead_nowhere() {
    check(
        r#"{"webhookEvent":"attachment_created","attachment":{"id":"31819"}}"#,
        Some("attachment_created"),
        &[],
    );
    check(r#"{"webhookEvent":"sprint_updated","sprint":{"id":5}}"#, Some("sprint_updated"), &[]);
    check(
        r#"{"webhookEvent":"jira:version_deleted","version":{"id":"5"}}"#,
        Some("jira:version_deleted"),
        &[],
    );
    check(
        r#"{"webhookEvent":"project_created","project":{"id":5,"key":"A"}}"#,
        Some("project_created"),
        &[],
    );
    check(r#"{"webhookEvent":"user_created","user":{"accountId":"5"}}"#, Some("user_created"), &[]);
    check("{}", None, &[]);
}

#[test]
fn an_unknown_event_still_leads_to_its_issue() {
    check(
        r#"{"webhookEvent":"jira:issue_teleported","issue":{"id":"7"}}"#,
        Some("jira:issue_teleported"),
        &["7"],
    );
    check(r#"{"issue":{"id":"7"}}"#, None, &["7"]);
    check(r#"{"webhookEvent":null,"issue":{"id":"7"}}"#, None, &["7"]);
}

#[test]
fn the_id_wins_and_the_key_stands_in() {
    check(r#"{"issue":{"id":"7","key":"A-1"}}"#, None, &["7"]);
    check(r#"{"issue":{"id":7}}"#, None, &["7"]);
    check(r#"{"issue":{"key":"A-1"}}"#, None, &["A-1"]);
    check(r#"{"issue":{"key":"\u0041-1"}}"#, None, &["A-1"]);
    for odd in [
        "null",
        "true",
        "-7",
        "7.0",
        "1e3",
        r#""07""#,
        r#""7 ""#,
        "[7]",
        "{}",
        "99999999999999999999",
    ] {
        check(&format!(r#"{{"issue":{{"id":{odd},"key":"A-1"}}}}"#), None, &["A-1"]);
    }
    for odd in [r#""../A-1""#, r#""A-1\n""#, r#""a-1""#, r#""A-\u0661""#, "1", "null"] {
        check(&format!(r#"{{"issue":{{"key":{odd}}}}}"#), None, &[]);
    }
}

#[test]
fn odd_members_read_as_absent() {
    for odd in ["null", "5", "-0.0e7", "true", "[]", "{}", r#"["jira:issue_deleted"]"#, r#""""#] {
        let body = format!(
            r#"{{"webhookEvent":{odd},"timestamp":"{0}","issue":[{odd}],"comment":{odd},
                "issueLink":{odd},"worklog":{odd}}}"#,
            "2018-12-18 11:57:24,746"
        );
        check(&body, None, &[]);
        assert_eq!(Event::parse(body.as_bytes()).unwrap().timestamp, None);
    }
    for text in ["../../etc/passwd", "a b", "a/b", "a\\nb", "a.b", "é", &"a".repeat(101)] {
        check(&format!(r#"{{"webhookEvent":"{text}"}}"#), None, &[]);
    }
    let longest = "a".repeat(100);
    check(&format!(r#"{{"webhookEvent":"{longest}"}}"#), Some(&longest), &[]);
}

#[test]
fn only_the_deletion_of_an_issue_is_a_deletion() {
    for (name, deleted) in [
        ("jira:issue_deleted", true),
        ("issue_deleted", true),
        ("comment_deleted", false),
        ("attachment_deleted", false),
        ("issuelink_deleted", false),
        ("worklog_deleted", false),
        ("jira:version_deleted", false),
        ("project_soft_deleted", false),
        ("jira:issue_deleted_", false),
        ("JIRA:ISSUE_DELETED", false),
        (" jira:issue_deleted", false),
    ] {
        let body = format!(r#"{{"webhookEvent":"{name}","issue":{{"id":"7"}}}}"#);
        assert_eq!(Event::parse(body.as_bytes()).unwrap().deleted, deleted, "{name}");
    }
}

#[test]
fn the_last_of_two_members_counts() {
    check(
        r#"{"webhookEvent":"a","issue":{"id":"1","id":"2"},"webhookEvent":"b","issue":{"id":"3","id":"4"}}"#,
        Some("b"),
        &["4"],
    );
    check(r#"{"issue":{"id":"1"},"issue":null}"#, None, &[]);
}

#[test]
fn only_one_json_object_is_an_event() {
    for bad in [
        &b""[..],
        b" ",
        b"null",
        b"5",
        b"\"text\"",
        b"[]",
        b"[{}]",
        b"{",
        b"{}}",
        b"{}{}",
        b"{},",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":nul}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":[1,]}",
        b"{\"a\" 1}",
        b"{\"a\":\"\xff\"}",
        b"{\"\xff\":1}",
        b"\xef\xbb\xbf{}",
        b"{}\0",
        b"{\"issue\":{\"id\":}}",
        b"{\"issue\":[}]}",
        b"<issue/>",
        b"\x1f\x8b\x08\x00",
    ] {
        assert_eq!(Event::parse(bad), Err(NotAnObject), "{:?}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn depth_and_half_characters_are_json() {
    let deep =
        format!(r#"{{"a":{}{},"issue":{{"id":"7"}}}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(subjects(&Event::parse(deep.as_bytes()).unwrap()), ["7"]);
    check(
        r#"{"\ud800":1,"s":"\udfff","webhookEvent":"\ud800","issue":{"id":"7","key":"\ud800"}}"#,
        None,
        &["7"],
    );
}

#[test]
fn classes_are_the_known_names() {
    let class = |body: &str| Event::parse(body.as_bytes()).unwrap().class();
    assert_eq!(class(r#"{"webhookEvent":"comment_deleted"}"#), "comment_deleted");
    assert_eq!(class(r#"{"webhookEvent":"comment_vanished"}"#), "unknown");
    assert_eq!(class("{}"), "unknown");
}

/// What a body leads to, found in another way: over a whole tree, by event name.
fn expected(body: &Value) -> Vec<String> {
    let number = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let name = body["webhookEvent"].as_str().unwrap_or_default();
    let found = match name.split('_').next().unwrap_or_default() {
        "issuelink" => {
            vec![&body["issueLink"]["sourceIssueId"], &body["issueLink"]["destinationIssueId"]]
        }
        "worklog" => vec![&body["worklog"]["issueId"]],
        "project" => vec![],
        _ => vec![&body["issue"]["id"]],
    };
    let found: Vec<String> = found.into_iter().filter_map(number).collect();
    if found.is_empty() && name.starts_with("comment_") {
        let address = body["comment"]["self"].as_str().unwrap_or_default();
        let parts: Vec<&str> = address.split('/').collect();
        let at = parts.iter().rposition(|part| *part == "issue").unwrap();
        return vec![parts[at + 1].to_owned()];
    }
    found
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn every_captured_body_leads_to_its_issue() {
    let Some(shared) = std::env::var_os("JIRALAKE_TESTDATA") else {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
        return;
    };
    let mut files = Vec::new();
    files_below(&Path::new(&shared).join("fixtures/webhooks"), &mut files);
    assert!(files.len() >= 106, "only {} bodies", files.len());
    let mut leading = 0;
    for file in files {
        let body = std::fs::read(&file).unwrap();
        let tree: Value = serde_json::from_slice(&body).unwrap();
        let event = Event::parse(&body).unwrap();
        assert_eq!(subjects(&event), expected(&tree), "{}", file.display());
        assert_eq!(event.name.as_deref(), tree["webhookEvent"].as_str(), "{}", file.display());
        assert_eq!(event.key.map(|key| key.to_string()).as_deref(), tree["issue"]["key"].as_str());
        assert_eq!(event.timestamp.map(Instant::millis), tree["timestamp"].as_i64());
        leading += usize::from(!event.subjects.is_empty());
    }
    // All but the project event and one file that is a bare issue.
    assert_eq!(leading, 104);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[1-9][0-9]{0,5}".prop_map(Value::from),
        "https://s/issue/[0-9]{1,4}/comment/1".prop_map(Value::from),
    ];
    let name = prop_oneof![
        ".{0,6}",
        "(webhookEvent|timestamp|issue|comment|issueLink|worklog|id|key|self|issueId|sourceIssueId)",
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_is_an_event_and_nothing_else_is(value in json()) {
        let body = value.to_string();
        prop_assert_eq!(Event::parse(body.as_bytes()).is_ok(), value.is_object());
    }

    #[test]
    fn any_bytes_are_judged_as_a_json_parser_judges_them(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let object = serde_json::from_slice::<serde_json::Map<String, Value>>(&body).is_ok();
        prop_assert_eq!(Event::parse(&body).is_ok(), object);
    }

    #[test]
    fn a_cut_or_flipped_body_never_panics(value in json(), cut in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let mut body = serde_json::json!({"webhookEvent": "x", "issue": value}).to_string().into_bytes();
        let at = cut.index(body.len());
        body[at] ^= flip;
        let flipped = Event::parse(&body);
        prop_assert!(flip != 0 || flipped.is_ok());
        body.truncate(at);
        prop_assert!(Event::parse(&body).is_err());
    }
}
