//! A request as handlers see it: read whole, bounded, with the gateway prefix taken off.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::reply::Reply;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Percent-decoded, without the gateway prefix.
    pub(crate) path: String,
    /// As it was on the wire, for error bodies.
    pub(crate) full_path: String,
    /// The cloud id, if the request came through the gateway.
    pub(crate) gateway: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The cloud id and the rest of a path at the gateway; the customer service API, which has a prefix of
/// its own, is told apart by `/csm`.
fn behind_gateway(path: &str) -> (Option<String>, String) {
    let site = path.strip_prefix("/ex/jira/");
    let service = path.strip_prefix("/jsm/csm/cloudid/");
    let Some(rest) = site.or(service) else { return (None, path.to_owned()) };
    let (cloud, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = match (service, path.strip_prefix("api/v1/")) {
        (Some(_), Some(path)) => format!("/csm/{path}"),
        (Some(_), None) => "/csm".to_owned(),
        (None, _) => format!("/{path}"),
    };
    (Some(cloud.to_owned()), path)
}

impl Request {
    pub(crate) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let query = pairs.into_owned().collect();
        let full_path = uri.path().to_owned();
        let (gateway, path) = behind_gateway(&full_path);
        // Keys and ids need no escapes; an escaped one is decoded so that it can be refused.
        let path = path.replace("%2D", "-").replace("%2d", "-");
        Self { method, path, full_path, gateway, query, headers, body }
    }

    /// The last value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be given several times or as a comma list.
    pub(crate) fn params(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        let parts = values.flat_map(|(_, value)| value.split(','));
        parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    /// A whole number in the query; 400 if it is something else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Box<Reply>> {
        let Some(text) = self.param(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Box::new(Reply::not_converted(self, name, text))),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The JSON body; Jira's 400 and 415 if it is not one.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Box<Reply>> {
        let kind = self.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Err(Box::new(Reply::wrong_content_type(self, kind)));
        }
        if self.body.is_empty() {
            let text = "No content to map to Object due to end of input";
            return Err(Box::new(Reply::error_without_errors(400, text)));
        }
        let value: Value = serde_json::from_slice(&self.body).map_err(|_| {
            let text = "There was an error parsing JSON. Check that your request body is valid.";
            Box::new(Reply::error_without_errors(400, text))
        })?;
        serde_json::from_value(value).map_err(|_| {
            let text =
                "Invalid request payload. Refer to the REST API documentation and try again.";
            Box::new(Reply::error_without_errors(400, text))
        })
    }
}
