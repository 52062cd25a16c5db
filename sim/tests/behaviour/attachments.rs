//! Attachments: the site knows the record, another host has the bytes.

use sim::Account;

use crate::desk::Desk;

#[tokio::test]
async fn the_bytes_are_behind_a_redirect_to_another_host() {
    let desk = Desk::open().await;
    let key = desk.issue("With a file");
    let id = desk.sim.site().attach(&key, "a.txt", "text/plain", "hello").unwrap();
    let record = desk.get(&format!("/issue/{key}")).await.json["fields"]["attachment"][0].clone();
    let content = record["content"].as_str().unwrap();
    assert_eq!(content, format!("{}/rest/api/3/attachment/content/{id}", desk.sim.url()));
    let redirect = desk.get_as(&Account::main(), content).await;
    assert_eq!(redirect.status, 303);
    let place = redirect.header("location").unwrap();
    assert!(place.starts_with(desk.sim.media_url()), "{place}");
    let uuid = place.split('/').nth(4).unwrap();
    assert_eq!(uuid.len(), 36);
    let bytes = desk.http.get(place).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, "hello");
    assert!(desk.sim.callers().deviations().is_empty());
    desk.get_as(&Account::main(), place).await;
    assert_eq!(desk.sim.callers().deviations(), ["the credentials were sent to the media host"]);
}

#[tokio::test]
async fn the_bytes_can_be_asked_for_directly_and_in_parts() {
    let desk = Desk::open().await;
    let key = desk.issue("With a file");
    let id = desk.sim.site().attach(&key, "a.txt", "text/plain", "hello").unwrap();
    let account = Account::main();
    let url = format!("{}/rest/api/3/attachment/content/{id}?redirect=false", desk.sim.url());
    for (range, status, text) in
        [(None, 200, "hello"), (Some("bytes=1-2"), 206, "el"), (Some("bytes=9-"), 416, "")]
    {
        let mut request = desk.http.get(&url).basic_auth(&account.email, Some(&account.token));
        if let Some(range) = range {
            request = request.header("Range", range);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.text().await.unwrap(), text);
    }
}

#[tokio::test]
async fn the_record_of_an_attachment_names_no_issue() {
    let desk = Desk::open().await;
    let key = desk.issue("With a file");
    let id = desk.sim.site().attach(&key, "a.png", "image/png", "x").unwrap();
    let got = desk.get(&format!("/attachment/{id}")).await;
    assert_eq!(got.json["id"], id, "a number here");
    assert!(!got.json.to_string().contains(&key));
    desk.sim.site().detach(&key, id).unwrap();
    assert_eq!(desk.get(&format!("/attachment/{id}")).await.status, 404);
}
