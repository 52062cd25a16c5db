//! Who the caller is, and which site this is.

use serde_json::json;

use super::Context;
use super::reply::{Answer, Reply};

/// `GET /myself`.
pub(crate) fn myself(context: &Context<'_>) -> Answer {
    let Some(account) = context.caller.account() else {
        return Err(Box::new(Reply::unauthenticated()));
    };
    let url = &context.app.site.place().url;
    let id = &account.account_id;
    Ok(Reply::json(&json!({
        "self": format!("{url}/rest/api/3/user?accountId={id}"), "accountId": id,
        "accountType": "atlassian", "emailAddress": account.email,
        "displayName": account.display_name, "active": true, "timeZone": account.zone.name,
        "locale": "en_US", "avatarUrls": {"48x48": format!("{url}/avatar/{id}/48")},
        "groups": {"size": 0, "items": []}, "applicationRoles": {"size": 0, "items": []},
        "expand": "groups,applicationRoles",
    })))
}

/// `GET /serverInfo`.
pub(crate) fn server_info(context: &Context<'_>) -> Answer {
    let place = context.app.site.place();
    Ok(Reply::json(&json!({
        "baseUrl": place.url, "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0],
        "deploymentType": "Cloud", "buildNumber": 100_295, "buildDate": "2026-01-15T00:00:00.000+0000",
        "serverTime": place.stamp(place.clock.now()), "serverTimeZone": place.zone.name,
        "scmInfo": "0", "serverTitle": "Jira", "defaultLocale": {"locale": "en_US"},
        "displayUrl": place.url,
    })))
}

/// `GET /_edge/tenant_info`.
pub(crate) fn tenant_info(context: &Context<'_>) -> Answer {
    Ok(Reply::json(&json!({"cloudId": context.app.site.place().cloud_id})))
}
