//! Every route of the Confluence site: v2, and what v2 has nothing for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::server::COST;
use super::model::Document;
use super::world::WikiWorld;
use super::{v1, wire};
use crate::company::dice::mix;
use crate::server::{Answer, Call, Paging, Rewrite, Route, confluence_error};
use crate::wire::{array, merge_objects, render};

type World = WikiWorld;

pub(super) const ROUTES: &[Route<World>] = &[
    Route("/wiki/api/v2/spaces", spaces),
    Route("/wiki/api/v2/spaces/:space", space),
    Route("/wiki/api/v2/spaces/:space/pages", space_pages),
    Route("/wiki/api/v2/spaces/:space/blogposts", space_blogposts),
    Route("/wiki/api/v2/pages", pages),
    Route("/wiki/api/v2/pages/:page", page),
    Route("/wiki/api/v2/pages/:page/versions", versions),
    Route("/wiki/api/v2/pages/:page/labels", labels),
    Route("/wiki/api/v2/pages/:page/footer-comments", footer),
    Route("/wiki/api/v2/pages/:page/inline-comments", inline),
    Route("/wiki/api/v2/blogposts", blogposts),
    Route("/wiki/api/v2/blogposts/:page", blogpost),
    Route("/wiki/api/v2/blogposts/:page/versions", versions),
    Route("/wiki/api/v2/blogposts/:page/labels", labels),
    Route("/wiki/api/v2/blogposts/:page/footer-comments", footer),
    Route("/wiki/api/v2/blogposts/:page/inline-comments", inline),
    Route("/wiki/api/v2/footer-comments", all_footer),
    Route("/wiki/api/v2/inline-comments", all_inline),
    Route("/wiki/api/v2/footer-comments/:comment", footer_comment),
    Route("/wiki/api/v2/inline-comments/:comment", inline_comment),
    Route("/wiki/api/v2/footer-comments/:comment/children", replies),
    Route("/wiki/api/v2/inline-comments/:comment/children", replies),
    Route("/wiki/api/v2/users-bulk", users),
    Route("/wiki/rest/api/group", v1::groups),
    Route("/wiki/rest/api/group/:group/membersByGroupId", v1::members),
    Route("/wiki/rest/api/user/current", v1::current),
    Route("/wiki/rest/api/user", v1::user),
    Route("/wiki/rest/api/search", v1::search),
    Route("/wiki/rest/api/search/user", v1::user_search),
    Route("/wiki/rest/api/content", v1::content),
    Route("/wiki/rest/api/content/:page", v1::content),
];

/// A row's place in its list: a number and a text, and the id.
type Position = (i64, String, i64);

#[derive(Serialize, Deserialize)]
pub(super) struct Cursor {
    pub epoch: u64,
    pub list: u64,
    pub after: Position,
    /// How often a page behind this place was shown without its rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub empties: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Cursor {
    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(render(self))
    }

    /// The cursor of a call, if it has one and it is of this list and not dead.
    pub(super) fn of(world: &World, call: &Call, list: u64) -> Result<Option<Self>, Answer> {
        let Some(text) = call.param("cursor").filter(|text| !text.is_empty()) else { return Ok(None) };
        let read: Option<Self> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let cursor = read.filter(|cursor| cursor.epoch == world.facts.token_epoch && cursor.list == list);
        cursor.map(Some).ok_or_else(|| confluence_error(400, "Provided cursor is invalid."))
    }
}

/// What makes two calls ask for the same list: the path and everything but the cursor.
pub(super) fn list_of(call: &Call) -> u64 {
    let mut text = call.path.clone();
    for (key, value) in call.query.iter().filter(|(key, _)| !["cursor", "next", "start"].contains(&key.as_str())) {
        text.push_str(&format!("\n{key}={value}"));
    }
    text.bytes().fold(23, |hash, byte| mix(hash, u64::from(byte)))
}

pub(super) fn limit(world: &World, call: &Call, most: usize) -> Result<usize, Answer> {
    let limit = match call.param("limit") {
        None | Some("") => 25,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| confluence_error(400, &format!("Provided value {{{text}}} for 'limit' is not between 1 and {most}")))?,
    };
    Ok(limit.min(world.page_cap.unwrap_or(limit)).max(1))
}

/// One page of rows with their places, in order; `render` makes a row of a list's item.
fn paged<T>(world: &World, call: &Call, mut rows: Vec<(Position, T)>, render_row: impl Fn(&T) -> Bytes) -> Result<Answer, Answer> {
    let size = limit(world, call, 250)?;
    let list = list_of(call);
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    if let Some(cursor) = Cursor::of(world, call, list)? {
        rows.retain(|(position, _)| *position > cursor.after);
    }
    let more = rows.len() > size;
    rows.truncate(size);
    let shown: Vec<Bytes> = rows.iter().map(|(_, row)| render_row(row)).collect();
    let mut links = json!({"base": world.base});
    let mut answer = Answer::json(Bytes::new()).header(COST, shown.len().to_string());
    if let (Some((after, _)), true) = (rows.last(), more) {
        let cursor = Cursor { epoch: world.facts.token_epoch, list, after: after.clone(), empties: 0 }.encode();
        let next = link(call, Some(&cursor));
        answer = answer.header("link", format!("<{next}>; rel=\"next\", <{}>; rel=\"base\"", world.base));
        links["next"] = json!(next);
    }
    let body = format!(r#"{{"results":{},"_links":{links}}}"#, String::from_utf8_lossy(&array(&shown)));
    Ok(Answer { body: Bytes::from(body), ..answer })
}

/// To the same list behind a cursor, below the site, whichever way the call came in.
fn link(call: &Call, cursor: Option<&str>) -> String {
    let kept = call.query.iter().filter(|(key, _)| key != "cursor").map(|(key, value)| (key.as_str(), value.as_str()));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .extend_pairs(cursor.map(|cursor| ("cursor", cursor)))
        .finish();
    let path = call.path.find("/wiki/").map_or(call.path.as_str(), |place| &call.path[place..]);
    format!("{path}?{query}")
}

/// A list's page that leads back to itself, or one without rows that leads to them.
pub(super) fn rewritten(world: &World, rewrite: Rewrite, call: &Call, body: &[u8]) -> Bytes {
    let mut page: Value = serde_json::from_slice(body).unwrap_or_default();
    if !page["results"].is_array() {
        return Bytes::copy_from_slice(body);
    }
    let list = list_of(call);
    page["_links"]["next"] = match (rewrite, Cursor::of(world, call, list)) {
        (Rewrite::RepeatToken, _) => link(call, call.param("cursor")).into(),
        (Rewrite::EmptyPage, asked) => {
            page["results"] = json!([]);
            let first = Cursor { epoch: world.facts.token_epoch, list, after: (i64::MIN, String::new(), i64::MIN), empties: 0 };
            let asked = asked.ok().flatten().unwrap_or(first);
            link(call, Some(&Cursor { empties: asked.empties + 1, ..asked }.encode())).into()
        }
    };
    render(&page)
}

fn answered(answer: Result<Answer, Answer>) -> Answer {
    answer.unwrap_or_else(|answer| answer)
}

/// Values of an array parameter, repeated or separated by commas.
fn several<'a>(call: &'a Call, name: &str) -> Vec<&'a str> {
    call.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
}

fn spaces(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let (ids, keys) = (several(call, "ids"), several(call, "keys"));
    let rows = world.facts.spaces.iter().filter(|one| {
        !one.hidden
            && call.param("status").is_none_or(|status| status == one.status)
            && call.param("type").is_none_or(|kind| kind == one.kind)
            && (ids.is_empty() || ids.contains(&one.id.to_string().as_str()))
            && (keys.is_empty() || keys.contains(&one.key.as_str()))
    });
    let rows = rows.map(|one| ((0, String::new(), one.id as i64), one)).collect();
    answered(paged(world, call, rows, |one| render(&wire::space(&world.facts, one))))
}

fn space_index(world: &World, id: &str) -> Result<usize, Answer> {
    let found = world.facts.spaces.iter().position(|one| !one.hidden && one.id.to_string() == id);
    found.ok_or_else(|| confluence_error(404, "Not Found"))
}

fn space(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    answered(space_index(world, &params[0]).map(|index| Answer::json(render(&wire::space(&world.facts, &world.facts.spaces[index])))))
}

/// Pages or blog posts, in the order and statuses asked for.
fn documents(world: &World, call: &Call, blogs: bool, space: Option<usize>) -> Result<Answer, Answer> {
    let statuses = several(call, "status");
    let known = if blogs { vec!["current", "deleted", "trashed"] } else { vec!["current", "archived", "deleted", "trashed"] };
    if let Some(unknown) = statuses.iter().find(|status| !known.contains(status)) {
        return Err(confluence_error(400, &format!("Provided value {{{unknown}}} for 'status' is not one of {known:?}")));
    }
    let shown = |status: &str| match statuses.is_empty() {
        true => status == "current" || (!blogs && status == "archived"),
        false => statuses.contains(&status),
    };
    let (spaces, ids) = (several(call, "space-id"), several(call, "id"));
    let sort = call.param("sort").unwrap_or("id");
    let (sort, descending) = sort.strip_prefix('-').map_or((sort, false), |sort| (sort, true));
    let key = |one: &Document| {
        let number = match sort {
            "created-date" => one.created_at().timestamp_millis(),
            "modified-date" => one.updated_at().timestamp_millis(),
            "title" => 0,
            _ => one.id as i64,
        };
        (if descending { -number } else { number }, if sort == "title" { one.title.clone() } else { String::new() }, one.id as i64)
    };
    if !["id", "created-date", "modified-date", "title"].contains(&sort) {
        return Err(confluence_error(400, "Provided value for 'sort' is not valid"));
    }
    let body = body_asked(call)?;
    let rows = world.facts.documents.iter().enumerate().filter(|(_, one)| {
        one.is_blog == blogs
            && world.facts.is_visible(one)
            && shown(one.status)
            && space.is_none_or(|index| one.space == index)
            && (spaces.is_empty() || spaces.contains(&world.facts.spaces[one.space].id.to_string().as_str()))
            && (ids.is_empty() || ids.contains(&one.id.to_string().as_str()))
    });
    let rows = rows.map(|(index, one)| (key(one), index)).collect();
    paged(world, call, rows, |index| world.row(*index, body))
}

fn body_asked(call: &Call) -> Result<bool, Answer> {
    match call.param("body-format") {
        None | Some("") => Ok(false),
        Some("storage") => Ok(true),
        Some("atlas_doc_format" | "view") => Ok(false),
        Some(_) => Err(confluence_error(400, "Provided value for 'body-format' is not valid")),
    }
}

fn pages(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    answered(documents(world, call, false, None))
}

fn blogposts(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    answered(documents(world, call, true, None))
}

fn space_pages(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(space_index(world, &params[0]).and_then(|index| documents(world, call, false, Some(index))))
}

fn space_blogposts(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(space_index(world, &params[0]).and_then(|index| documents(world, call, true, Some(index))))
}

fn found<'a>(world: &'a World, id: &str) -> Result<&'a Document, Answer> {
    world.facts.document(id).ok_or_else(|| confluence_error(404, "Not Found"))
}

/// The same, unless it is in the trash: what belongs to it is not shown there.
fn kept<'a>(world: &'a World, id: &str) -> Result<&'a Document, Answer> {
    found(world, id).and_then(|one| if one.status == "trashed" { Err(confluence_error(404, "Not Found")) } else { Ok(one) })
}

fn page(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(single(world, call, &params[0], false))
}

fn blogpost(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(single(world, call, &params[0], true))
}

/// One page, with labels and versions where they are asked for.
fn single(world: &World, call: &Call, id: &str, blog: bool) -> Result<Answer, Answer> {
    let one = found(world, id)?;
    let index = world.facts.documents.iter().position(|other| other.id == one.id).filter(|_| one.is_blog == blog);
    let index = index.ok_or_else(|| confluence_error(404, "Not Found"))?;
    let statuses = several(call, "status");
    if !statuses.is_empty() && !statuses.contains(&one.status) {
        return Err(confluence_error(404, "Not Found"));
    }
    let mut more = serde_json::Map::new();
    let part = |results: Vec<Value>| json!({"results": results, "meta": {"hasMore": false}, "_links": {"self": call.path}});
    if call.flag("include-labels") {
        more.insert("labels".to_owned(), part(one.labels.iter().map(|name| wire::label(name)).collect()));
    }
    if call.flag("include-versions") {
        // No more than fifty of them.
        more.insert("versions".to_owned(), part(one.versions.iter().rev().take(50).map(|it| wire::version(&world.facts, it)).collect()));
    }
    let row = world.row(index, body_asked(call)?);
    Ok(Answer::json(if more.is_empty() { row } else { merge_objects(&row, &render(&more)) }).header(COST, "1"))
}

/// Oldest first, unless asked otherwise.
fn versions(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    let descending = call.param("sort").is_some_and(|sort| sort.starts_with('-'));
    answered(kept(world, &params[0]).and_then(|one| {
        let place = |number: i64| if descending { -number } else { number };
        let rows = one.versions.iter().map(|it| ((place(it.number), String::new(), it.number), it)).collect();
        paged(world, call, rows, |it| render(&wire::version(&world.facts, it)))
    }))
}

fn labels(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(kept(world, &params[0]).and_then(|one| {
        let rows = one.labels.iter().enumerate().map(|(n, name)| ((n as i64, String::new(), 0), name)).collect();
        paged(world, call, rows, |name| render(&wire::label(name)))
    }))
}

fn comments(world: &World, call: &Call, wanted: impl Fn(&super::model::Comment) -> bool) -> Answer {
    let body = match body_asked(call) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let descending = call.param("sort").is_some_and(|sort| sort.starts_with('-'));
    let rows = world.facts.comments.iter().filter(|one| wanted(one) && world.facts.is_shown(one)).map(|one| {
        let time = one.created_at.timestamp_millis();
        ((if descending { -time } else { time }, String::new(), one.id as i64), one)
    });
    answered(paged(world, call, rows.collect(), |one| render(&wire::comment(&world.facts, one, body))))
}

/// Of one page: those that answer nobody.
fn of_page(world: &World, call: &Call, id: &str, inline: bool) -> Answer {
    match kept(world, id) {
        Ok(document) => comments(world, call, |one| one.document == document.id && one.inline == inline && one.parent.is_none()),
        Err(answer) => answer,
    }
}

fn footer(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    of_page(world, call, &params[0], false)
}

fn inline(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    of_page(world, call, &params[0], true)
}

fn all_footer(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    comments(world, call, |one| !one.inline)
}

fn all_inline(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    comments(world, call, |one| one.inline)
}

fn one_comment(world: &World, call: &Call, id: &str, inline: bool) -> Result<Answer, Answer> {
    let body = body_asked(call)?;
    let seen = |one: &&super::model::Comment| world.facts.is_shown(one) && one.inline == inline && one.id.to_string() == id;
    let found = world.facts.comments.iter().find(seen).ok_or_else(|| confluence_error(404, "Not Found"))?;
    Ok(Answer::json(render(&wire::comment(&world.facts, found, body))).header(COST, "1"))
}

fn footer_comment(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(one_comment(world, call, &params[0], false))
}

fn inline_comment(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    answered(one_comment(world, call, &params[0], true))
}

fn replies(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    comments(world, call, |one| one.parent.is_some_and(|parent| parent.to_string() == params[0]))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ids {
    account_ids: Vec<String>,
}

/// Unknown ones are left out.
fn users(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let Ok(Ids { account_ids }) = serde_json::from_slice(&call.body) else { return confluence_error(400, "Invalid request body") };
    if account_ids.is_empty() || account_ids.len() > 250 {
        return confluence_error(400, "Between 1 and 250 account ids are taken.");
    }
    let found = world.facts.directory.accounts.iter().filter(|one| account_ids.contains(&one.id));
    let rows: Vec<Value> = found.map(wire::user_v2).collect();
    let cost = (2 * rows.len()).to_string();
    Answer::json(render(&json!({"results": rows, "_links": {"base": world.base}}))).header(COST, cost)
}
