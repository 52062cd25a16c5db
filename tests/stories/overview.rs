//! What the lake holds and what the site has: `coverage`, `fields`, `projects`.

use std::process::Output;

use serde_json::{Value, json};
use sim::{Endpoint, Failure, Fault, NewIssue};

use crate::world::World;

async fn run(world: &World, args: &[&str]) -> Output {
    world.command(args).output().await.unwrap()
}

fn text(run: &Output) -> String {
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// One JSON object per line.
fn lines(run: &Output) -> Vec<Value> {
    text(run).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_tells_which_issues_are_not_complete_and_why() {
    let mut world = World::new().await;
    let site = world.sim.site().clone();
    let whole = site.create(NewIssue::new("SUPPORT", "Whole")).unwrap();
    site.create(NewIssue::new("OPS", "Of another project")).unwrap();
    world.quiet().await;
    let failure = Failure::Status(403);
    let (endpoint, issue) = (Some(Endpoint::RemoteLinks), None);
    world.sim.knobs().fail(Fault { endpoint, issue, times: None, share: 1.0, failure });
    let partly = site.create(NewIssue::new("SUPPORT", "Without its links")).unwrap();
    world.quiet().await;
    let said = lines(&run(&world, &["coverage", "--json", "--incomplete"]).await).remove(0);
    let parts = said["parts"].as_array().unwrap();
    let of = |project: &str, part: &str| {
        let mut parts = parts.iter().filter(|it| it["project"] == project && it["part"] == part);
        parts.next().unwrap_or_else(|| panic!("{said}"))
    };
    let links = of("SUPPORT", "remote_links");
    assert_eq!([&links["issues"], &links["complete"], &links["incomplete"]], [2, 1, 1]);
    assert_eq!(of("OPS", "remote_links")["incomplete"], 0);
    assert_eq!(of("SUPPORT", "comments")["complete"], 2);
    let gaps = said["incomplete"].as_array().unwrap();
    let gap = gaps.iter().find(|gap| gap["part"] == "remote_links").unwrap();
    assert_eq!(gap["key"], json!(partly.key));
    assert!(gap["reason"].as_str().unwrap().contains("403"), "{gap}");
    // As a table, of one project, and without anybody who serves it.
    world.stop().await;
    let table = text(&run(&world, &["coverage", "--project", "SUPPORT", "--incomplete"]).await);
    assert!(table.starts_with("project  part") && !table.contains("OPS"), "{table}");
    assert!(table.lines().any(|line| line.starts_with(&partly.key)), "{table}");
    assert!(!table.lines().any(|line| line.starts_with(&whole.key)), "{table}");
    world.sim.knobs().heal();
    world.start().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_tell_which_column_each_field_feeds() {
    let mut world = World::new().await;
    // The catalogue is fetched before the first issue.
    world.sim.site().create(NewIssue::new("SUPPORT", "A ticket")).unwrap();
    world.quiet().await;
    let listed = lines(&run(&world, &["fields", "--json"]).await);
    let field = |id: &str| listed.iter().find(|field| field["id"] == id).unwrap().clone();
    assert_eq!(
        field("summary"),
        json!({"id": "summary", "name": "Summary", "type": "string", "custom": null,
            "columns": ["summary"], "origin": "jira"})
    );
    let severity = field("customfield_10004");
    assert_eq!(severity["columns"], json!(["severity"]));
    assert_eq!(severity["origin"], "catalogue");
    let request = field("customfield_10010");
    assert_eq!(request["custom"], "com.atlassian.servicedesk:vp-origin");
    assert_eq!(request["type"], "sd-customerrequesttype");
    // A field of a team-managed project is listed, too; of no column it says so.
    assert_eq!(field("customfield_10019")["columns"], json!([]));
    world.set("JIRALAKE_COLUMNS_RANK", "customfield_10019");
    let table = text(&run(&world, &["fields", "--used"]).await);
    let rank = table.lines().find(|line| line.starts_with("customfield_10019")).unwrap();
    assert!(rank.contains("rank") && rank.ends_with("configuration"), "{table}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_tell_what_is_kept_and_how_much_is_here() {
    let mut world = World::new().await;
    for project in ["SUPPORT", "SUPPORT", "OPS"] {
        world.sim.site().create(NewIssue::new(project, "A ticket")).unwrap();
    }
    world.quiet().await;
    let listed = lines(&run(&world, &["projects", "--json"]).await);
    assert_eq!(
        listed,
        [
            json!({"key": "OPS", "name": "Operations", "type": "service_desk",
                "issues_in_jira": 1, "issues_here": 1, "kept": true}),
            json!({"key": "SUPPORT", "name": "Support", "type": "service_desk",
                "issues_in_jira": 2, "issues_here": 2, "kept": true}),
        ]
    );
    world.set("JIRA_PROJECT", "SUPPORT");
    let table = text(&run(&world, &["projects"]).await);
    let ops = table.lines().find(|line| line.starts_with("OPS")).unwrap();
    assert!(ops.ends_with("no"), "{table}");
    world.set("JIRA_API_TOKEN", "expired");
    let refused = run(&world, &["projects"]).await;
    assert_eq!(refused.status.code(), Some(1), "an anonymous answer is no list of projects");
    assert!(refused.stdout.is_empty());
    world.ends_well().await;
}
