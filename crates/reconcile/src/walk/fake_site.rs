//! A Jira site over HTTP on loopback that answers searches from a script, and what a walker needs
//! beside it: a ledger in a folder of its own and a clock that the test owns.
//!
//! The script holds pages; the token of a page is its number. The site logs every request in its
//! order, so that a test sees what was asked before what. Log lines are kept per thread: a test with
//! a runtime of one thread finds its own lines only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Once};

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::Response;
use jira::client::{Account, BaseUrl, Client, Limits, MediaHosts};
use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Clock, Instant, Month};
use ledger::{Commit, IssueRecord, Ledger, Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The account that every answer is given to.
const ACCOUNT: &str = "5b10a2844c20165700ede21g";

/// One request to the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A page of a search.
    Search { jql: String, field: String, token: Option<String> },
    /// `/myself`.
    Myself,
}

/// What the site answers, and what it was asked.
#[derive(Debug, Default)]
struct Script {
    pages: Vec<Value>,
    /// The status of a page that fails, by its token.
    failures: BTreeMap<Option<String>, u16>,
    /// Whether `/myself` refuses the credentials.
    refuses: bool,
    asked: Vec<Asked>,
}

impl Script {
    fn answer(&mut self, asked: Asked) -> Response {
        self.asked.push(asked.clone());
        match asked {
            Asked::Myself if self.refuses => answer(401, &json!({})),
            Asked::Myself => answer(200, &json!({"accountId": ACCOUNT})),
            Asked::Search { token, .. } => {
                if let Some(status) = self.failures.get(&token) {
                    return answer(*status, &json!({"errorMessages": ["scripted"]}));
                }
                let at = token.map_or(0, |token| token.parse().unwrap());
                answer(200, self.pages.get(at).unwrap_or(&json!({"issues": [], "isLast": true})))
            }
        }
    }
}

fn answer(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status.try_into().unwrap();
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-aaccountid", HeaderValue::from_static(ACCOUNT));
    response
}

/// A scripted site, with the ledger and the clock of those who walk it.
pub(crate) struct FakeSite {
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    script: Arc<Mutex<Script>>,
    millis: Arc<AtomicI64>,
    _folder: TempDir,
}

impl FakeSite {
    /// Starts a site without issues at 2026-02-03T12:00:00Z.
    pub(crate) async fn start() -> Self {
        keep_log();
        let script = Arc::new(Mutex::new(Script::default()));
        let (client, millis) =
            (client(serve(&script).await), Arc::new(AtomicI64::new(1_770_120_000_000)));
        let clock = {
            let millis = Arc::clone(&millis);
            Clock::new(move || instant(millis.load(Ordering::SeqCst)))
        };
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock.clone()).await.unwrap();
        Self { client, ledger, clock, script, millis, _folder: folder }
    }

    /// Answers a search with these pages of entries, one after the other.
    pub(crate) fn shows(&self, pages: &[Vec<Value>]) {
        let last = pages.len().saturating_sub(1);
        let page = |(at, entries): (usize, &Vec<Value>)| {
            let mut page = json!({"issues": entries, "isLast": at == last});
            if at < last {
                page["nextPageToken"] = json!((at + 1).to_string());
            }
            page
        };
        self.answers(pages.iter().enumerate().map(page).collect());
    }

    /// Answers a search with these bodies, one after the other.
    pub(crate) fn answers(&self, pages: Vec<Value>) {
        self.script.lock().unwrap().pages = pages;
    }

    /// Fails the page with this token.
    pub(crate) fn fails(&self, token: Option<&str>, status: u16) {
        self.script.lock().unwrap().failures.insert(token.map(str::to_owned), status);
    }

    /// Answers every page again.
    pub(crate) fn recovers(&self) {
        self.script.lock().unwrap().failures.clear();
    }

    /// Refuses the credentials at `/myself`.
    pub(crate) fn refuses_the_account(&self) {
        self.script.lock().unwrap().refuses = true;
    }

    /// Returns the requests since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    /// Returns the query of the one search since the last call.
    pub(crate) fn one_query(&self) -> String {
        let asked = self.asked();
        match asked.as_slice() {
            [Asked::Search { jql, .. }] => jql.clone(),
            other => panic!("one page of a search was expected: {other:?}"),
        }
    }

    /// Moves the clock on.
    pub(crate) fn pass(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Puts issues into the ledger, as a copy of them would.
    pub(crate) async fn holds(&self, issues: Vec<IssueRecord>) {
        let id = self.ledger.next_commit().await.unwrap();
        let commit = Commit {
            id,
            files: vec![],
            dropped: vec![],
            remade: vec![],
            issues,
            finished: vec![],
            lost: vec![],
        };
        self.ledger.commit(commit).await.unwrap();
    }

    /// Hints an issue for another reason than a walk.
    pub(crate) async fn in_work(&self, id: i64) {
        let now = self.clock.now();
        self.ledger.hint(&[Subject::Id(issue_id(id))], Source::Person, now).await.unwrap();
    }

    /// Returns the ids that a walk of this source hinted and that are due now, in ascending order.
    pub(crate) async fn hinted(&self, source: Source) -> Vec<i64> {
        let until = self.clock.now().plus(std::time::Duration::from_secs(1));
        let work = self.ledger.lease_of(&[source], 10_000, until).await.unwrap();
        let id = |subject| match subject {
            Subject::Id(id) => id.get(),
            Subject::Key(key) => panic!("{key} was hinted by its key"),
        };
        let mut ids: Vec<i64> = work.into_iter().map(|work| id(work.subject)).collect();
        ids.sort_unstable();
        ids
    }
}

async fn serve(script: &Arc<Mutex<Script>>) -> String {
    let script = Arc::clone(script);
    let app = axum::Router::new().fallback(move |request: Request| {
        let script = Arc::clone(&script);
        async move {
            let path = request.uri().path().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let asked = match path.as_str() {
                "/rest/api/3/myself" => Asked::Myself,
                "/rest/api/3/search/jql" => searched(&serde_json::from_slice(&body).unwrap()),
                other => panic!("nobody should ask for {other}"),
            };
            script.lock().unwrap().answer(asked)
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

fn searched(body: &Value) -> Asked {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let fields = body["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "one field is asked for: {body}");
    Asked::Search {
        jql: text(&body["jql"]).unwrap(),
        field: text(&fields[0]).unwrap(),
        token: text(&body["nextPageToken"]),
    }
}

fn client(origin: String) -> Client {
    let base = BaseUrl::site(&origin).unwrap();
    let (email, token) = ("ada@example.com".to_owned(), "a-token".to_owned().into());
    let (limits, media) = (Limits::default(), MediaHosts::default());
    Client::new(Account { base, email, token, limits, media }).unwrap()
}

/// An entry of a search, last changed at the time that [`held`] gives an issue.
pub(crate) fn shown(id: i64) -> Value {
    json!({"id": id.to_string(), "key": format!("A-{id}"),
        "fields": {"updated": "2026-01-01T00:00:00.000+0000"}})
}

/// An entry of a search, changed later.
pub(crate) fn changed(id: i64) -> Value {
    json!({"id": id.to_string(), "key": format!("A-{id}"),
        "fields": {"updated": "2026-02-03T11:59:00.000+0000"}})
}

/// An entry of a search whose id cannot be read.
pub(crate) fn unreadable() -> Value {
    json!({"id": "x", "key": "A-1"})
}

/// An issue as the copy holds it, equal to [`shown`].
pub(crate) fn held(id: i64) -> IssueRecord {
    let key: IssueKey = format!("A-{id}").parse().unwrap();
    let updated = Instant::parse("2026-01-01T00:00:00.000+0000");
    IssueRecord {
        id: issue_id(id),
        project: key.project().to_owned(),
        raw_file: format!("{key}.json"),
        key,
        month: Month::of(updated),
        updated,
        status: None,
        status_category: None,
        has_sla: false,
        complete: true,
        synced_at: instant(0),
        parts: json!({}),
        deleted_at: None,
        attachments: None,
        digests: None,
    }
}

/// An issue whose deletion was confirmed.
pub(crate) fn deleted(id: i64) -> IssueRecord {
    IssueRecord { deleted_at: Some(instant(1)), ..held(id) }
}

fn issue_id(id: i64) -> IssueId {
    IssueId::new(id).unwrap()
}

fn instant(millis: i64) -> Instant {
    Instant::from_millis(millis).unwrap()
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The subscriber is everyone's, since one that only some threads have can miss lines.
fn keep_log() {
    static KEPT: Once = Once::new();
    KEPT.call_once(|| {
        let keeper = tracing_subscriber::fmt().with_writer(|| Lines).with_ansi(false);
        keeper.with_max_level(tracing::Level::INFO).init();
    });
}

/// Returns how many lines of this test hold a text.
pub(crate) fn lines_with(text: &str) -> usize {
    LINES.with_borrow(|lines| {
        String::from_utf8_lossy(lines).lines().filter(|line| line.contains(text)).count()
    })
}
