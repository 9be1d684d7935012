//! Projects and their plain lists.

use bytes::Bytes;

use super::project;
use crate::company::model::Scope;
use crate::server::keyset::{self, Position, Style};
use crate::server::query::choice;
use crate::server::world::{ProjectRows, World};
use crate::server::{Answer, Call, PageQuery, Paging};
use crate::wire::array;

/// All projects: the token is a member of everything. Keyset by id, or offset, newest first.
pub(super) fn list(world: &World, call: &Call, _: &[String], paging: &Paging) -> Answer {
    let descending = match choice(call, "sort", &["desc", "asc"]) {
        Ok(sort) => sort == "desc",
        Err(answer) => return answer,
    };
    let mut rows: Vec<(u64, Bytes)> =
        world.company.projects.iter().zip(&world.projects).map(|(project, rows)| (project.id, rows.row.clone())).collect();
    if let Some(archived) = call.param("archived") {
        rows.retain(|(id, _)| world.company.projects.iter().any(|project| project.id == *id && project.archived == (archived == "true")));
    }
    rows.sort_by_key(|(id, _)| *id);
    if descending {
        rows.reverse();
    }
    if !keyset::requested(call) {
        return paging.rows(call, &rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
    }
    if call.param("order_by") != Some("id") {
        return Answer::error(405, "Keyset pagination is not yet available for this type of request");
    }
    let style = Style::Id { descending };
    let (query, after) = match PageQuery::parse(call).and_then(|query| Ok((query, keyset::position(call, style)?))) {
        Ok(parsed) => parsed,
        Err(answer) => return answer,
    };
    rows.retain(|(id, _)| after.is_none_or(|after| if descending { *id < after.id } else { *id > after.id }));
    rows.truncate(query.per_page);
    let last = rows.last().map(|(id, _)| Position { key: 0, id: *id });
    paging.keyset(call, query, style, rows.len(), last, array(rows.iter().map(|(_, row)| row)))
}

fn with<'a>(world: &'a World, call: &Call, params: &[String], paging: &Paging, answer: impl FnOnce(&'a ProjectRows) -> Answer) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => answer(&world.projects[index]),
        Err(answer) => answer,
    }
}

pub(super) fn detail(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| Answer::json(rows.row.clone()))
}

pub(super) fn members(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => paging.rows(call, &world.member_rows(Scope::Project(world.company.projects[index].id))),
        Err(answer) => answer,
    }
}

pub(super) fn issues(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.issues.page(call, paging))
}

pub(super) fn environments(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| paging.rows(call, &rows.environments))
}

pub(super) fn deployments(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.deployments.page(call, paging))
}

pub(super) fn releases(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.releases.page(call, paging))
}
