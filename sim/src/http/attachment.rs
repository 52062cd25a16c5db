//! Attachments: metadata without an issue, content by way of another host.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Context;
use super::reply::{Answer, Reply};
use crate::json::Members;
use crate::site::{Content, State};

/// The token that the media host wants in the query.
const MEDIA_TOKEN: &str = "short-lived";

fn missing() -> Box<Reply> {
    let message = "The attachment does not exist or you do not have permission to see it.";
    Box::new(Reply::error(404, message))
}

/// The record of an attachment in its issue, if the issue can be seen.
fn record(state: &State, id: i64) -> Option<&Value> {
    let issue = state.issues.get(&state.files.get(&id)?.issue).filter(|issue| !issue.hidden)?;
    let list = issue.fields.get("attachment")?.as_array()?;
    let id = id.to_string();
    list.iter().find(|attachment| attachment.member("id").as_str() == Some(id.as_str()))
}

/// `GET /attachment/{id}`: the id is a number here, and no issue is named.
pub(crate) fn metadata(context: &Context<'_>) -> Answer {
    let id = context.id.parse::<i64>().map_err(|_| missing())?;
    let state = context.app.site.state();
    let mut record = record(&state, id).ok_or_else(missing)?.clone();
    record.set("id", json!(id));
    Ok(Reply::json(&record))
}

/// `GET /attachment/content/{id}`: 303 to the media host, or the bytes when asked for.
pub(crate) fn content(context: &Context<'_>) -> Answer {
    let id = context.id.parse::<i64>().map_err(|_| missing())?;
    let state = context.app.site.state();
    record(&state, id).ok_or_else(missing)?;
    let file = state.files.get(&id).ok_or_else(missing)?;
    if context.request.param("redirect") == Some("false") {
        return Ok(part(context, bytes(&file.content), &file.mime));
    }
    let elsewhere = context.app.knobs.settings().media_elsewhere;
    let media = elsewhere.as_ref().unwrap_or(&context.app.site.place().media_url);
    let place = format!("{media}/file/{}/binary?token={MEDIA_TOKEN}&client=site", file.media_id);
    Ok(Reply::new(303, "text/plain", "").with("Location", place))
}

/// The media host: the bytes, for whoever has the address.
pub(crate) fn media(context: &Context<'_>) -> Answer {
    if context.request.param("token") != Some(MEDIA_TOKEN) {
        return Err(Box::new(Reply::json_with(403, &json!({"error": "Forbidden"}))));
    }
    // The media host must never be shown the site's credentials.
    if context.request.header("authorization").is_some() {
        context.app.callers.deviation("the credentials were sent to the media host".to_owned());
    }
    let state = context.app.site.state();
    let file = state.files.values().find(|file| file.media_id == context.id);
    let file =
        file.ok_or_else(|| Box::new(Reply::json_with(404, &json!({"error": "Not Found"}))))?;
    Ok(part(context, bytes(&file.content), &file.mime))
}

fn bytes(content: &Content) -> Bytes {
    match content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Filler(size) => {
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            let pattern = (b'a'..=b'z').cycle();
            pattern.take(size).collect()
        }
    }
}

/// The bytes, or the range of them that was asked for.
fn part(context: &Context<'_>, bytes: Bytes, mime: &str) -> Reply {
    let Some(range) = context.request.header("range").and_then(|it| it.strip_prefix("bytes="))
    else {
        return Reply::new(200, mime, bytes);
    };
    let total = bytes.len();
    let (from, to) = range.split_once('-').unwrap_or_default();
    let from = from.parse::<usize>().unwrap_or(total);
    let to = to.parse::<usize>().map_or(total, |last| last.saturating_add(1).min(total));
    if from >= to {
        return Reply::new(416, mime, "").with("Content-Range", format!("bytes */{total}"));
    }
    Reply::new(206, mime, bytes.slice(from..to))
        .with("Content-Range", format!("bytes {from}-{}/{total}", to - 1))
}
