//! The site over HTTP: one request at a time through route, fault, caller and handler.
//!
//! Handlers are plain functions from a request and the locked state to a reply; whatever takes
//! time or breaks is done around them.

mod endpoint;
mod reply;
mod request;
mod caller;
mod server;
mod fields;
mod issue;
mod lists;
mod search;
mod jql;
mod bulk;
mod catalogue;
mod person;
mod attachment;
mod servicedesk;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;

pub use endpoint::Endpoint;

pub(crate) use caller::Caller;
pub(crate) use endpoint::{Found, find};
pub(crate) use reply::{Answer, Reply};
pub(crate) use request::Request;
pub(crate) use server::{Server, bind};

use crate::account::{Account, SlaAccess};
use crate::callers::Callers;
use crate::control;
use crate::editor::Editor;
use crate::knobs::{Failure, Knobs, PagingEdit};
use crate::site::{NewComment, Reader, Site, State};

/// What every request needs.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) site: Site,
    pub(crate) knobs: Knobs,
    pub(crate) callers: Callers,
    pub(crate) accounts: Vec<Account>,
    pub(crate) webhooks: crate::webhook::Webhooks,
    pub(crate) editor: Editor,
}

/// One request on its way.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) caller: Caller<'a>,
    /// The id in the path, where the endpoint has one.
    pub(crate) id: &'a str,
}

impl<'a> Context<'a> {
    /// A reader of the state with the caller's rights.
    pub(crate) fn reader<'s>(&'s self, state: &'s State) -> Reader<'s> {
        let sla = self.caller.account().map_or(SlaAccess::Refused, |account| account.sla);
        Reader { state, place: self.app.site.place(), sla }
    }
}

impl App {
    /// Answers a request. `Reply::Cut` closes the connection instead.
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Reply {
        if let Some(path) = request.path.strip_prefix("/_sim/") {
            return control::answer(&self, path, &request).await;
        }
        let caller = match Caller::of(&self, &request) {
            Ok(caller) => caller,
            Err(refusal) => return self.finish(&request, None, *refusal),
        };
        self.callers.check(&request);
        let (endpoint, id) = match find(&request.method, &request.path) {
            Found::Known(endpoint, id) => (endpoint, id),
            Found::WrongMethod(allowed) => {
                self.callers.unknown(&request);
                let refusal = Reply::wrong_method(&request, allowed);
                return self.finish(&request, Some(&caller), refusal);
            }
            Found::Unknown => {
                self.callers.unknown(&request);
                let refusal = Reply::no_such_path(&request.path);
                return self.finish(&request, Some(&caller), refusal);
            }
        };
        self.callers.count(endpoint);
        let issue = self.site.state().find(id);
        tokio::time::sleep(Duration::from_millis(self.knobs.latency_ms(endpoint))).await;
        let failure = self.knobs.failure(endpoint, issue);
        let context = Context { app: &self, request: &request, caller, id };
        let reply = match failure {
            Some(Failure::Hang(ms)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                return Reply::Cut;
            }
            Some(Failure::Truncated) => self.handle(endpoint, &context).truncated(),
            Some(failure) => Reply::failed(&failure),
            None => self.handle(endpoint, &context),
        };
        if endpoint == Endpoint::Comments {
            self.edit_while_paging(id);
        }
        self.finish(&request, Some(&context.caller), reply)
    }

    fn handle(&self, endpoint: Endpoint, context: &Context<'_>) -> Reply {
        let refused = (!endpoint.is_open() && context.caller.account().is_none())
            .then(|| caller::answer_to_nobody(endpoint));
        let answer = match refused {
            Some(reply) => Ok(reply),
            None => dispatch(endpoint, context),
        };
        match answer {
            Ok(reply) => reply,
            Err(reply) => {
                if let Some(why) = reply.why_bad() {
                    self.callers.refused(context.request, &why);
                }
                *reply
            }
        }
    }

    /// Puts the headers on that every answer has.
    fn finish(&self, request: &Request, caller: Option<&Caller<'_>>, reply: Reply) -> Reply {
        let place = self.site.place();
        let mut reply = reply
            .with("Date", crate::time::http_date(place.clock.now()))
            .with("Server", "AtlassianEdge")
            .with("X-AREQUESTID", crate::callers::request_id(self.callers.total()));
        if let Some(caller) = caller {
            if let Some(account) = caller.account() {
                reply = reply.with("X-AAccountId", account.account_id.clone());
            }
            if let Some(reason) = caller.login_reason(request) {
                reply = reply.with("X-Seraph-LoginReason", reason);
            }
        }
        reply
    }

    fn edit_while_paging(&self, issue: &str) {
        let Some(edit) = self.knobs.paged() else { return };
        let done = match edit {
            PagingEdit::AddComment => self
                .site
                .comment(issue, NewComment::text("Written while somebody was reading"))
                .err(),
            PagingEdit::RemoveOldestComment => self.site.truth_of(issue).and_then(|truth| {
                let oldest = truth.comments.first()?["id"].as_str()?.to_owned();
                self.site.delete_comment(issue, &oldest).err()
            }),
        };
        if let Some(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "no edit while paging");
        }
    }
}

fn dispatch(endpoint: Endpoint, context: &Context<'_>) -> Answer {
    match endpoint {
        Endpoint::Issue => issue::one(context),
        Endpoint::Comments => lists::comments(context),
        Endpoint::CommentList => lists::comments_by_id(context),
        Endpoint::Changelog => lists::changelog(context),
        Endpoint::Worklogs => lists::worklogs(context),
        Endpoint::RemoteLinks => lists::remote_links(context),
        Endpoint::Search => search::page(context),
        Endpoint::SearchCount => search::count(context),
        Endpoint::OldSearch => search::gone(context),
        Endpoint::BulkFetch => bulk::issues(context),
        Endpoint::BulkChangelog => bulk::changelogs(context),
        Endpoint::Fields => catalogue::fields(context),
        Endpoint::FieldSearch => catalogue::field_search(context),
        Endpoint::Statuses => catalogue::statuses(context),
        Endpoint::Projects => catalogue::projects(context),
        Endpoint::Users => catalogue::users(context),
        Endpoint::User => catalogue::user(context),
        Endpoint::Myself => person::myself(context),
        Endpoint::ServerInfo => person::server_info(context),
        Endpoint::TenantInfo => person::tenant_info(context),
        Endpoint::Attachment => attachment::metadata(context),
        Endpoint::AttachmentContent => attachment::content(context),
        Endpoint::AttachmentThumbnail => attachment::content(context),
        Endpoint::Media => attachment::media(context),
        Endpoint::RequestSla => servicedesk::sla(context),
        Endpoint::Organizations => servicedesk::organizations(context),
        Endpoint::OrganizationDetails => servicedesk::details(context),
    }
}

/// Whether a method reads without a body.
pub(crate) fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
