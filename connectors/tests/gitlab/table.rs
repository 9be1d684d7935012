//! A list endpoint over rows in memory, with the paging headers of the server's choice.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use crate::support::parameter;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Headers {
    /// `x-*` and `Link`.
    All,
    /// As above 10,000 rows: no `x-total*`, no `rel="last"`.
    NoTotals,
    /// Only `Link`, with page numbers, its host an internal one.
    ForeignLink,
    /// None at all.
    None,
    /// Keyset: only `Link` with a cursor; a full last page still carries one.
    Keyset,
}

#[derive(Clone)]
pub struct Table {
    pub rows: Arc<Mutex<Vec<Value>>>,
    pub headers: Headers,
    /// The server's own limit, below what is asked for.
    pub max_per_page: usize,
    pub honours_filters: bool,
    /// Times in filters are cut down to whole seconds.
    pub cuts_fractions: bool,
}

impl Table {
    pub fn new(rows: Vec<Value>, headers: Headers) -> Self {
        Self { rows: Arc::new(Mutex::new(rows)), headers, max_per_page: 100, honours_filters: true, cuts_fractions: false }
    }

    /// Changes the rows between two requests.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        change(&mut self.rows.lock().unwrap())
    }

    fn selected(&self, request: &Request) -> Vec<Value> {
        let mut rows = self.rows.lock().unwrap().clone();
        if !self.honours_filters {
            return rows;
        }
        let field = parameter(request, "order_by").unwrap_or_else(|| "id".into());
        for (filter, field, is_after) in [
            ("updated_after", "updated_at", true),
            ("created_after", "created_at", true),
            ("updated_before", "updated_at", false),
            ("created_before", "created_at", false),
        ] {
            let Some(mut bound) = parameter(request, filter) else { continue };
            if self.cuts_fractions {
                bound = format!("{}.000Z", &bound[..19]);
            }
            // As the database does: null is neither after nor before. Both ends are included.
            rows.retain(|row| {
                row[field].as_str().is_some_and(|time| if is_after { time >= bound.as_str() } else { time <= bound.as_str() })
            });
        }
        if let Some(state) = parameter(request, "state").filter(|state| state != "all") {
            rows.retain(|row| row["state"] == *state);
        }
        rows.sort_by_key(|row| (row[&field].is_null(), row[&field].as_str().unwrap_or_default().to_owned(), row["id"].as_i64()));
        if parameter(request, "sort").as_deref() == Some("desc") {
            rows.reverse();
        }
        rows
    }
}

impl Respond for Table {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let rows = self.selected(request);
        let size = parameter(request, "per_page").map_or(20, |size| size.parse().unwrap()).min(self.max_per_page);
        let keyset = self.headers == Headers::Keyset;
        let place = parameter(request, "page").map_or(1, |page| page.parse::<usize>().unwrap());
        let page: Vec<Value> = match parameter(request, "cursor").map(|cursor| cursor.parse::<i64>().unwrap()) {
            Some(before) if keyset => rows.iter().filter(|row| row["id"].as_i64() < Some(before)).take(size).cloned().collect(),
            _ => rows.iter().skip((place - 1) * size).take(size).cloned().collect(),
        };
        let more = if keyset { page.len() == size } else { place * size < rows.len() };
        let onwards = if keyset { page.last().map_or_else(String::new, |row| row["id"].to_string()) } else { (place + 1).to_string() };
        let template = ResponseTemplate::new(200).set_body_json(json!(page));
        // As GitLab does: the request's own query, with the place replaced.
        let link = |host: &str, parameter: &str| {
            let kept = request.url.query_pairs().filter(|(name, _)| name != "page" && name != "cursor");
            let query: String =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair(parameter, &onwards).finish();
            format!("<{host}{}?{query}>; rel=\"next\"", request.url.path())
        };
        match self.headers {
            Headers::All | Headers::NoTotals => {
                let next = if more { (place + 1).to_string() } else { String::new() };
                let template = template.insert_header("x-next-page", next).insert_header("x-page", place.to_string());
                let template = template.insert_header("x-per-page", size.to_string());
                if self.headers == Headers::NoTotals { template } else { template.insert_header("x-total", rows.len().to_string()) }
            }
            Headers::ForeignLink if more => template.insert_header("link", link("http://gitlab.internal.invalid", "page")),
            Headers::Keyset if more => template.insert_header("link", link("http://gitlab.internal.invalid", "cursor")),
            Headers::ForeignLink => template.insert_header("link", "<http://gitlab.internal.invalid/x?page=1>; rel=\"first\""),
            Headers::None | Headers::Keyset => template,
        }
    }
}

/// An issue row; `second` of 2026-01-01 is when it was updated.
pub fn issue(id: i64, second: i64) -> Value {
    json!({"id": id, "iid": id, "project_id": 7, "title": format!("Issue {id}"), "state": "opened",
        "created_at": stamp(0), "updated_at": stamp(second), "author": {"id": 1, "username": "ada", "name": "Ada Example", "state": "active"}})
}

pub fn merge_request(id: i64, second: i64, state: &str, sha: &str) -> Value {
    json!({"id": id, "iid": id, "project_id": 7, "source_project_id": 7, "target_project_id": 7, "title": format!("Change {id}"),
        "state": state, "sha": sha, "draft": false, "created_at": stamp(id), "updated_at": stamp(second)})
}

pub fn pipeline(id: i64, second: Option<i64>) -> Value {
    json!({"id": id, "iid": id, "project_id": 7, "status": "success", "source": "push", "ref": "main", "sha": "abc", "created_at": stamp(0), "updated_at": second.map(stamp)})
}

/// `second` with a fraction, as most real times have.
pub fn at(millis: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(1_767_225_600_000 + millis).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

pub fn job(id: i64) -> Value {
    json!({"id": id, "name": "unit", "stage": "test", "status": "success", "created_at": stamp(id), "duration": null, "pipeline": {"id": 5}})
}

pub fn stamp(second: i64) -> String {
    let time = chrono::DateTime::from_timestamp(1_767_225_600 + second, 0).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
