//! The part of the service desk API that a copying client reads.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Context;
use super::reply::{Answer, Reply};
use crate::account::SlaAccess;
use crate::json::Members;
use crate::site::View;

/// `GET /request/{id}/sla`: only for agents.
pub(crate) fn sla(context: &Context<'_>) -> Answer {
    let account = context.caller.account().filter(|account| account.sla == SlaAccess::Values);
    if account.is_none() {
        let body = json!({"errorMessage": "You do not have permission to view this SLA.", "i18nErrorMessage": {"i18nKey": "sd.sla.no.permission", "parameters": []}});
        return Err(Box::new(Reply::json_with(403, &body)));
    }
    let state = context.app.site.state();
    let Some(issue) = state.visible(context.id) else {
        let body = json!({"errorMessage": "The request does not exist or you do not have permission to see it."});
        return Err(Box::new(Reply::json_with(404, &body)));
    };
    let mut fields = context.reader(&state).fields(issue, View::ISSUE);
    let values = state.sla_fields.iter().filter_map(|field| fields.remove(field));
    let values: Vec<Value> = values.filter(Value::is_object).collect();
    page(context, values)
}

/// `GET /organization`: those that the issues name.
pub(crate) fn organizations(context: &Context<'_>) -> Answer {
    page(context, known(context).into_values().collect())
}

/// `GET /organization/{id}` of the customer service API: only for agents.
pub(crate) fn details(context: &Context<'_>) -> Answer {
    let agent = context.caller.account().filter(|account| account.sla == SlaAccess::Values);
    if agent.is_none() {
        return Err(Box::new(Reply::json_with(403, &json!({"errorMessages": ["Forbidden"]}))));
    }
    let found = known(context).into_values().find(|known| known.member("id") == context.id);
    let Some(found) = found else {
        let body = json!({"errorMessages": ["Organization not found"]});
        return Err(Box::new(Reply::json_with(404, &body)));
    };
    let plan = if context.id == "1" { "Enterprise" } else { "Standard" };
    let details = json!([
        {"id": "1", "name": "Plan", "values": [plan]},
        {"id": "2", "name": "Region", "values": ["EMEA", "APAC"]},
    ]);
    let (id, name) = (found.member("id"), found.member("name"));
    Ok(Reply::json(&json!({"id": id, "name": name, "details": details})))
}

/// The organizations that the issues name, by id.
fn known(context: &Context<'_>) -> BTreeMap<String, Value> {
    let state = context.app.site.state();
    let custom = "com.atlassian.servicedesk:sd-customer-organizations";
    let field = state
        .furniture
        .fields
        .iter()
        .find(|field| field.member("schema").member("custom") == custom);
    let field = field.and_then(|field| field.member("id").as_str()).unwrap_or_default();
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for issue in state.issues.values() {
        let named = issue.fields.get(field).and_then(Value::as_array);
        for organization in named.into_iter().flatten() {
            known.insert(organization.member("id").to_string(), organization.clone());
        }
    }
    known
}

fn page(context: &Context<'_>, rows: Vec<Value>) -> Answer {
    let start = context.request.number("start")?.unwrap_or(0).max(0);
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let limit = context.request.number("limit")?.unwrap_or(50).clamp(1, 100);
    let limit = usize::try_from(limit).unwrap_or(1);
    let total = rows.len();
    let values: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
    let url = &context.app.site.place().url;
    Ok(Reply::json(&json!({
        "size": values.len(), "start": start, "limit": limit,
        "isLastPage": start.saturating_add(values.len()) >= total,
        "_links": {"base": format!("{url}/rest/servicedeskapi"), "context": "", "self": format!("{url}{}", context.request.path)},
        "values": values,
    })))
}
