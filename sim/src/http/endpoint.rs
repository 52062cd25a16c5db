//! Which endpoint a method and a path mean.

use hyper::Method;
use serde::{Deserialize, Serialize};

/// The endpoints that the site answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /issue/{id}`
    Issue,
    /// `GET /issue/{id}/comment`
    Comments,
    /// `POST /comment/list`
    CommentList,
    /// `GET /issue/{id}/changelog`
    Changelog,
    /// `GET /issue/{id}/worklog`
    Worklogs,
    /// `GET /issue/{id}/remotelink`
    RemoteLinks,
    /// `GET` and `POST /search/jql`
    Search,
    /// `POST /search/approximate-count`
    SearchCount,
    /// `/search`, which Jira removed
    OldSearch,
    /// `POST /issue/bulkfetch`
    BulkFetch,
    /// `POST /changelog/bulkfetch`
    BulkChangelog,
    /// `GET /field`
    Fields,
    /// `GET /field/search`
    FieldSearch,
    /// `GET /status`
    Statuses,
    /// `GET /project/search`
    Projects,
    /// `GET /users/search` and `/users`
    Users,
    /// `GET /user`
    User,
    /// `GET /myself`
    Myself,
    /// `GET /serverInfo`
    ServerInfo,
    /// `GET /_edge/tenant_info`
    TenantInfo,
    /// `GET /attachment/{id}`
    Attachment,
    /// `GET /attachment/content/{id}`
    AttachmentContent,
    /// `GET /attachment/thumbnail/{id}`
    AttachmentThumbnail,
    /// The bytes on the media host
    Media,
    /// `GET /rest/servicedeskapi/request/{id}/sla`
    RequestSla,
    /// `GET /rest/servicedeskapi/organization`
    Organizations,
    /// `GET /jsm/csm/cloudid/{cloudId}/api/v1/organization/{id}`, at the gateway
    OrganizationDetails,
}

impl Endpoint {
    /// Whether anybody may ask, or the endpoint itself decides what nobody gets.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::ServerInfo | Self::TenantInfo | Self::Media | Self::OldSearch)
    }
}

/// What a method and a path lead to.
pub(crate) enum Found<'a> {
    /// An endpoint, and the id in its path if it has one.
    Known(Endpoint, &'a str),
    /// The path exists, for other methods.
    WrongMethod(&'static str),
    Unknown,
}

/// Finds the endpoint. The path has no gateway prefix any more.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let path = path.trim_start_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let (allowed, endpoint, id) = match parts.as_slice() {
        ["_edge", "tenant_info"] => ("GET", Endpoint::TenantInfo, ""),
        ["file", id, "binary"] => ("GET", Endpoint::Media, *id),
        ["rest", "api", "2" | "3", "search"] => ("GET, POST", Endpoint::OldSearch, ""),
        ["rest", "api", "3", rest @ ..] => match platform(rest) {
            Some(found) => found,
            None => return Found::Unknown,
        },
        ["rest", "servicedeskapi", "request", id, "sla"] => ("GET", Endpoint::RequestSla, *id),
        ["rest", "servicedeskapi", "organization"] => ("GET", Endpoint::Organizations, ""),
        ["csm", "organization", id] => ("GET", Endpoint::OrganizationDetails, *id),
        // Jira answers 405 to GET: organizations are made there, not listed.
        ["csm", "organization"] => ("POST", Endpoint::OrganizationDetails, ""),
        _ => return Found::Unknown,
    };
    if allowed.split(", ").any(|name| name == method.as_str()) {
        Found::Known(endpoint, id)
    } else {
        Found::WrongMethod(allowed)
    }
}

fn platform<'a>(parts: &[&'a str]) -> Option<(&'static str, Endpoint, &'a str)> {
    Some(match parts {
        ["issue", "bulkfetch"] => ("POST", Endpoint::BulkFetch, ""),
        ["issue", id] => ("GET", Endpoint::Issue, *id),
        ["issue", id, "comment"] => ("GET", Endpoint::Comments, *id),
        ["issue", id, "changelog"] => ("GET", Endpoint::Changelog, *id),
        ["issue", id, "worklog"] => ("GET", Endpoint::Worklogs, *id),
        ["issue", id, "remotelink"] => ("GET", Endpoint::RemoteLinks, *id),
        ["comment", "list"] => ("POST", Endpoint::CommentList, ""),
        ["changelog", "bulkfetch"] => ("POST", Endpoint::BulkChangelog, ""),
        ["search", "jql"] => ("GET, POST", Endpoint::Search, ""),
        ["search", "approximate-count"] => ("POST", Endpoint::SearchCount, ""),
        ["field"] => ("GET", Endpoint::Fields, ""),
        ["field", "search"] => ("GET", Endpoint::FieldSearch, ""),
        ["status"] => ("GET", Endpoint::Statuses, ""),
        ["project", "search"] => ("GET", Endpoint::Projects, ""),
        ["users"] | ["users", "search"] => ("GET", Endpoint::Users, ""),
        ["user"] => ("GET", Endpoint::User, ""),
        ["myself"] => ("GET", Endpoint::Myself, ""),
        ["serverInfo"] => ("GET", Endpoint::ServerInfo, ""),
        ["attachment", "content", id] => ("GET", Endpoint::AttachmentContent, *id),
        ["attachment", "thumbnail", id] => ("GET", Endpoint::AttachmentThumbnail, *id),
        ["attachment", id] => ("GET", Endpoint::Attachment, *id),
        _ => return None,
    })
}
