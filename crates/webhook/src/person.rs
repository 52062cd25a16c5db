//! `POST /webhooks/jira/test`: a person says "look at this issue", unsigned. It exists only when
//! the program was started for debugging, and can do no more than cause one look.
//!
//! The key comes as `{"issue_key":"SUPPORT-1"}` or as `?issue=SUPPORT-1`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use jira::id::{IssueKey, Subject};
use ledger::Source;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::answer::Refusal;
use crate::door::Shared;

#[derive(Deserialize)]
struct Asked {
    #[serde(alias = "issue")]
    issue_key: IssueKey,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    issue: IssueKey,
}

pub(crate) async fn hint(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    ask(&shared, request).await.map(Json).into_response()
}

async fn ask(shared: &Shared, request: Request) -> Result<Answer, Refusal> {
    let in_query = Query::<Asked>::try_from_uri(request.uri()).ok().map(|Query(asked)| asked);
    let received = shared.gate.admit(request).await?;
    let asked = in_query.or_else(|| serde_json::from_slice(&received.body).ok());
    let Asked { issue_key } = asked.ok_or(Refusal::NoIssueKey)?;

    let subjects = [Subject::Key(issue_key.clone())];
    let due = shared.clock.now();
    shared.ledger.hint(&subjects, Source::Person, due).await?;
    info!(issue = %issue_key, "a person asked to look at {issue_key}");
    Ok(Answer { status: "ok", issue: issue_key })
}
