//! Who calls. Wrong credentials make a caller anonymous on the site, and are refused on the
//! gateway; a header is all that says so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::App;
use super::endpoint::Endpoint;
use super::reply::Reply;
use super::request::Request;
use crate::account::{Account, TokenKind};

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller<'a> {
    Account(&'a Account),
    Nobody,
}

impl<'a> Caller<'a> {
    /// Finds the caller, or the reply that refuses the request whatever it asks.
    pub(crate) fn of(app: &'a App, request: &Request) -> Result<Self, Box<Reply>> {
        if let Some(cloud) = &request.gateway
            && *cloud != app.site.place().cloud_id
        {
            return Err(Box::new(unknown_cloud(app, request)));
        }
        let header = request.header("authorization").unwrap_or_default();
        if let Some(token) = header.strip_prefix("Bearer ").filter(|_| request.gateway.is_none()) {
            return Err(Box::new(bearer(token)));
        }
        let account = basic(header).and_then(|(email, token)| {
            let expired = app.knobs.settings().expired_tokens;
            app.accounts.iter().find(|account| {
                account.email == email
                    && account.token == token
                    && !expired.contains(&email)
                    && (request.gateway.is_some() || account.token_kind == TokenKind::Classic)
            })
        });
        match account {
            Some(account) => Ok(Self::Account(account)),
            None if request.gateway.is_some() => Err(Box::new(Reply::json_with(
                401,
                &json!({"code": 401, "message": "Unauthorized"}),
            ))),
            None => Ok(Self::Nobody),
        }
    }

    pub(crate) fn account(&self) -> Option<&'a Account> {
        match self {
            Self::Account(account) => Some(account),
            Self::Nobody => None,
        }
    }

    /// `X-Seraph-LoginReason`: only when somebody tried to log in.
    pub(crate) fn login_reason(&self, request: &Request) -> Option<&'static str> {
        let tried = request.header("authorization").is_some();
        (tried && self.account().is_none()).then_some("AUTHENTICATED_FAILED")
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (email, token) = text.split_once(':')?;
    Some((email.to_owned(), token.to_owned()))
}

fn bearer(token: &str) -> Reply {
    if token.split('.').count() == 3 {
        return Reply::unauthenticated();
    }
    Reply::json_with(403, &json!({"error": "Failed to parse Connect Session Auth Token"}))
}

fn unknown_cloud(app: &App, request: &Request) -> Reply {
    let stamp = app.site.place().stamp(app.site.place().clock.now());
    let body = json!({
        "timestamp": stamp, "status": 404, "error": "Not Found",
        "message": "No message available", "path": request.full_path,
    });
    Reply::json_with(404, &body)
}

/// What an anonymous caller gets: lists are empty, single things are not there.
pub(crate) fn answer_to_nobody(endpoint: Endpoint) -> Reply {
    match endpoint {
        Endpoint::Search => Reply::json(&json!({"issues": [], "isLast": true})),
        Endpoint::SearchCount => Reply::json(&json!({"count": 0})),
        Endpoint::BulkFetch => Reply::json(&json!({"issues": [], "issueErrors": []})),
        Endpoint::BulkChangelog => Reply::json(&json!({"issueChangeLogs": []})),
        Endpoint::Statuses | Endpoint::Users | Endpoint::Fields => Reply::json(&json!([])),
        Endpoint::FieldSearch | Endpoint::Projects | Endpoint::CommentList => {
            Reply::json(&empty_page())
        }
        Endpoint::Issue
        | Endpoint::Comments
        | Endpoint::Changelog
        | Endpoint::Worklogs
        | Endpoint::RemoteLinks => Reply::no_such_issue(),
        Endpoint::Attachment | Endpoint::AttachmentContent | Endpoint::AttachmentThumbnail => {
            Reply::error(
                404,
                "The attachment does not exist or you do not have permission to see it.",
            )
        }
        Endpoint::Myself
        | Endpoint::User
        | Endpoint::RequestSla
        | Endpoint::Organizations
        | Endpoint::OrganizationDetails => Reply::unauthenticated(),
        Endpoint::ServerInfo | Endpoint::TenantInfo | Endpoint::Media | Endpoint::OldSearch => {
            Reply::no_such_path("")
        }
    }
}

fn empty_page() -> Value {
    json!({"startAt": 0, "maxResults": 50, "total": 0, "isLast": true, "values": []})
}
