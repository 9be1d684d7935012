//! What only the first API has: groups, members, search by CQL. And what it no longer gives to access tokens.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::server::COST;
use super::routes::{Cursor, limit, list_of};
use super::world::WikiWorld;
use super::{
    cql::{self, Found},
    wire,
};
use crate::server::{Answer, Call, Paging};
use crate::wire::render;

type World = WikiWorld;

/// v1's errors.
fn error(status: u16, message: &str) -> Answer {
    let data = json!({"authorized": status != 403, "valid": false, "errors": [], "successful": false});
    Answer { status, ..Answer::json(render(&json!({"statusCode": status, "data": data, "message": message}))) }
}

/// `start` and `limit`; the next link is below `_links.base`.
fn page(world: &World, call: &Call, rows: &[Value], most: usize) -> Answer {
    let start: usize = call.param("start").and_then(|text| text.parse().ok()).unwrap_or(0).min(rows.len());
    let size = match limit(world, call, usize::MAX) {
        Ok(size) => size.min(most),
        Err(answer) => return answer,
    };
    let end = (start + size).min(rows.len());
    let mut links = json!({"base": world.base, "context": "/wiki"});
    if end < rows.len() {
        let path = call.path.find("/rest/").map_or("", |place| &call.path[place..]);
        links["next"] = json!(format!("{path}?limit={size}&start={end}"));
    }
    let body = json!({"results": rows[start..end], "start": start, "limit": size, "size": end - start, "_links": links});
    Answer::json(render(&body)).header(COST, (2 * (end - start)).to_string())
}

pub(super) fn groups(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let row = |one: &super::super::accounts::AccountGroup| json!({"type": "group", "name": one.name, "id": one.id, "_links": {}});
    let rows: Vec<Value> = world.facts.directory.groups.iter().map(row).collect();
    page(world, call, &rows, 200)
}

pub(super) fn members(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    let directory = &world.facts.directory;
    let Some(group) = directory.groups.iter().find(|one| one.id == params[0]) else { return error(404, "Group not found") };
    let rows: Vec<Value> = group.members.iter().map(|index| wire::user_v1(&directory.accounts[*index])).collect();
    page(world, call, &rows, 200)
}

pub(super) fn current(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let mut user = wire::user_v1(&world.facts.directory.accounts[world.facts.directory.token_account]);
    user["timeZone"] = json!(world.zone.name());
    Answer::json(render(&user))
}

pub(super) fn user(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let found = world.facts.directory.accounts.iter().find(|one| Some(one.id.as_str()) == call.param("accountId"));
    found.map_or_else(|| error(404, "No user found"), |one| Answer::json(render(&wire::user_v1(one))))
}

pub(super) fn user_search(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let rows: Vec<Value> = world
        .facts
        .directory
        .accounts
        .iter()
        .filter(|one| one.active)
        .map(|one| json!({"user": wire::user_v1(one), "title": one.name, "entityType": "user", "url": "", "score": 0.0}))
        .collect();
    page(world, call, &rows, 200)
}

/// By cursor only: the text of the query and the limit have to stay what they were.
pub(super) fn search(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    searched(world, call).unwrap_or_else(|answer| answer)
}

fn searched(world: &World, call: &Call) -> Result<Answer, Answer> {
    let text = call.param("cql").ok_or_else(|| error(400, "CQL query is required"))?;
    let query = cql::parse(world.zone, text).map_err(|message| error(400, &message))?;
    let size = limit(world, call, usize::MAX)?.min(200);
    let list = list_of(call);
    let mut rows = query.run(&world.facts);
    let total = rows.len();
    let start: usize = call.param("start").and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Some(cursor) = Cursor::of(world, call, list)? {
        rows.retain(|((key, id), _)| (*key, *id) > (cursor.after.0, cursor.after.2));
    }
    let more = rows.len() > size;
    rows.truncate(size);
    let shown: Vec<Value> = rows
        .iter()
        .map(|(_, found)| match found {
            Found::Document(index) => wire::found(&world.facts, &world.facts.documents[*index]),
            Found::Comment(index) => wire::found_comment(&world.facts.comments[*index]),
        })
        .collect();
    let mut links = json!({"base": world.base, "context": "/wiki"});
    if let (Some(((key, id), _)), true) = (rows.last(), more) {
        let cursor = Cursor { epoch: world.facts.token_epoch, list, after: (*key, String::new(), *id), empties: 0 }.encode();
        let kept = call.query.iter().filter(|(key, _)| !["cursor", "next", "start"].contains(&key.as_str()));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", "true")
            .append_pair("cursor", &cursor)
            .extend_pairs(kept)
            .append_pair("start", &(start + size).to_string())
            .finish();
        links["next"] = json!(format!("/rest/api/search?{query}"));
    }
    let body = json!({
        "results": shown, "start": start, "limit": size, "size": shown.len(), "totalSize": total, "cqlQuery": text, "searchDuration": 7,
        "_links": links,
    });
    Ok(Answer::json(render(&body)).header(COST, shown.len().to_string()))
}

/// Gone for access tokens; still there for API tokens, which is how one comes to build on it by mistake.
pub(super) fn content(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    if call.header("authorization").is_some_and(|header| header.starts_with("Bearer ")) {
        return error(410, "This deprecated endpoint has been removed.");
    }
    let rows: Vec<Value> = world
        .facts
        .documents
        .iter()
        .filter(|one| one.status == "current" && world.facts.is_visible(one) && params.first().is_none_or(|id| *id == one.id.to_string()))
        .map(|one| wire::found(&world.facts, one)["content"].clone())
        .collect();
    match (params.is_empty(), rows.first()) {
        (false, Some(row)) => Answer::json(Bytes::from(row.to_string())),
        (false, None) => error(404, "No content found"),
        _ => page(world, call, &rows, 100),
    }
}
