//! Routes about single issues and their changelogs and worklogs, and about many at once.

use bytes::Bytes;
use chrono::{Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::server::COST;
use super::model::Worklog;
use super::routes::page;
use super::search::{DEAD_TOKEN, hash, token_decode, token_encode};
use super::wire;
use super::world::{JiraWorld, Shown};
use crate::server::{Answer, Call, Paging, jira_error};
use crate::wire::{array, render};

const MISSING: &str = "Issue does not exist or you do not have permission to see it.";
const BAD_BODY: &str = "Invalid request payload. Refer to the REST API documentation and try again.";
/// Worklogs of one page of ids.
const CHANGED_PAGE: usize = 1000;

/// The index of a visible issue, by id, key or former key.
fn find(world: &JiraWorld, text: &str) -> Option<usize> {
    let found = world.facts.find(text).filter(|one| world.facts.is_visible(one))?;
    world.facts.issues.iter().position(|one| one.id == found.id)
}

pub(super) fn one(world: &JiraWorld, call: &Call, params: &[String], _: &Paging) -> Answer {
    let Some(index) = find(world, &params[0]) else { return jira_error(404, MISSING) };
    let fields = call.param("fields").unwrap_or("*all").split(',').map(str::to_owned).collect();
    let mut body = Vec::new();
    world.issue(index, &Shown::new(fields, call.param("expand").unwrap_or_default()), &mut body);
    Answer::json(Bytes::from(body)).header(COST, "1")
}

/// Oldest first, a hundred a page.
pub(super) fn changelog(world: &JiraWorld, call: &Call, params: &[String], _: &Paging) -> Answer {
    let Some(index) = find(world, &params[0]) else { return jira_error(404, MISSING) };
    let rows: Vec<Bytes> = world.histories(index).iter().map(|entry| entry[0].clone()).collect();
    page(world, call, &rows, 100, 100, "values")
}

pub(super) fn worklogs(world: &JiraWorld, call: &Call, params: &[String], _: &Paging) -> Answer {
    let Some(index) = find(world, &params[0]) else { return jira_error(404, MISSING) };
    let id = world.facts.issues[index].id;
    let rows: Vec<Bytes> = world.facts.worklogs.iter().filter(|one| one.issue == id).map(|one| worklog(world, one)).collect();
    page(world, call, &rows, 5000, 5000, "worklogs")
}

fn worklog(world: &JiraWorld, one: &Worklog) -> Bytes {
    render(&wire::worklog(&world.facts, &world.style, one))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bulk {
    issue_ids_or_keys: Vec<String>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    #[serde(default)]
    expand: Vec<String>,
}

/// Up to a hundred; what is not there is told apart.
pub(super) fn bulk(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Bulk>(&call.body) else { return jira_error(400, BAD_BODY) };
    if asked.issue_ids_or_keys.is_empty() || asked.issue_ids_or_keys.len() > 100 {
        return jira_error(400, "The number of issues must be between 1 and 100.");
    }
    let fields = asked.fields.unwrap_or_else(|| vec!["*navigable".to_owned()]);
    let shown = Shown::new(fields, &asked.expand.join(","));
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for wanted in &asked.issue_ids_or_keys {
        match find(world, wanted) {
            Some(index) => found.push(index),
            None => errors.push(json!({"id": wanted, "errorMessage": MISSING})),
        }
    }
    found.sort_unstable();
    found.dedup();
    let mut body = br#"{"expand":"schema,names","issues":["#.to_vec();
    for (n, index) in found.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        world.issue(*index, &shown, &mut body);
    }
    body.extend_from_slice(b"],\"issueErrors\":");
    body.extend_from_slice(&render(&errors));
    body.push(b'}');
    Answer::json(Bytes::from(body)).header(COST, found.len().to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changelogs {
    issue_ids_or_keys: Vec<String>,
    #[serde(default)]
    field_ids: Vec<String>,
    max_results: Option<usize>,
    next_page_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    epoch: u64,
    list: u64,
    start: usize,
}

/// Entries of all issues together, oldest first: one issue's may be spread over pages, between those of others.
pub(super) fn changelogs(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Changelogs>(&call.body) else { return jira_error(400, BAD_BODY) };
    changelog_page(world, &asked).unwrap_or_else(|answer| answer)
}

fn changelog_page(world: &JiraWorld, asked: &Changelogs) -> Result<Answer, Answer> {
    if asked.issue_ids_or_keys.is_empty() || asked.issue_ids_or_keys.len() > 1000 || asked.field_ids.len() > 10 {
        return Err(jira_error(400, "The number of issues must be between 1 and 1000, that of fields at most 10."));
    }
    let facts = &world.facts;
    let list = hash(&format!("{:?}{:?}", asked.issue_ids_or_keys, asked.field_ids));
    let mut issues: Vec<usize> = asked.issue_ids_or_keys.iter().filter_map(|wanted| find(world, wanted)).collect();
    issues.sort_unstable();
    issues.dedup();
    let wanted = |history: &super::model::History| {
        asked.field_ids.is_empty() || history.items.iter().any(|item| item.field_id.as_ref().is_some_and(|id| asked.field_ids.contains(id)))
    };
    let mut entries: Vec<(i64, u64, usize, usize)> = Vec::new();
    for index in issues {
        let issue = &facts.issues[index];
        let found = issue.histories.iter().enumerate().filter(|(_, one)| wanted(one));
        entries.extend(found.map(|(n, one)| (one.at.timestamp_millis(), issue.id, n, index)));
    }
    entries.sort_unstable();
    let start = match asked.next_page_token.as_deref() {
        None | Some("") => 0,
        Some(text) => {
            let token: Token = token_decode(text)?;
            if token.epoch != facts.token_epoch || token.list != list {
                return Err(jira_error(400, DEAD_TOKEN));
            }
            token.start
        }
    };
    let size = asked.max_results.unwrap_or(1000).clamp(1, 10_000);
    let size = size.min(world.page_cap.unwrap_or(size));
    let end = (start + size).min(entries.len());
    let shown = entries.get(start..end).unwrap_or_default();
    let mut grouped: Vec<(usize, Vec<&Bytes>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (_, _, n, index) in shown {
        let place = *places.entry(*index).or_insert_with(|| {
            grouped.push((*index, Vec::new()));
            grouped.len() - 1
        });
        grouped[place].1.push(&world.histories(*index)[*n][1]);
    }
    let mut body = br#"{"issueChangeLogs":["#.to_vec();
    for (n, (index, entries)) in grouped.into_iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        body.extend_from_slice(format!(r#"{comma}{{"issueId":"{}","changeHistories":"#, facts.issues[index].id).as_bytes());
        body.extend_from_slice(&array(entries));
        body.push(b'}');
    }
    body.push(b']');
    if end < entries.len() {
        let token = token_encode(&Token { epoch: facts.token_epoch, list, start: end });
        body.extend_from_slice(format!(r#","nextPageToken":"{token}""#).as_bytes());
    }
    body.push(b'}');
    Ok(Answer::json(Bytes::from(body)).header(COST, shown.len().to_string()))
}

fn since(call: &Call) -> i64 {
    call.param("since").and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Ids with their times, oldest first. The last minute is left out: it is still being written.
fn changed(world: &JiraWorld, call: &Call, mut rows: Vec<(i64, u64)>) -> Answer {
    let (since, now) = (since(call), (Utc::now() - Duration::minutes(1)).timestamp_millis());
    rows.retain(|(time, _)| (since..now).contains(time));
    rows.sort_unstable();
    let size = CHANGED_PAGE.min(world.page_cap.unwrap_or(CHANGED_PAGE));
    let mut end = size.min(rows.len());
    // Those of one millisecond come together, or a page could not be left.
    while end > 0 && end < rows.len() && rows[end].0 == rows[end - 1].0 {
        end += 1;
    }
    let last = end == rows.len();
    let until = if last { now } else { rows[end - 1].0 + 1 };
    let address = |since: i64| format!("{}{}?since={since}", world.style.origin, call.path);
    let values = rows[..end].iter().map(|(time, id)| json!({"worklogId": id, "updatedTime": time, "properties": []}));
    let mut body = json!({
        "values": values.collect::<Vec<_>>(), "since": since, "until": until, "self": address(since), "lastPage": last,
    });
    if !last {
        body["nextPage"] = json!(address(until));
    }
    Answer::json(render(&body)).header(COST, end.to_string())
}

pub(super) fn worklogs_updated(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    changed(world, call, world.facts.worklogs.iter().map(|one| (one.updated_at.timestamp_millis(), one.id)).collect())
}

pub(super) fn worklogs_deleted(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    changed(world, call, world.facts.deleted_worklogs.iter().map(|(id, at)| (at.timestamp_millis(), *id)).collect())
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<u64>,
}

/// What the token may not see is left out.
pub(super) fn worklog_list(world: &JiraWorld, call: &Call, _: &[String], _: &Paging) -> Answer {
    let Ok(Ids { ids }) = serde_json::from_slice(&call.body) else { return jira_error(400, BAD_BODY) };
    if ids.len() > 1000 {
        return jira_error(400, "At most 1000 worklogs can be asked for.");
    }
    let seen = |id: u64| world.facts.issue(id).is_some_and(|issue| world.facts.is_visible(issue));
    let found = world.facts.worklogs.iter().filter(|one| ids.contains(&one.id) && seen(one.issue));
    let rows: Vec<Bytes> = found.map(|one| worklog(world, one)).collect();
    Answer::json(array(&rows)).header(COST, rows.len().to_string())
}
