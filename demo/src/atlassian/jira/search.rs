//! `search/jql`: tokens, selected fields, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::server::COST;
use super::jql::{self, Position};
use super::world::{JiraWorld, Shown};
use crate::company::dice::mix;
use crate::server::{Answer, Call, Paging, jira_error};
use crate::wire::render;

/// A page token: which list, and the last row seen. Rows that move while the list is walked neither shift nor repeat others.
#[derive(Serialize, Deserialize)]
struct Token {
    epoch: u64,
    list: u64,
    after: Position,
}

pub(super) const DEAD_TOKEN: &str = "The provided next page token is invalid or expired.";

pub(super) fn token_encode<T: Serialize>(token: &T) -> String {
    URL_SAFE_NO_PAD.encode(render(token))
}

pub(super) fn token_decode<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, Answer> {
    let read = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    read(text).ok_or_else(|| jira_error(400, DEAD_TOKEN))
}

pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(17, |hash, byte| mix(hash, u64::from(byte)))
}

/// The parameters, from the query or the body.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    jql: String,
    next_page_token: Option<String>,
    max_results: Option<i64>,
    fields: Option<Vec<String>>,
    expand: Option<String>,
    reconcile_issues: Vec<u64>,
}

/// Values of an array parameter, repeated or separated by commas.
fn several(call: &Call, name: &str) -> Vec<String> {
    let values = call.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
    values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

fn asked(call: &Call) -> Result<Asked, Answer> {
    if call.method == "POST" {
        return serde_json::from_slice(&call.body)
            .map_err(|_| jira_error(400, "Invalid request payload. Refer to the REST API documentation."));
    }
    let fields = several(call, "fields");
    let number = |text: &str| text.parse().map_err(|_| jira_error(400, "maxResults is not a number."));
    Ok(Asked {
        jql: call.param("jql").unwrap_or_default().to_owned(),
        next_page_token: call.param("nextPageToken").map(str::to_owned),
        max_results: call.param("maxResults").map(number).transpose()?,
        fields: (!fields.is_empty()).then_some(fields),
        expand: call.param("expand").map(str::to_owned),
        reconcile_issues: several(call, "reconcileIssues").iter().filter_map(|id| id.parse().ok()).collect(),
    })
}

pub(super) fn jql(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    asked(call).and_then(|asked| found(world, &asked)).unwrap_or_else(|answer| answer)
}

fn found(world: &JiraWorld, asked: &Asked) -> Result<Answer, Answer> {
    let facts = &world.facts;
    let query = jql::parse(facts, world.style.zone, &asked.jql).map_err(|message| jira_error(400, &message))?;
    let size = asked.max_results.unwrap_or(50);
    if !(0..=5000).contains(&size) || asked.reconcile_issues.len() > 50 {
        return Err(jira_error(400, "maxResults must be between 0 and 5000, reconcileIssues at most 50."));
    }
    let fields = asked.fields.clone().unwrap_or_else(|| vec!["id".to_owned()]);
    let expand = asked.expand.clone().unwrap_or_default();
    let list = hash(&format!("{}\n{}\n{expand}", asked.jql, fields.join(",")));
    let shown = Shown::new(fields, &expand);
    let size = usize::try_from(size).unwrap_or(50).min(if shown.is_bare() { 5000 } else { 100 });
    let size = size.min(world.page_cap.unwrap_or(size)).max(1);
    let mut rows = query.run(facts);
    if let Some(text) = asked.next_page_token.as_deref().filter(|text| !text.is_empty()) {
        let token: Token = token_decode(text)?;
        if token.epoch != facts.token_epoch || token.list != list {
            return Err(jira_error(400, DEAD_TOKEN));
        }
        rows.retain(|(position, _)| *position > token.after);
    }
    let is_last = rows.len() <= size;
    rows.truncate(size);
    let mut body = Vec::with_capacity(rows.len() * 4096);
    body.extend_from_slice(br#"{"issues":["#);
    for (n, (_, index)) in rows.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        world.issue(*index, &shown, &mut body);
    }
    body.push(b']');
    if let (Some((after, _)), false) = (rows.last(), is_last) {
        let token = Token { epoch: facts.token_epoch, list, after: after.clone() };
        body.extend_from_slice(format!(r#","nextPageToken":"{}""#, token_encode(&token)).as_bytes());
    }
    body.extend_from_slice(format!(r#","isLast":{is_last}}}"#).as_bytes());
    Ok(Answer::json(Bytes::from(body)).header(COST, rows.len().to_string()))
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    jql: String,
}

pub(super) fn count(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    let Ok(Counted { jql }) = serde_json::from_slice(&call.body) else { return jira_error(400, "Invalid request payload.") };
    match jql::parse(&world.facts, world.style.zone, &jql) {
        Ok(query) => Answer::json(render(&json!({"count": query.run(&world.facts).len()}))),
        Err(message) => jira_error(400, &message),
    }
}
