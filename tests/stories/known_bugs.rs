//! Bugs that reached users of comparable systems, each by its number, with the tests that hold it
//! off here: `cargo test --workspace NAME` runs one of them.

use std::fs;
use std::path::Path;

use serde_json::json;
use sim::NewIssue;

use crate::signing;
use crate::world::{SECRET, World};

/// Number, what must hold, and the tests that show it.
const KNOWN: &[(u8, &str, &[&str])] = &[
    (1, "without a secret nothing starts", &["no_secret_no_start"]),
    (2, "a key is parsed once: ASCII, bounded, whole", &["keys_are_ascii_bounded_and_whole"]),
    (3, "no text of a body is part of a path", &["no_text_of_a_body_is_part_of_a_path"]),
    (
        4,
        "URLs come from settings and ids, redirects go to listed hosts without credentials",
        &[
            "another_host_is_never_asked",
            "the_bytes_come_from_the_media_host_which_is_told_nothing",
        ],
    ),
    (
        5,
        "deliveries add up, and what failed arrives later",
        &["counts_add_up_while_everything_is_written", "every_kind_of_failure_is_outlived"],
    ),
    (
        6,
        "unreadable is never empty",
        &[
            "a_torn_file_is_made_from_raw_and_never_taken_for_empty",
            "a_torn_month_is_whole_after_a_rebuild",
        ],
    ),
    (
        7,
        "a repair is bounded and changes nothing when it cannot be done",
        &[
            "a_fix_is_bounded_unless_a_person_says_yes",
            "a_commit_that_is_blocked_names_every_issue_and_succeeds_once_they_are_fetched",
        ],
    ),
    (
        8,
        "a check that could not look says so",
        &["what_cannot_be_read_is_not_a_difference", "without_jira_nothing_is_said_about_the_copy"],
    ),
    (
        9,
        "an event whose name contains `deleted` deletes no issue",
        &["comments_come_edited_and_go", "a_removed_attachment_leaves_with_its_file"],
    ),
    (10, "a failed part keeps its rows", &["a_part_that_fails_keeps_its_old_rows_and_says_so"]),
    (
        11,
        "a body is no source of rows, a tombstone outranks late hints",
        &[
            "a_webhook_body_is_never_a_source_of_rows",
            "a_deleted_issue_leaves_and_late_events_do_not_bring_it_back",
        ],
    ),
    (
        12,
        "threads of any length are whole, in order, once each",
        &[
            "threads_of_any_length_arrive_whole_in_order_and_once_each",
            "a_thread_of_5000_that_changes_while_it_is_paged_is_right_in_the_end",
        ],
    ),
    (13, "so are histories and worklogs", &["histories_and_worklogs_of_any_length_arrive_whole"]),
    (14, "visibility has three values", &["visibility_is_true_false_or_unknown"]),
    (
        15,
        "a bad node loses itself only",
        &["the_siblings_of_every_document_survive", "the_siblings_of_a_damaged_document_survive"],
    ),
    (
        16,
        "an odd value costs its own column",
        &["odd_claims_cost_their_columns", "an_odd_element_loses_itself_and_not_its_siblings"],
    ),
    (
        17,
        "one UTC month for ever, no issue in two",
        &["the_month_is_the_utc_month_of_creation", "twenty_kills_under_load_lose_nothing"],
    ),
    (
        18,
        "no time of creation: the partition `unknown`",
        &["an_issue_whose_month_becomes_known_leaves_the_unknown_one"],
    ),
    (
        19,
        "a moved issue leaves no rows behind",
        &[
            "a_moved_issue_leaves_no_ghost",
            "a_thousand_moved_issues_are_found_under_old_and_new_keys",
            "a_projects_new_key_is_found_by_the_census",
        ],
    ),
    (
        20,
        "events without a key are accepted",
        &["events_without_an_issue_are_accepted_and_lead_where_they_can"],
    ),
    (
        21,
        "never 5xx for the sender's mistakes, never 4xx for own trouble",
        &[
            "what_the_sender_gets_wrong_is_his_and_never_a_5xx",
            "a_ledger_that_cannot_write_is_our_trouble",
        ],
    ),
    (
        22,
        "passes never overlap; one request for a hundred tickets, one write for a pass",
        &[
            "passes_never_overlap_and_an_overrun_is_counted",
            "running_clocks_are_polled_a_hundred_issues_at_a_time",
        ],
    ),
    (23, "the door never waits for Jira", &["the_door_answers_while_jira_hangs"]),
    (
        24,
        "reader and writer use the same folders",
        &["later_layers_win", "doctor_finds_what_is_in_order_and_what_is_not"],
    ),
    (
        25,
        "what changed is asked for with relative bounds and an overlap",
        &[
            "with_webhooks_off_the_sweep_finds_every_change",
            "a_stop_of_forty_minutes_is_made_up_for",
        ],
    ),
    (
        26,
        "an answer to nobody is not believed, a mass disappearance stops",
        &[
            "an_expired_token_deletes_nothing_and_the_work_waits",
            "a_project_made_invisible_trips_the_breaker_and_a_person_releases_it",
        ],
    ),
    (
        27,
        "pages end only where the API says so",
        &[
            "a_short_page_is_not_the_last",
            "a_copy_of_5000_survives_20_kills_and_a_stop_of_a_day_with_5000_changes",
        ],
    ),
    (28, "leftovers are swept by age", &["leftovers_are_swept_by_age_and_only_leftovers"]),
    (
        29,
        "downloads side by side have names of their own, size and checksum come first",
        &[
            "bytes_of_all_sizes_and_names_arrive_as_they_are_and_texts_name_them",
            "what_breaks_off_is_fetched_again_and_never_half_there",
        ],
    ),
    (
        30,
        "no secret in any output, no text of a sender in the log",
        &["secrets_are_in_no_output", "the_log_tells_of_deliveries_and_never_what_they_say"],
    ),
];

#[test]
fn every_known_bug_has_tests_and_they_exist() {
    let numbers: Vec<u8> = KNOWN.iter().map(|known| known.0).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<u8>>());
    let mut sources = String::new();
    for folder in ["crates", "src", "tests"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    for (number, what, tests) in KNOWN {
        for test in *tests {
            let there = sources.contains(&format!("fn {test}("));
            assert!(there, "known bug {number} ({what}): there is no test `{test}`");
        }
    }
}

/// All Rust code below a folder.
fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_body_is_part_of_a_path() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "../../escaped")).unwrap().key;
    let id = site.id_of(&key).unwrap().to_string();
    let url = format!("http://{}/webhooks/jira", world.address());
    for body in [
        json!({"webhookEvent": "../../escaped", "issue": {"id": id, "key": key}}),
        json!({"webhookEvent": "jira:issue_updated", "issue": {"id": id, "key": "../../escaped-1"}}),
        json!({"webhookEvent": "jira:issue_updated", "issue": {"id": "../../escaped", "key": "SUPPORT-1\n"}}),
        json!({"webhookEvent": "attachment_created", "attachment": {"id": "../../escaped", "filename": "../../escaped"}}),
        json!({"webhookEvent": "comment_created", "comment": {"self": "https://x/rest/api/2/issue/..%2F..%2Fescaped/comment/1"}}),
    ] {
        let body = body.to_string();
        let post =
            world.http.post(&url).header("X-Hub-Signature", signing::sign(SECRET, body.as_bytes()));
        assert_eq!(post.body(body).send().await.unwrap().status(), 200);
    }
    world.quiet().await;
    let mut names = Vec::new();
    walk(world.dir.path(), &mut names);
    names.extend(
        world.dir.path().parent().unwrap().read_dir().unwrap().map(|it| it.unwrap().path()),
    );
    let escaped: Vec<_> =
        names.iter().filter(|path| path.to_string_lossy().contains("escaped")).collect();
    assert!(escaped.is_empty(), "{escaped:?}");
    world.ends_well().await;
}

fn walk(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        }
        into.push(path);
    }
}
