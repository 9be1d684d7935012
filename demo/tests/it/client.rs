//! A naive GitLab client, and companies to try it on.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, ServerOptions};
use reqwest::Response;
use serde_json::Value;

pub fn as_of() -> DateTime<Utc> {
    "2026-03-18T10:00:00Z".parse().unwrap()
}

pub fn small() -> Company {
    Company::generate(&CompanyOptions { seed: 7, as_of: as_of(), size: CompanySize::small() })
}

/// Generated once: it is the slow one.
pub fn full() -> Company {
    static FULL: OnceLock<Company> = OnceLock::new();
    FULL.get_or_init(|| Company::generate(&CompanyOptions { seed: 7, as_of: as_of(), size: CompanySize::full() })).clone()
}

pub fn serve(company: Company) -> DemoServer {
    DemoServer::start(company, ServerOptions::default()).unwrap()
}

pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub fn new(server: &DemoServer) -> Self {
        Self::at(server.base_url(), server.token())
    }

    pub fn at(base: &str, token: &str) -> Self {
        // Already installed by another test: fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), token: token.to_owned() }
    }

    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/api/v4{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.request(path).header("PRIVATE-TOKEN", &self.token).send().await
    }

    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.get(path).await.unwrap().status().as_u16()
    }

    /// All rows of an offset list, page by page until `x-next-page` is empty.
    pub async fn walk(&self, path: &str) -> Vec<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut page) = (Vec::new(), "1".to_owned());
        while !page.is_empty() {
            let response = self.get(&format!("{path}{mark}page={page}")).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            page = header(&response, "x-next-page");
            let mut more: Vec<Value> = response.json().await.unwrap();
            rows.append(&mut more);
        }
        rows
    }

    /// All rows of a keyset list, and how many pages they took.
    pub async fn walk_keyset(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut rows, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
        while let Some(path) = next {
            let response = self.get(&path).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            assert!(response.headers().get("x-total").is_none() && response.headers().get("x-next-page").is_none());
            let link = header(&response, "link");
            next = (!link.is_empty()).then(|| link.split("/api/v4").nth(1).unwrap().split('>').next().unwrap().to_owned());
            assert!(next.is_none() || link.ends_with("rel=\"next\"") && !link.contains(','));
            let mut more: Vec<Value> = response.json().await.unwrap();
            rows.append(&mut more);
            pages += 1;
        }
        (rows, pages)
    }
}

pub fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Ids as text, in order.
pub fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].to_string()).collect()
}

/// Rows by id; fails if one comes twice.
pub fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    let count = rows.len();
    let map: BTreeMap<String, Value> = rows.into_iter().map(|row| (row["id"].to_string(), row)).collect();
    assert_eq!(map.len(), count, "a row came twice");
    map
}

pub fn encoded(path: &str) -> String {
    path.replace('/', "%2F")
}
