//! A naive client of the Atlassian stand-ins.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ovia_demo::{Company, ConfluenceServer, JiraServer, SiteOptions};
use reqwest::Response;
use serde_json::{Value, json};

pub fn jira(company: &Company) -> JiraServer {
    JiraServer::start(company, SiteOptions::default()).unwrap()
}

pub fn confluence(company: &Company) -> ConfluenceServer {
    ConfluenceServer::start(company, SiteOptions::default()).unwrap()
}

pub struct Site {
    http: reqwest::Client,
    pub base: String,
    user: Option<(String, String)>,
    bearer: Option<String>,
}

impl Site {
    fn at(base: &str, user: Option<(String, String)>, bearer: Option<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), user, bearer }
    }

    pub fn basic(base: &str, email: &str, token: &str) -> Self {
        Self::at(base, Some((email.to_owned(), token.to_owned())), None)
    }

    pub fn bearer(base: &str, token: &str) -> Self {
        Self::at(base, None, Some(token.to_owned()))
    }

    pub fn of_jira(server: &JiraServer) -> Self {
        Self::basic(server.base_url(), server.email(), server.api_token())
    }

    /// Of the site, so that paths begin with `/wiki`.
    pub fn of_confluence(server: &ConfluenceServer) -> Self {
        Self::basic(server.base_url().trim_end_matches("/wiki"), server.email(), server.api_token())
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match (&self.user, &self.bearer) {
            (Some((email, token)), _) => request.basic_auth(email, Some(token)),
            (_, Some(token)) => request.bearer_auth(token),
            _ => request,
        }
    }

    pub async fn send(&self, path: &str) -> reqwest::Result<Response> {
        self.signed(self.http.get(format!("{}{path}", self.base))).send().await
    }

    /// Status and JSON of a GET.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.send(path).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The JSON of a GET that has to succeed.
    pub async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.signed(self.http.post(format!("{}{path}", self.base)).json(body)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// All rows of a page bean.
    pub async fn beans(&self, path: &str, size: usize) -> Vec<Value> {
        let (mut rows, mark) = (Vec::new(), if path.contains('?') { '&' } else { '?' });
        loop {
            let page = self.ok(&format!("{path}{mark}startAt={}&maxResults={size}", rows.len())).await;
            let values = page["values"].as_array().or(page["worklogs"].as_array()).unwrap().clone();
            rows.extend(values);
            assert_eq!(page["isLast"] == true, page.get("nextPage").is_none());
            if page["isLast"] == true {
                assert_eq!(page["total"], rows.len());
                return rows;
            }
        }
    }

    /// All issues a query finds, page by page.
    pub async fn search(&self, jql: &str, fields: &[&str], size: usize) -> Vec<Value> {
        let (mut rows, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut body = json!({"jql": jql, "fields": fields, "maxResults": size});
            if let Some(token) = &token {
                body["nextPageToken"] = json!(token);
            }
            let (status, page) = self.post("/rest/api/3/search/jql", &body).await;
            assert_eq!(status, 200, "{jql}: {page}");
            assert!(page.get("total").is_none() && page.get("startAt").is_none());
            rows.extend(page["issues"].as_array().unwrap().clone());
            token = page.get("nextPageToken").map(|token| token.as_str().unwrap().to_owned());
            assert_eq!(page["isLast"] == true, token.is_none());
            if token.is_none() {
                return rows;
            }
        }
    }

    /// All rows of a v2 list of Confluence, by the links it gives.
    pub async fn walk(&self, path: &str) -> Vec<Value> {
        let (mut rows, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let answer = self.send(&path).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let page: Value = answer.json().await.unwrap();
            rows.extend(page["results"].as_array().unwrap().clone());
            assert!(page["_links"]["base"].as_str().unwrap().ends_with("/wiki"));
            next = page["_links"]["next"].as_str().map(str::to_owned);
            assert_eq!(link.is_some(), next.is_some());
            if let (Some(link), Some(next)) = (link, &next) {
                assert!(next.starts_with("/wiki/api/v2/") && link.starts_with(&format!("<{next}>; rel=\"next\"")), "{link}");
            }
        }
        rows
    }

    /// All rows of a v1 search, by cursor; its links are relative to the base.
    pub async fn cql(&self, cql: &str, limit: usize) -> Vec<Value> {
        let query = url_encoded(&[("cql", cql), ("limit", &limit.to_string())]);
        let (mut rows, mut next) = (Vec::new(), Some(format!("/wiki/rest/api/search?{query}")));
        while let Some(path) = next {
            let page = self.ok(&path).await;
            rows.extend(page["results"].as_array().unwrap().clone());
            next = page["_links"]["next"].as_str().map(|next| {
                assert!(next.starts_with("/rest/api/search?"));
                format!("/wiki{next}")
            });
        }
        rows
    }
}

pub fn url_encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Rows by their `id`; fails if one comes twice.
pub fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    let count = rows.len();
    let id = |row: &Value| row["id"].as_str().map_or_else(|| row["id"].to_string(), str::to_owned);
    let map: BTreeMap<String, Value> = rows.into_iter().map(|row| (id(&row), row)).collect();
    assert_eq!(map.len(), count, "a row came twice");
    map
}

/// `2021-03-28T16:06:08.713+0800`.
pub fn time(value: &Value) -> DateTime<Utc> {
    DateTime::parse_from_str(value.as_str().unwrap(), "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap().with_timezone(&Utc)
}
