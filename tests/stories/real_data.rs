//! Real issues of a public tracker, when `JIRALAKE_TESTDATA` names them: through `transform` and
//! through simulator, webhook and `serve`. Every count must equal a plain count over the JSON.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sim::Options;

use crate::tables;
use crate::world::{World, put, testdata};

/// Every line of the public issues.
fn issues(testdata: &Path) -> Vec<Value> {
    let mut issues = Vec::new();
    for name in ["AC", "ALOY"] {
        let path = testdata.join(format!("fixtures/issues-public/{name}.jsonl.gz"));
        let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines();
        issues.extend(lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()));
    }
    issues
}

/// The plain count.
fn counted(issues: &[Value]) -> BTreeMap<&'static str, usize> {
    let list = |issue: &Value, path: &str| {
        issue.pointer(path).and_then(Value::as_array).map_or(0, Vec::len)
    };
    let sum = |path: &str| issues.iter().map(|issue| list(issue, path)).sum();
    BTreeMap::from([
        ("issues", issues.len()),
        ("comments", sum("/fields/comment/comments")),
        ("attachments", sum("/fields/attachment")),
        ("issuelinks", sum("/fields/issuelinks")),
        ("worklogs", sum("/fields/worklog/worklogs")),
    ])
}

fn compare(parquet: &Path, wanted: &BTreeMap<&str, usize>) {
    for (table, count) in wanted {
        assert_eq!(tables::read(parquet, table).len(), *count, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_issues_through_transform() {
    let Some(testdata) = testdata() else { return };
    let world = World::new().await;
    let raw = world.dir.path().join("public/issues");
    std::fs::create_dir_all(&raw).unwrap();
    let issues = issues(&testdata);
    for issue in &issues {
        let name = format!("{}.json", issue["key"].as_str().unwrap());
        put(raw.join(name), issue.to_string());
    }
    let out = world.dir.path().join("public-tables");
    let (raw, folder) = (raw.parent().unwrap().to_str().unwrap(), out.to_str().unwrap());
    let ended = world.command(&["transform", "--raw-dir", raw, "--output-dir", folder, "--json"]);
    let ended = { ended }.output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let wanted = counted(&issues);
    eprintln!("public issues: {wanted:?}");
    compare(&out, &wanted);
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["issues"], json!(issues.len()));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_issues_through_simulator_webhook_and_serve() {
    let Some(testdata) = testdata() else { return };
    let world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    for name in ["AC", "ALOY"] {
        let path = testdata.join(format!("fixtures/issues-public/{name}.jsonl.gz"));
        let mut lines = String::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut lines).unwrap();
        world.sim.site().load_jsonl(lines.as_bytes()).unwrap();
    }
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world.quiet().await;
    let mut wanted = counted(&issues(&testdata));
    wanted.remove("worklogs");
    compare(&world.parquet(), &wanted);
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_webhook_bodies_are_all_accepted() {
    let Some(testdata) = testdata() else { return };
    let world = World::new().await;
    let mut folders = vec![testdata.join("fixtures/webhooks")];
    let mut bodies = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let body = std::fs::read(&path).unwrap();
            let Ok(json) = serde_json::from_slice::<Value>(&body) else { continue };
            let url = format!("http://{}/webhooks/jira", world.address());
            let signature = crate::signing::sign(crate::world::SECRET, &body);
            let post = world.http.post(url).header("X-Hub-Signature", signature).body(body);
            let answer = post.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{}", path.display());
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["issue"], issue_of(&json), "{}", path.display());
            bodies += 1;
        }
    }
    eprintln!("{bodies} real webhook bodies were accepted");
    assert!(bodies >= 100, "{bodies}");
    world.ends_well().await;
}

/// Which issue a body names, found without any of our code.
fn issue_of(body: &Value) -> Value {
    let id = |value: &Value| match value {
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!(text),
        _ => Value::Null,
    };
    if body["issue"]["key"].is_string() {
        return body["issue"]["key"].clone();
    }
    let candidates =
        [&body["issue"]["id"], &body["worklog"]["issueId"], &body["issueLink"]["sourceIssueId"]];
    if let Some(found) = candidates.into_iter().map(id).find(|id| !id.is_null()) {
        return found;
    }
    let address = body["comment"]["self"].as_str().unwrap_or_default();
    let after = address.split_once("/issue/").map_or("", |(_, rest)| rest);
    let number = after.split('/').next().unwrap_or_default();
    if number.is_empty() { Value::Null } else { json!(number) }
}
