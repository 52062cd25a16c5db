//! A running simulator and somebody who asks it.

use reqwest::header::HeaderMap;
use serde_json::Value;
use sim::{Account, NewIssue, Options, Sim};

pub(crate) struct Desk {
    pub(crate) sim: Sim,
    pub(crate) http: reqwest::Client,
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let sim = Sim::start(options).await.unwrap();
        sim.knobs().change(|knobs| knobs.short_pages = 0.0);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { sim, http }
    }

    /// Makes an issue and answers its key.
    pub(crate) fn issue(&self, summary: &str) -> String {
        self.sim.site().create(NewIssue::new("SUPPORT", summary)).unwrap().key
    }

    /// Asks as the main account, below `/rest/api/3`.
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.get_as(&Account::main(), &format!("{}/rest/api/3{path}", self.sim.url())).await
    }

    pub(crate) async fn get_as(&self, account: &Account, url: &str) -> Got {
        let request = self.http.get(url).basic_auth(&account.email, Some(&account.token));
        got(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        let account = Account::main();
        let url = format!("{}/rest/api/3{path}", self.sim.url());
        let request = self.http.post(url).basic_auth(&account.email, Some(&account.token));
        got(request.json(body)).await
    }
}

pub(crate) async fn got(request: reqwest::RequestBuilder) -> Got {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.bytes().await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Got { status, headers, json }
}

/// The ids of a list, as numbers.
pub(crate) fn ids(list: &Value) -> Vec<i64> {
    let rows = list.as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect()
}
