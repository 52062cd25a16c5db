//! What the site has besides issues: fields, statuses, projects, users.

use serde_json::{Value, json};

use super::Context;
use super::reply::{Answer, Reply};

use crate::json::Members;

/// `GET /field`: everything but the fields of team-managed projects.
pub(crate) fn fields(context: &Context<'_>) -> Answer {
    let state = context.app.site.state();
    let all = state.furniture.fields.iter();
    let listed: Vec<&Value> = all.filter(|field| field.get("scope").is_none()).collect();
    Ok(Reply::json(&json!(listed)))
}

/// `GET /field/search`: everything, 50 a page.
pub(crate) fn field_search(context: &Context<'_>) -> Answer {
    let kinds = context.request.params("type");
    let state = context.app.site.state();
    let wanted = |field: &&Value| {
        let kind = if field.member("custom") == true { "custom" } else { "system" };
        kinds.is_empty() || kinds.iter().any(|it| it == kind)
    };
    let rows = state.furniture.fields.iter().filter(wanted).collect();
    page(context, rows, 50, 50)
}

/// `GET /status`.
pub(crate) fn statuses(context: &Context<'_>) -> Answer {
    Ok(Reply::json(&json!(context.app.site.state().furniture.statuses)))
}

/// `GET /project/search`.
pub(crate) fn projects(context: &Context<'_>) -> Answer {
    let insight = context.request.params("expand").iter().any(|name| name == "insight");
    let state = context.app.site.state();
    let mut rows = state.furniture.projects.clone();
    if insight {
        for project in &mut rows {
            let key = format!("{}-", project.member("key").as_str().unwrap_or_default());
            let issues: Vec<i64> = state
                .issues
                .values()
                .filter(|issue| !issue.hidden && issue.key.starts_with(&key))
                .map(|issue| issue.updated)
                .collect();
            let last = issues.iter().max().map(|at| context.app.site.place().stamp(*at));
            project.set(
                "insight",
                json!({"totalIssueCount": issues.len(), "lastIssueUpdateTime": last}),
            );
        }
    }
    rows.sort_by(|a, b| a.member("key").as_str().cmp(&b.member("key").as_str()));
    page(context, rows.iter().collect(), 50, 100)
}

/// `GET /users/search`: a bare array.
pub(crate) fn users(context: &Context<'_>) -> Answer {
    let start = context.request.number("startAt")?.unwrap_or(0).max(0);
    let most = context.request.number("maxResults")?.unwrap_or(50).clamp(1, 1000);
    let state = context.app.site.state();
    let rows = state.furniture.users.iter().skip(usize::try_from(start).unwrap_or(usize::MAX));
    let rows: Vec<&Value> = rows.take(usize::try_from(most).unwrap_or(1)).collect();
    Ok(Reply::json(&json!(rows)))
}

/// `GET /user`.
pub(crate) fn user(context: &Context<'_>) -> Answer {
    let wanted = context.request.param("accountId").unwrap_or_default();
    let state = context.app.site.state();
    let found = state.furniture.users.iter().find(|user| user.member("accountId") == wanted);
    let missing = || {
        Box::new(Reply::error(
            404,
            "Specified user does not exist or you do not have required permissions",
        ))
    };
    found.map(Reply::json).ok_or_else(missing)
}

/// A PageBean.
fn page(context: &Context<'_>, rows: Vec<&Value>, usual: i64, most: i64) -> Answer {
    let asked = context.request.number("maxResults")?.unwrap_or(usual);
    let length = usize::try_from(asked.clamp(1, most)).unwrap_or(1);
    let start = context.request.number("startAt")?.unwrap_or(0).max(0);
    let start = match context.app.knobs.settings().ignore_start_at {
        true => 0,
        false => usize::try_from(start).unwrap_or(usize::MAX),
    };
    let total = rows.len();
    let rows: Vec<&Value> = rows.into_iter().skip(start).take(length).collect();
    let is_last = start.saturating_add(rows.len()) >= total;
    Ok(Reply::json(&json!({
        "startAt": start, "maxResults": length, "total": total, "isLast": is_last, "values": rows,
    })))
}
