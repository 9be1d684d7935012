//! A stand-in for a Confluence site, with a clock, a time zone, and rows that can change between two requests.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{error, ok, parameter};

/// A page, blog post or comment.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: u64,
    /// `page`, `blogpost`, `comment`.
    pub kind: &'static str,
    pub space: u64,
    pub status: &'static str,
    pub version: i64,
    pub modified: DateTime<Utc>,
    pub body: String,
}

#[derive(Debug)]
pub struct State {
    pub now: DateTime<Utc>,
    pub zone: Tz,
    /// Whether accounts show their time zone.
    pub shows_zone: bool,
    /// The server's own limit of a page.
    pub max_limit: usize,
    pub items: Vec<Item>,
    pub spaces: Vec<Value>,
    /// Cursors given out before the last restart are dead.
    pub dead_cursors: bool,
    /// The search does not see changes younger than this.
    pub index_lag: TimeDelta,
}

#[derive(Clone, Debug)]
pub struct Site {
    state: Arc<Mutex<State>>,
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn space(id: u64, key: &str, kind: &str, status: &str) -> Value {
    json!({"id": id.to_string(), "key": key, "name": format!("{key} space"), "type": kind, "status": status, "authorId": "acc-1",
        "createdAt": "2025-01-02T03:04:05.000Z", "homepageId": "1", "_links": {"webui": format!("/spaces/{key}")}})
}

impl Site {
    /// Space 1, `DOCS`, with pages `1..=pages`.
    pub fn new(pages: u64) -> Self {
        let now = at("2026-06-01T12:00:00Z");
        let items = (1..=pages)
            .map(|id| Item {
                id,
                kind: "page",
                space: 1,
                status: "current",
                version: 1,
                modified: now - TimeDelta::days(10) + TimeDelta::minutes(id as i64),
                body: format!("<p>Page {id}</p>"),
            })
            .collect();
        let state = State {
            now,
            zone: Tz::UTC,
            shows_zone: true,
            max_limit: 250,
            items,
            spaces: vec![space(1, "DOCS", "global", "current")],
            dead_cursors: false,
            index_lag: TimeDelta::zero(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Time passes.
    pub fn wait(&self, time: TimeDelta) {
        self.state().now += time;
    }

    /// An item is edited now.
    pub fn edit(&self, id: u64) {
        let mut state = self.state();
        let now = state.now;
        let item = state.items.iter_mut().find(|item| item.id == id).unwrap();
        item.version += 1;
        item.modified = now;
    }

    pub fn set_status(&self, id: u64, status: &'static str) {
        self.state().items.iter_mut().find(|item| item.id == id).unwrap().status = status;
    }

    pub fn add(&self, id: u64, kind: &'static str) {
        let mut state = self.state();
        let modified = state.now;
        state.items.push(Item { id, kind, space: 1, status: "current", version: 1, modified, body: String::new() });
    }

    pub async fn start(&self) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(self.clone()).mount(&server).await;
        server
    }
}

impl Item {
    fn json(&self, with_body: bool) -> Value {
        let version = json!({"number": self.version, "createdAt": self.modified, "authorId": "acc-2", "minorEdit": false, "message": ""});
        let mut row = json!({"id": self.id.to_string(), "status": self.status, "title": format!("{} {}", self.kind, self.id),
            "version": version, "_links": {"webui": format!("/x/{}", self.id)}});
        match self.kind {
            "comment" => row["pageId"] = json!("1"),
            _ => {
                row["spaceId"] = json!(self.space.to_string());
                row["authorId"] = json!("acc-1");
                row["createdAt"] = json!("2026-01-01T00:00:00.000Z");
                row["body"] = if with_body { json!({"storage": {"representation": "storage", "value": self.body}}) } else { json!({}) };
            }
        }
        row
    }
}

impl Respond for Site {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let state = self.state();
        let path = request.url.path().trim_start_matches("/wiki").to_owned();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let answer = match segments.as_slice() {
            ["api", "v2", rest @ ..] => state.v2(rest, request),
            ["rest", "api", "user", "current"] => {
                let zone = state.shows_zone.then(|| state.zone.name());
                ok(json!({"type": "known", "accountId": "acc-9", "displayName": "Sync", "timeZone": zone}))
            }
            ["rest", "api", "search"] => state.search(request),
            _ => error(404, "no such path"),
        };
        let date = state.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        answer.insert_header("date", date.as_str())
    }
}

impl State {
    fn v2(&self, path: &[&str], request: &Request) -> ResponseTemplate {
        let statuses = all(request, "status");
        let shown = |item: &Item| statuses.is_empty() || statuses.iter().any(|status| status == item.status);
        let with_body = parameter(request, "body-format").as_deref() == Some("storage");
        let kind_of = |segment: &str| match segment {
            "pages" => Some("page"),
            "blogposts" => Some("blogpost"),
            "footer-comments" => Some("comment"),
            _ => None,
        };
        match path {
            ["spaces"] => {
                let keys = all(request, "keys");
                let wanted = |space: &&Value| {
                    (keys.is_empty() || keys.iter().any(|key| space["key"] == key.as_str()))
                        && (statuses.is_empty() || statuses.iter().any(|status| space["status"] == status.as_str()))
                };
                let rows = self.spaces.iter().filter(wanted).cloned().map(|row| (row["id"].as_str().unwrap().parse().unwrap(), row));
                self.page(request, rows.collect())
            }
            ["spaces", id] => {
                self.spaces.iter().find(|space| space["id"] == *id).map_or_else(|| error(404, "gone"), |space| ok(space.clone()))
            }
            ["spaces", space, list] if kind_of(list).is_some() => {
                if !self.spaces.iter().any(|row| row["id"] == *space) {
                    return error(404, "gone");
                }
                let rows =
                    self.items.iter().filter(|item| Some(item.kind) == kind_of(list) && item.space.to_string() == *space && shown(item));
                self.page(request, rows.map(|item| (item.id, item.json(with_body))).collect())
            }
            [list] if kind_of(list).is_some() => {
                let ids = all(request, "id");
                let rows = self.items.iter().filter(|item| Some(item.kind) == kind_of(list) && shown(item));
                let rows = rows.filter(|item| ids.contains(&item.id.to_string()));
                self.page(request, rows.map(|item| (item.id, item.json(with_body))).collect())
            }
            [list, id] if kind_of(list).is_some() => {
                let found = self.items.iter().find(|item| Some(item.kind) == kind_of(list) && item.id.to_string() == *id && shown(item));
                found.map_or_else(|| error(404, "gone"), |item| ok(item.json(with_body)))
            }
            _ => error(404, "no such path"),
        }
    }

    /// A page behind the cursor's id, with the links Confluence makes.
    fn page(&self, request: &Request, mut rows: Vec<(u64, Value)>) -> ResponseTemplate {
        let Some(limit) = self.limit(request) else { return error(400, "limit is too large") };
        let after = parameter(request, "cursor");
        if after.is_some() && self.dead_cursors {
            return error(400, "the cursor is not valid");
        }
        let after: u64 = after.and_then(|cursor| cursor.strip_prefix("behind=")?.parse().ok()).unwrap_or(0);
        rows.sort_by_key(|(id, _)| *id);
        rows.retain(|(id, _)| *id > after);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut links = json!({"base": "https://acme.example/wiki"});
        if more {
            let cursor: String = url::form_urlencoded::byte_serialize(format!("behind={}", rows.last().unwrap().0).as_bytes()).collect();
            links["next"] = json!(format!("{}?limit={limit}&cursor={cursor}", request.url.path()));
        }
        ok(json!({"results": rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), "_links": links}))
    }

    fn limit(&self, request: &Request) -> Option<usize> {
        let limit: usize = parameter(request, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(25);
        (limit <= 250).then(|| limit.min(self.max_limit))
    }

    /// CQL as far as it is asked here. A cursor only goes with the question and the limit it was made for.
    fn search(&self, request: &Request) -> ResponseTemplate {
        let (Some(cql), Some(limit)) = (parameter(request, "cql"), self.limit(request)) else { return error(400, "limit or cql") };
        let Some(kind) = between(&cql, "type = ", " ") else { return error(400, "no type") };
        let since = between(&cql, "lastModified >= \"", "\"").map(|text| {
            let local = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").unwrap();
            // The later one of two, the worse for those who ask.
            self.zone.from_local_datetime(&local).latest().map_or_else(|| Utc.from_utc_datetime(&local), |time| time.to_utc())
        });
        let frozen = format!("{cql}/{limit}");
        let after: Option<(i64, u64)> = match parameter(request, "cursor") {
            None => None,
            Some(_) if self.dead_cursors => return error(400, "the cursor is not valid"),
            Some(cursor) => {
                let parts: Vec<&str> = cursor.splitn(3, '|').collect();
                if parts[2] != frozen {
                    return error(400, "the cursor is of another question");
                }
                Some((parts[0].parse().unwrap(), parts[1].parse().unwrap()))
            }
        };
        let key = between(&cql, "space = \"", "\"").unwrap_or_default();
        let space = self.spaces.iter().find(|space| space["key"] == key.as_str()).and_then(|space| space["id"].as_str()?.parse().ok());
        let minute = |time: DateTime<Utc>| time.timestamp().div_euclid(60);
        let mut found: Vec<&Item> = self.items.iter().filter(|item| item.kind == kind && Some(item.space) == space).collect();
        found.retain(|item| item.status == "current" && item.modified <= self.now - self.index_lag);
        found.retain(|item| since.is_none_or(|since| minute(item.modified) >= minute(since)));
        found.sort_by_key(|item| (item.modified.timestamp_millis(), item.id));
        found.retain(|item| after.is_none_or(|after| (item.modified.timestamp_millis(), item.id) > after));
        let more = found.len() > limit;
        found.truncate(limit);
        let rows: Vec<Value> =
            found.iter().map(|item| json!({"content": {"id": item.id.to_string(), "type": kind, "status": "current"}})).collect();
        let mut links = json!({"base": "https://acme.example/wiki", "context": "/wiki"});
        if let (true, Some(last)) = (more, found.last()) {
            let cursor = format!("{}|{}|{frozen}", last.modified.timestamp_millis(), last.id);
            let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            links["next"] = json!(format!("/rest/api/search?next=true&cursor={cursor}&limit={limit}&start={limit}&cql=elsewhere"));
        }
        ok(json!({"results": rows, "start": 0, "limit": limit, "size": rows.len(), "totalSize": 99, "_links": links}))
    }
}

fn all(request: &Request, name: &str) -> Vec<String> {
    request.url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let from = text.find(before)? + before.len();
    let rest = &text[from..];
    Some(rest[..rest.find(after)?].to_owned())
}
