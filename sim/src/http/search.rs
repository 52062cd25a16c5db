//! `/search/jql`: pages with opaque tokens over what the search index knows, which may be behind.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fields::{Default, Selection};
use super::issue::{Shape, build};
use super::jql::{Direction, Order, Query, Row, Setting, parse};
use super::reply::{Answer, Reply};
use super::{Context, has_no_body};
use crate::json::Members;
use crate::site::{State, View};

/// Rows of a page with fields.
const PAGE_WITH_FIELDS: usize = 100;
/// Tokens live seven days.
const TOKEN_MS: i64 = 7 * 24 * 3_600_000;

/// The body of a search.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    jql: Option<String>,
    next_page_token: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    fields: Vec<String>,
    expand: Option<String>,
    #[serde(default, rename = "properties")]
    _properties: Vec<String>,
    #[serde(default, rename = "fieldsByKeys")]
    _fields_by_keys: bool,
    #[serde(default)]
    reconcile_issues: Vec<i64>,
}

/// Where a walk is: after this row, in the order of this query.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    jql: String,
    made_at: i64,
    last: (i64, i64, i64, i64),
}

pub(crate) fn page(context: &Context<'_>) -> Answer {
    let asked = asked(context)?;
    let place = context.app.site.place();
    let now = place.clock.now();
    let jql = asked.jql.clone().unwrap_or_default();
    // Jira checks the token first, then the range, then whether the query is bounded.
    let token = asked.next_page_token.as_deref().map(|token| read_token(token, &jql, now));
    let token = token.transpose()?;
    let most = asked.max_results.unwrap_or(50);
    let Some(most) = usize::try_from(most).ok().filter(|most| (1..=5000).contains(most)) else {
        let message = "The maxResults parameter must be between 1 and 5,000.";
        return Err(Box::new(Reply::error(400, message)));
    };
    let state = context.app.site.state();
    let query = understood(context, &state, &jql)?;
    let lag = i64::try_from(context.app.knobs.settings().search_lag_ms).unwrap_or(i64::MAX);
    let mut rows = indexed(&state, now.saturating_sub(lag), &asked.reconcile_issues);
    rows.retain(|row| query.matches(row));
    rows.sort_by(|a, b| order(&query, a, b));
    if let Some(token) = &token {
        let last = row_at(token.last);
        rows.retain(|row| order(&query, row, &last) == Ordering::Greater);
    }
    let selection = Selection::parse(&asked.fields, Default::Nothing);
    let full = if selection.is_bare() { most } else { most.min(PAGE_WITH_FIELDS) };
    let length = context.app.knobs.page_length(full.min(rows.len()));
    let expand = asked.expand.iter().flat_map(|expand| expand.split(','));
    let expand = expand.map(|name| name.trim().to_owned()).collect();
    let shape = Shape { selection, expand, view: View::SEARCH };
    let reader = context.reader(&state);
    let issues: Vec<Value> = rows
        .iter()
        .take(length)
        .filter_map(|row| Some(build(&reader, state.issues.get(&row.id)?, &shape)))
        .map(|issue| if shape.selection.is_id_only() { only_id(&issue) } else { issue })
        .collect();
    let mut body = json!({"issues": issues, "isLast": length >= rows.len()});
    if length < rows.len()
        && let Some(last) = length.checked_sub(1).and_then(|at| rows.get(at))
    {
        let last = (last.id, last.created, last.updated, number(&last.key));
        body.set("nextPageToken", json!(write_token(&Token { jql, made_at: now, last })));
    }
    Ok(Reply::json(&body))
}

/// A search that asks for the id alone gets nothing else; one issue always comes with its key.
fn only_id(issue: &Value) -> Value {
    json!({"id": issue.member("id")})
}

/// `POST /search/approximate-count`.
pub(crate) fn count(context: &Context<'_>) -> Answer {
    let body: Value = context.request.json()?;
    let state = context.app.site.state();
    let query = understood(context, &state, body.member("jql").as_str().unwrap_or_default())?;
    let lag = i64::try_from(context.app.knobs.settings().search_lag_ms).unwrap_or(i64::MAX);
    let at = context.app.site.place().clock.now().saturating_sub(lag);
    let count = indexed(&state, at, &[]).iter().filter(|row| query.matches(row)).count();
    Ok(Reply::json(&json!({"count": count})))
}

/// The search that Jira removed.
pub(crate) fn gone(_context: &Context<'_>) -> Answer {
    let message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
    Err(Box::new(Reply::error(410, message)))
}

fn asked(context: &Context<'_>) -> Result<Asked, Box<Reply>> {
    let request = context.request;
    if !has_no_body(&request.method) {
        return request.json();
    }
    Ok(Asked {
        jql: request.param("jql").map(str::to_owned),
        next_page_token: request.param("nextPageToken").map(str::to_owned),
        max_results: request.number("maxResults")?,
        fields: request.params("fields"),
        expand: request.param("expand").map(str::to_owned),
        _properties: Vec::new(),
        _fields_by_keys: false,
        reconcile_issues: request
            .params("reconcileIssues")
            .iter()
            .filter_map(|id| id.parse().ok())
            .collect(),
    })
}

fn understood(context: &Context<'_>, state: &State, jql: &str) -> Result<Query, Box<Reply>> {
    let place = context.app.site.place();
    let zone = context.caller.account().map_or(&place.zone, |account| &account.zone);
    let setting = Setting { state, zone, now: place.clock.now() };
    let query = parse(jql, setting).map_err(|message| Box::new(Reply::error(400, &message)))?;
    if query.is_bounded() {
        return Ok(query);
    }
    let message =
        "Unbounded JQL queries are not allowed here. Add a search restriction to the query.";
    Err(Box::new(Reply::error(400, message)))
}

/// What the index knew at an instant; issues to reconcile are as they are.
fn indexed(state: &State, at: i64, reconcile: &[i64]) -> Vec<Row> {
    let rows = state.index.iter().filter_map(|(id, versions)| {
        let issue = state.issues.get(id).filter(|issue| !issue.hidden)?;
        let known = if reconcile.contains(id) {
            versions.last()?
        } else {
            versions.iter().rev().find(|version| version.since <= at)?
        };
        let status = issue.fields.get("status").unwrap_or(&Value::Null);
        let name = |value: &Value| value.member("name").as_str().unwrap_or_default().to_owned();
        Some(Row {
            id: *id,
            key: known.key.clone(),
            created: issue.created,
            updated: known.updated,
            status: name(status),
            category: name(status.member("statusCategory")),
        })
    });
    rows.collect()
}

fn order(query: &Query, a: &Row, b: &Row) -> Ordering {
    for (order, direction) in &query.orders {
        let compared = match order {
            Order::Created => a.created.cmp(&b.created),
            Order::Updated => a.updated.cmp(&b.updated),
            Order::Id => a.id.cmp(&b.id),
            Order::Key => number(&a.key).cmp(&number(&b.key)),
        };
        let compared = match direction {
            Direction::Up => compared,
            Direction::Down => compared.reverse(),
        };
        if compared != Ordering::Equal {
            return compared;
        }
    }
    b.id.cmp(&a.id)
}

fn number(key: &str) -> i64 {
    key.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

fn row_at((id, created, updated, number): (i64, i64, i64, i64)) -> Row {
    let (status, category) = (String::new(), String::new());
    Row { id, key: format!("X-{number}"), created, updated, status, category }
}

fn write_token(token: &Token) -> String {
    hex::encode(json!(token).to_string())
}

fn read_token(text: &str, jql: &str, now: i64) -> Result<Token, Box<Reply>> {
    let bytes = hex::decode(text).ok();
    let token = bytes.and_then(|bytes| serde_json::from_slice::<Token>(&bytes).ok());
    let fresh = |token: &Token| token.jql == jql && now.saturating_sub(token.made_at) <= TOKEN_MS;
    token.filter(fresh).ok_or_else(|| {
        Box::new(Reply::error(400, "The provided nextPageToken is invalid or has expired."))
    })
}
