//! What must not start does not start, and says which setting and what to do.

use std::process::Stdio;

use sim::{NewIssue, Options};
use tokio::time::timeout;

use crate::world::{PATIENCE, World};

async fn refused(world: &World, env: &[(&str, &str)]) -> (i32, String) {
    let mut command = world.command(&["serve"]);
    command.env("JIRALAKE_WEBHOOK_LISTEN", "127.0.0.1:0");
    command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = timeout(PATIENCE, command.output()).await.expect("it ends by itself").unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_no_start() {
    let mut world = World::new().await;
    world.stop().await;
    for secret in ["", " ", "\t\n "] {
        let (code, said) = refused(&world, &[("JIRA_WEBHOOK_SECRET", secret)]).await;
        assert_eq!(code, 2, "{secret:?}: {said}");
        assert!(said.contains("webhook.secret") && said.contains("JIRA_WEBHOOK_SECRET"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_secret_is_refused_and_a_weak_one_is_warned_of() {
    let mut world = World::new().await;
    let weak = "webhook.secret has fewer than 32 bytes";
    assert!(world.log().contains(weak), "{}", world.log());
    let doctor = world.command(&["doctor"]).output().await.unwrap();
    assert!(String::from_utf8(doctor.stdout).unwrap().contains(weak));
    world.stop().await;
    for (name, key) in [
        ("JIRA_WEBHOOK_SECRET", "webhook.secret"),
        ("JIRALAKE_WEBHOOK_PREVIOUS_SECRET", "webhook.previous-secret"),
    ] {
        let (code, said) = refused(&world, &[(name, "fifteen bytes..")]).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(key) && said.contains("16 bytes"), "{said}");
        assert!(said.contains("openssl rand -hex 32") && !said.contains("fifteen"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_name_key_and_remedy() {
    let mut world = World::new().await;
    world.stop().await;
    for (name, value, told) in [
        ("JIRALAKE_WEBHOOK_LISEN", "x", "JIRALAKE_WEBHOOK_LISTEN"),
        ("JIRALAKE_WEBHOOK_IN_FLIGHT", "many", "webhook.in-flight"),
        ("JIRALAKE_WEBHOOK_TRUSTED_PROXIES", "proxy.local", "webhook.trusted-proxies"),
        ("JIRALAKE_WEBHOOK_PROXY_HEADER", "x-real-ip", "webhook.proxy-header"),
        ("JIRA_DOMAIN", " ", "jira.domain"),
        ("JIRALAKE_JIRA_BASE_URL", "https://jira.example.com@evil.example/", "jira.base-url"),
        ("JIRALAKE_JIRA_BASE_URL", "http://jira.example.com", "jira.base-url"),
        ("JIRALAKE_STORAGE_LAYOUT", "round", "round"),
        ("JIRA_PROJECT", "../SUPPORT", "jira.projects"),
        ("JIRALAKE_JIRA_API_TOKEN_EXPIRES", "31.01.2027", "jira.api-token-expires: `31.01.2027`"),
        ("JIRALAKE_SLA_API_TOKEN_EXPIRES", "2027-02-30", "sla.api-token-expires: `2027-02-30`"),
    ] {
        let (code, said) = refused(&world, &[(name, value)]).await;
        assert_eq!(code, 2, "{name}={value}: {said}");
        assert!(said.contains(told), "{name}={value}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_stops_with_the_name_of_the_first() {
    let world = World::new().await;
    let (code, said) = refused(&world, &[]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("jiralake serve"), "{said}");
    let transform = world.command(&["transform"]).output().await.unwrap();
    let said = String::from_utf8(transform.stderr).unwrap();
    assert!(!transform.status.success() && said.contains("jiralake serve"), "{said}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_opens_while_jira_is_away() {
    let mut world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    world.stop().await;
    world.set("JIRALAKE_JIRA_BASE_URL", "http://127.0.0.1:1");
    world.start().await;
    let key = world.sim.site().create(NewIssue::new("SUPPORT", "Early")).unwrap().key;
    world.sim.webhooks().settled(PATIENCE).await.unwrap();
    let url = format!("http://{}/readyz", world.address());
    assert!(world.http.get(url).send().await.unwrap().status().is_success());
    assert!(world.rows_of("issues", &key).is_empty());
    world.stop().await;
    let url = world.sim.url().to_owned();
    world.set("JIRALAKE_JIRA_BASE_URL", &url);
    world.start().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_output() {
    let world = World::new().await;
    let main = world.sim.main_account().unwrap().clone();
    world.sim.site().create(NewIssue::new("SUPPORT", "Quiet")).unwrap();
    world.quiet().await;
    let mut said = world.log();
    for call in
        [&["config", "show"][..], &["doctor"], &["config", "show", "--json"], &["events", "list"]]
    {
        let output = world.command(call).output().await.unwrap();
        said += &String::from_utf8(output.stdout).unwrap();
        said += &String::from_utf8(output.stderr).unwrap();
    }
    assert!(said.contains("webhook.secret = (set)"));
    for secret in [crate::world::SECRET, &main.token] {
        assert!(!said.contains(secret), "{said}");
    }
    world.ends_well().await;
}
