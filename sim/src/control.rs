//! The control API, `/_sim/…`: what people and scripts turn from outside. JSON in, JSON out.
//!
//! It is for whoever started the simulator and has no authentication; the simulator listens on
//! loopback unless it is told otherwise.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::{App, Reply, Request};
use crate::json::Members;
use crate::knobs::{Fault, Settings};
use crate::site::{NewComment, NewIssue};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    project: Option<String>,
    summary: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_seconds: u64,
}

/// Why a control request was not done.
enum Refusal {
    Site(Error),
    Reply(Box<Reply>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Site(error)
    }
}

impl From<Box<Reply>> for Refusal {
    fn from(reply: Box<Reply>) -> Self {
        Self::Reply(reply)
    }
}

/// Answers a control request; `path` is what comes after `/_sim/`.
pub(crate) async fn answer(app: &App, path: &str, request: &Request) -> Reply {
    let parts: Vec<&str> = path.split('/').collect();
    let done = match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["settle"]) => settle(app).await,
        ("GET", parts) => read(app, parts),
        (method, parts) => change(app, method, parts, request),
    };
    match done {
        Ok(Some(body)) => Reply::json(&body),
        Ok(None) => Reply::json_with(404, &json!({"error": "there is no such control"})),
        Err(Refusal::Site(error)) => Reply::json_with(409, &json!({"error": error.to_string()})),
        Err(Refusal::Reply(reply)) => *reply,
    }
}

async fn settle(app: &App) -> Result<Option<Value>, Refusal> {
    app.webhooks.settled(Duration::from_secs(60)).await?;
    Ok(Some(json!({"settled": true})))
}

fn read(app: &App, parts: &[&str]) -> Result<Option<Value>, Refusal> {
    Ok(match parts {
        ["status"] => Some(json!({
            "url": app.site.place().url,
            "now": app.site.place().stamp(app.site.place().clock.now()),
            "issues": app.site.keys().len(),
            "deliveries": app.webhooks.deliveries().len(),
            "requests": app.callers.counts(),
            "unknown_requests": app.callers.unknown_requests(),
            "deviations": app.callers.deviations(),
        })),
        ["knobs"] => Some(json!(app.knobs.settings())),
        ["log"] => Some(json!(app.webhooks.deliveries())),
        ["issues"] => Some(json!(app.site.keys())),
        ["issues", issue] => app.site.truth_of(issue).map(|truth| truth.issue),
        _ => None,
    })
}

fn change(
    app: &App,
    method: &str,
    parts: &[&str],
    request: &Request,
) -> Result<Option<Value>, Refusal> {
    let site = &app.site;
    let done = json!({"done": true});
    Ok(Some(match (method, parts) {
        ("POST", ["issues"]) => {
            let create: Create = request.json()?;
            let project = create.project.unwrap_or_else(|| site.first_project());
            let mut new = NewIssue::new(&project, &create.summary);
            new.description = create.description;
            let made = site.create(new)?;
            json!({"id": made.id.to_string(), "key": made.key})
        }
        ("PATCH", ["issues", issue]) => {
            let fields: serde_json::Map<String, Value> = request.json()?;
            site.set_all(issue, fields.into_iter().collect())?;
            done
        }
        ("DELETE", ["issues", issue]) => site.delete(issue).map(|()| done)?,
        ("POST", ["issues", issue, "comments"]) => {
            let body: Value = request.json()?;
            let public = body.member("public").as_bool().unwrap_or(true);
            let id =
                site.comment(issue, NewComment { body: body.member("body").clone(), public })?;
            json!({"id": id})
        }
        ("DELETE", ["issues", issue, "comments", comment]) => {
            site.delete_comment(issue, comment).map(|()| done)?
        }
        ("POST", ["issues", issue, "transition"]) => {
            let status: String = request.json()?;
            site.transition(issue, &status).map(|()| done)?
        }
        ("POST", ["issues", issue, "move"]) => {
            let project: String = request.json()?;
            json!({"key": site.move_to(issue, &project)?})
        }
        ("POST", ["issues", issue, "hide"]) => site.hide(issue).map(|()| done)?,
        ("POST", ["issues", issue, "unhide"]) => site.unhide(issue).map(|()| done)?,
        ("POST", ["burst", edits]) => {
            let edits = edits.parse::<usize>().unwrap_or(1).min(100_000);
            json!(app.editor.burst(edits)?)
        }
        _ => return turn(app, method, parts, request),
    }))
}

/// What is not about issues: knobs, faults, webhooks and the clock.
fn turn(
    app: &App,
    method: &str,
    parts: &[&str],
    request: &Request,
) -> Result<Option<Value>, Refusal> {
    match (method, parts) {
        ("PUT", ["knobs"]) => {
            let settings: Settings = request.json()?;
            app.knobs.change(|knobs| *knobs = settings);
        }
        ("POST", ["faults"]) => {
            let fault: Fault = request.json()?;
            app.knobs.fail(fault);
        }
        ("DELETE", ["faults"]) => app.knobs.heal(),
        ("POST", ["webhooks"]) => {
            let webhook: Webhook = request.json()?;
            app.webhooks.register(&webhook.url, webhook.secret.as_deref());
        }
        ("POST", ["clock"]) => {
            let clock: Clock = request.json()?;
            app.site.place().clock.advance(Duration::from_secs(clock.advance_seconds));
        }
        _ => return Ok(None),
    }
    Ok(Some(json!({"done": true})))
}
