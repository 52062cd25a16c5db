//! The paged lists of an issue: comments, changelog, worklogs; and remote links, which have no
//! pages.

use serde_json::{Value, json};

use super::Context;
use super::reply::{Answer, Reply};
use crate::json::Members;
use crate::site::Issue;

/// The largest page of comments and of changelog entries.
const PAGE: i64 = 100;
/// The largest page of worklogs.
const WORKLOG_PAGE: i64 = 5000;

/// Where a page starts, how long it may be, and what is on it.
struct Page<'a> {
    start: usize,
    length: usize,
    total: usize,
    rows: Vec<&'a Value>,
}

pub(crate) fn comments(context: &Context<'_>) -> Answer {
    let order = context.request.param("orderBy").unwrap_or("created").trim();
    // A bad order is refused before the issue is looked for.
    if !["created", "-created", "+created"].contains(&order) {
        let message = format!("Field '{order}' is not supported for ordering.");
        return Err(Box::new(Reply::error(400, &message)));
    }
    with_issue(context, |issue| {
        let mut rows: Vec<&Value> = issue.comments.iter().collect();
        if order == "-created" {
            rows.reverse();
        }
        let page = cut(context, rows, PAGE)?;
        Ok(Reply::json(&json!({
            "startAt": page.start, "maxResults": page.length, "total": page.total,
            "comments": page.rows,
        })))
    })
}

pub(crate) fn changelog(context: &Context<'_>) -> Answer {
    with_issue(context, |issue| {
        let page = cut(context, issue.histories.iter().collect(), PAGE)?;
        let here =
            format!("{}/rest/api/3/issue/{}/changelog", context.app.site.place().url, context.id);
        let link = |start: usize| format!("{here}?maxResults={}&startAt={start}", page.length);
        let end = page.start + page.rows.len();
        let mut body = json!({
            "self": link(page.start), "startAt": page.start, "maxResults": page.length,
            "total": page.total, "isLast": end >= page.total, "values": page.rows,
        });
        if end < page.total {
            body.set("nextPage", json!(link(end)));
        }
        Ok(Reply::json(&body))
    })
}

pub(crate) fn worklogs(context: &Context<'_>) -> Answer {
    let after = context.request.number("startedAfter")?.unwrap_or(i64::MIN);
    let before = context.request.number("startedBefore")?.unwrap_or(i64::MAX);
    with_issue(context, |issue| {
        let started = |row: &Value| row.member("started").as_str().and_then(crate::time::parse);
        let fits = |row: &&Value| started(row).is_none_or(|at| (after..=before).contains(&at));
        let rows = issue.worklogs.iter().filter(fits).collect();
        let page = cut(context, rows, WORKLOG_PAGE)?;
        Ok(Reply::json(&json!({
            "startAt": page.start, "maxResults": page.length, "total": page.total,
            "worklogs": page.rows,
        })))
    })
}

pub(crate) fn remote_links(context: &Context<'_>) -> Answer {
    with_issue(context, |issue| {
        let Some(wanted) = context.request.param("globalId") else {
            return Ok(Reply::json(&json!(issue.remote_links)));
        };
        match issue.remote_links.iter().find(|link| link.member("globalId") == wanted) {
            Some(link) => Ok(Reply::json(link)),
            None => Err(Box::new(Reply::error(404, "The remote issue link does not exist."))),
        }
    })
}

/// `POST /comment/list`.
pub(crate) fn comments_by_id(context: &Context<'_>) -> Answer {
    let body: Value = context.request.json()?;
    let ids: Vec<String> =
        body.member("ids").as_array().into_iter().flatten().map(|id| id.to_string()).collect();
    if ids.is_empty() || ids.len() > 1000 {
        let message = "The number of comment ids must be between 1 and 1000.";
        return Err(Box::new(Reply::error(400, message)));
    }
    let state = context.app.site.state();
    let seen = state.issues.values().filter(|issue| !issue.hidden);
    let rows: Vec<&Value> = seen
        .flat_map(|issue| &issue.comments)
        .filter(|comment| ids.iter().any(|id| comment.member("id") == id.as_str()))
        .collect();
    Ok(Reply::json(&json!({
        "startAt": 0, "maxResults": 1048, "total": rows.len(), "isLast": true, "values": rows,
    })))
}

fn with_issue(context: &Context<'_>, answer: impl FnOnce(&Issue) -> Answer) -> Answer {
    let state = context.app.site.state();
    match state.visible(context.id) {
        Some(issue) => answer(issue),
        None => Err(Box::new(Reply::no_such_issue())),
    }
}

/// Cuts the asked page out of the rows. What is out of range is corrected, not refused.
fn cut<'a>(context: &Context<'_>, rows: Vec<&'a Value>, most: i64) -> Result<Page<'a>, Box<Reply>> {
    let asked = context.request.number("maxResults")?.unwrap_or(most);
    let length = usize::try_from(asked.clamp(1, most)).unwrap_or(1);
    let start = context.request.number("startAt")?.unwrap_or(0).max(0);
    let start = match context.app.knobs.settings().ignore_start_at {
        true => 0,
        false => usize::try_from(start).unwrap_or(usize::MAX),
    };
    let total = rows.len();
    let rows = rows.into_iter().skip(start).take(length).collect();
    Ok(Page { start, length, total, rows })
}
