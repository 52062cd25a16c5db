//! The lists beside the tables: refreshed by a job, replaced whole.

use sim::Options;

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
