//! The client against a stub on loopback: what it sends, and what it believes.

mod attachments;
mod bodies;
mod bulk;
mod checks;
mod pauses;
mod requests;
mod search;
mod secrets;
mod site;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use tokio::net::TcpListener;

use super::{Account, BaseUrl, Client, Limits, MediaHosts};

const EMAIL: &str = "ada@example.com";
const TOKEN: &str = "s3cr3t-token";
const JSON: (&str, &str) = ("content-type", "application/json;charset=UTF-8");

/// What a stub was asked.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    /// Path and query.
    target: String,
    headers: HeaderMap,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A server on loopback that answers as it is told and remembers what it was asked.
struct Stub {
    origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let app = axum::Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let asked = Asked {
                    method: head.method,
                    target: head.uri.path_and_query().unwrap().to_string(),
                    headers: head.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                log.lock().unwrap().push(asked.clone());
                answer(&asked)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, asked }
    }

    /// Always the same answer.
    async fn always(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let (headers, body) = (headers.to_vec(), body.to_owned());
        Self::start(move |_| response(status, &headers, body.clone())).await
    }

    fn client(&self) -> Client {
        client(&self.origin, Limits::default())
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn last(&self) -> Asked {
        self.asked().pop().unwrap()
    }
}

fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        response.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

fn account(origin: &str, limits: Limits) -> Account {
    let base = BaseUrl::site(origin).unwrap();
    let (email, token, media) = (EMAIL.to_owned(), TOKEN.into(), MediaHosts::default());
    Account { base, email, token, limits, media }
}

fn client(origin: &str, limits: Limits) -> Client {
    Client::new(account(origin, limits)).unwrap()
}

fn short() -> Limits {
    Limits { total_timeout: Duration::from_millis(300), ..Limits::default() }
}
