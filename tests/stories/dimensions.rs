//! The lists beside the tables: refreshed by a job, replaced whole.

use serde_json::json;
use sim::{NewIssue, Options};

use crate::tables;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn projects_users_statuses_fields_and_organizations_are_there() {
    let often = [("JIRALAKE_DIMENSIONS_EVERY_MS", "300")];
    let world =
        World::with(Options { issues: 30, issue_bytes: 5_000, ..Options::default() }, &often);
    let world = world.await;
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world
        .until("the job has passed", async || {
            let name = "jiralake_job_last_success_timestamp_seconds{name=\"dimensions\"}";
            world.metric(name).await > 0.0
        })
        .await;
    let rows = |name: &str| tables::rows(&world.parquet().join(format!("{name}.parquet")));
    let people = world.sim.site().people();
    assert_eq!(rows("users").len(), people.len());
    assert!(rows("projects").iter().any(|row| row["project_key"] == "SUPPORT"));
    let statuses = rows("statuses");
    let names: Vec<&str> = statuses.iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(world.sim.site().statuses().iter().all(|name| names.contains(&name.as_str())));
    assert!(rows("fields").iter().any(|row| row["feeds_column"] == "severity"));
    rows("organizations");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lost_most_of_its_entries_waits_for_a_persons_word() {
    let world = World::with(Options { issues: 30, ..Options::default() }, &[]).await;
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world.quiet().await;
    let refresh = async |args: &[&str]| {
        let args = [&["dimensions", "--json"], args].concat();
        let run = world.command(&args).output().await.unwrap();
        let said = serde_json::from_slice::<serde_json::Value>(&run.stdout).unwrap();
        (run.status.code(), said["refused"].clone())
    };
    let count = || tables::rows(&world.parquet().join("organizations.parquet")).len();
    assert_eq!(refresh(&[]).await, (Some(0), json!(0)));
    let before = count();
    assert!(before >= 3, "{before}");
    // All tickets of customers are hidden from the account, and with them their organizations.
    let keys = world.sim.site().keys();
    keys.iter().for_each(|key| world.sim.site().delete(key).unwrap());
    world.quiet().await;
    assert_eq!(refresh(&[]).await, (Some(3), json!(1)));
    assert_eq!(refresh(&["--may-shrink", "users"]).await, (Some(3), json!(1)), "another list");
    assert_eq!(count(), before);
    assert_eq!(refresh(&["--may-shrink", "organizations"]).await, (Some(0), json!(0)));
    assert_eq!(count(), 0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_organizations_come_where_they_are_wanted() {
    let wanted = [("JIRALAKE_DIMENSIONS_ORGANIZATION_DETAILS", "plan")];
    let mut world = World::with(Options { issues: 30, ..Options::default() }, &wanted).await;
    world.stop().await;
    let run = world.command(&["dimensions"]).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let rows = tables::rows(&world.parquet().join("organizations.parquet"));
    assert!(!rows.is_empty());
    for row in rows {
        let details = row["details_json"].as_str().unwrap();
        let details: serde_json::Value = serde_json::from_str(details).unwrap();
        assert_eq!(details.as_array().map(Vec::len), Some(1), "only the one that is wanted");
        assert_eq!(details[0]["name"], "Plan");
    }
    world.start().await;
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_appears_gets_its_name_and_its_column_without_a_restart() {
    let mut world = World::new().await;
    let site = world.sim.site().clone();
    let key = site.create(NewIssue::new("SUPPORT", "Has a new field")).unwrap().key;
    let other = site.create(NewIssue::new("SUPPORT", "Has it not")).unwrap().key;
    world.quiet().await;
    let plan = site.add_field(12345, "Plan").unwrap();
    site.set(&key, &plan, json!("Gold")).unwrap();
    let named = |world: &World| {
        let rows = world.rows_of("custom_fields", &key);
        let row = rows.into_iter().find(|row| row["field_id"] == "customfield_12345");
        row.map(|row| (row["field_name"].clone(), row["value_text"].clone()))
    };
    world
        .until("the new field has its name", async || {
            named(&world) == Some((json!("Plan"), json!("Gold")))
        })
        .await;
    // An operator's column takes effect at the next start, in all rows at once.
    world.stop().await;
    world.set("JIRALAKE_COLUMNS_CRM_PLAN", "Plan");
    world.start().await;
    world
        .until("the column is there", async || {
            let rows = world.rows_of("issues", &key);
            rows.first().is_some_and(|row| row.get("crm_plan") == Some(&json!("Gold")))
        })
        .await;
    assert_eq!(world.rows_of("issues", &other)[0]["crm_plan"], json!(null));
    world.ends_well().await;
}
