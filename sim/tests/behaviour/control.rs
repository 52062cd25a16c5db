//! The control API.

use serde_json::json;

use crate::desk::{Desk, got};

#[tokio::test]
async fn issues_are_made_and_knobs_turned_from_outside() {
    let desk = Desk::open().await;
    let base = format!("{}/_sim", desk.sim.url());
    let made =
        got(desk.http.post(format!("{base}/issues")).json(&json!({"summary": "By hand"}))).await;
    let key = made.json["key"].as_str().unwrap().to_owned();
    let url = format!("{base}/issues/{key}");
    assert_eq!(got(desk.http.patch(&url).json(&json!({"summary": "Edited"}))).await.status, 200);
    assert_eq!(desk.get(&format!("/issue/{key}")).await.json["fields"]["summary"], "Edited");
    let said = json!({"body": "hello"});
    assert_eq!(got(desk.http.post(format!("{url}/comments")).json(&said)).await.status, 200);
    let fault = json!({"endpoint": "issue", "times": 1, "failure": {"status": 500}});
    assert_eq!(got(desk.http.post(format!("{base}/faults")).json(&fault)).await.status, 200);
    assert_eq!(desk.get(&format!("/issue/{key}")).await.status, 500);
    assert_eq!(desk.get(&format!("/issue/{key}")).await.status, 200);
    assert_eq!(got(desk.http.delete(&url)).await.status, 200);
    assert_eq!(got(desk.http.delete(&url)).await.status, 409);
    let status = got(desk.http.get(format!("{base}/status"))).await;
    assert_eq!(status.json["issues"], 0);
    assert_eq!(status.json["requests"]["issue"], 3);
    assert_eq!(got(desk.http.get(format!("{base}/nothing"))).await.status, 404);
}
