//! Bulk reads: they answer in their own order and silently leave out what cannot be seen.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use super::fields::{Default, Selection};
use super::issue::{Shape, build};
use super::reply::{Answer, Reply};
use crate::json::Members;
use crate::site::View;
use crate::time;

/// Issues per request.
const MOST_ISSUES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedIssues {
    issue_ids_or_keys: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    expand: Vec<String>,
    #[serde(default, rename = "properties")]
    _properties: Vec<String>,
    #[serde(default, rename = "fieldsByKeys")]
    _fields_by_keys: bool,
}

/// `POST /issue/bulkfetch`.
pub(crate) fn issues(context: &Context<'_>) -> Answer {
    let asked: AskedIssues = context.request.json()?;
    if asked.issue_ids_or_keys.is_empty() || asked.issue_ids_or_keys.len() > MOST_ISSUES {
        let message = "The number of issue ids or keys must be between 1 and 100.";
        return Err(Box::new(Reply::error(400, message)));
    }
    let state = context.app.site.state();
    let selection = Selection::parse(&asked.fields, Default::Navigable);
    let shape = Shape { selection, expand: asked.expand, view: View::SEARCH };
    let mut found: Vec<_> =
        asked.issue_ids_or_keys.iter().filter_map(|id| state.visible(id)).collect();
    found.sort_by_key(|issue| issue.id);
    found.dedup_by_key(|issue| issue.id);
    let reader = context.reader(&state);
    let issues: Vec<Value> = found.iter().map(|issue| build(&reader, issue, &shape)).collect();
    Ok(Reply::json(&json!({"issues": issues, "issueErrors": []})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedChangelogs {
    issue_ids_or_keys: Vec<String>,
    #[serde(default)]
    field_ids: Vec<String>,
    max_results: Option<usize>,
    next_page_token: Option<String>,
}

/// `POST /changelog/bulkfetch`: by date over all issues, so an issue can be on several pages.
pub(crate) fn changelogs(context: &Context<'_>) -> Answer {
    let asked: AskedChangelogs = context.request.json()?;
    let count = asked.issue_ids_or_keys.len();
    if !(1..=1000).contains(&count) || asked.field_ids.len() > 10 {
        let message =
            "The number of issue ids or keys must be between 1 and 1000, of fields at most 10.";
        return Err(Box::new(Reply::error(400, message)));
    }
    let start = match asked.next_page_token.as_deref() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| {
            Box::new(Reply::error(400, "The provided nextPageToken is invalid or has expired."))
        })?,
    };
    let state = context.app.site.state();
    let fits = |history: &&Value| {
        asked.field_ids.is_empty()
            || history.member("items").as_array().into_iter().flatten().any(|item| {
                asked.field_ids.iter().any(|field| item.member("fieldId") == field.as_str())
            })
    };
    let mut rows: Vec<(i64, i64, &Value)> = Vec::new();
    for issue in asked.issue_ids_or_keys.iter().filter_map(|id| state.visible(id)) {
        rows.extend(issue.histories.iter().filter(fits).map(|history| {
            let at = history.member("created").as_str().and_then(time::parse).unwrap_or_default();
            (at, issue.id, history)
        }));
    }
    rows.sort_by_key(|(at, id, _)| (*at, *id));
    let most = asked.max_results.unwrap_or(1000).clamp(1, 10_000);
    let end = start.saturating_add(most);
    let mut logs: Vec<Value> = Vec::new();
    for (_, id, history) in rows.iter().skip(start).take(most) {
        let id = id.to_string();
        match logs.iter_mut().find(|log| log.member("issueId") == id.as_str()) {
            Some(log) => {
                if let Some(histories) =
                    log.get_mut("changeHistories").and_then(Value::as_array_mut)
                {
                    histories.push((*history).clone());
                }
            }
            None => logs.push(json!({"issueId": id, "changeHistories": [history]})),
        }
    }
    let next = if end < rows.len() { json!(end.to_string()) } else { Value::Null };
    Ok(Reply::json(&json!({"issueChangeLogs": logs, "nextPageToken": next})))
}
