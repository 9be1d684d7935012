//! Projects and their plain lists.

use bytes::Bytes;

use super::project;
use crate::company::model::Scope;
use crate::server::keyset::{self, Position, Style};
use crate::server::query::choice;
use crate::server::world::{ProjectRows, World};
use crate::server::{Answer, Call, PageQuery, Paging};
use crate::wire::{array, merge_objects, release_row};

/// All projects: the token is a member of everything. Keyset by id, or offset, newest first.
pub(super) fn list(world: &World, call: &Call, _: &[String], paging: &Paging) -> Answer {
    let descending = match choice(call, "sort", &["desc", "asc"]) {
        Ok(sort) => sort == "desc",
        Err(answer) => return answer,
    };
    let mut rows: Vec<(u64, Bytes)> = world.visible_projects().map(|(project, rows)| (project.id, rows.row.clone())).collect();
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
    with(world, call, params, paging, |rows| Answer::json(merge_objects(&rows.row, PERMISSIONS)))
}

/// What only `/projects/:id` says: the token's account is a Reporter of the group.
const PERMISSIONS: &[u8] = br#"{"permissions":{"project_access":null,"group_access":{"access_level":20,"notification_level":3}}}"#;

pub(super) fn members(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => paging.rows(call, &world.member_rows(Scope::Project(world.company.projects[index].id))),
        Err(answer) => answer,
    }
}

pub(super) fn member(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => one(world.member_row(Scope::Project(world.company.projects[index].id), &params[1])),
        Err(answer) => answer,
    }
}

fn one(row: Option<Bytes>) -> Answer {
    row.map_or_else(|| Answer::message(404, "404 Not found"), Answer::json)
}

/// By the project's own number, not by id.
pub(super) fn issue(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.issues.find(|row| row.iid.to_string() == params[1]))
}

pub(super) fn environment(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| {
        one(rows.environments.iter().find(|(id, _)| id.to_string() == params[1]).map(|(_, row)| row.clone()))
    })
}

pub(super) fn deployment(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.deployments.find(|row| row.id.to_string() == params[1]))
}

pub(super) fn release(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => {
            let mut releases = world.company.releases.iter().filter(|one| one.project == index);
            one(releases.find(|one| one.tag == params[1]).map(|one| release_row(&world.company, &world.users, one)))
        }
        Err(answer) => answer,
    }
}

pub(super) fn issues(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.issues.page(call, paging))
}

pub(super) fn environments(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| {
        paging.offset(call, rows.environments.len(), |range| array(rows.environments[range].iter().map(|(_, row)| row)))
    })
}

pub(super) fn deployments(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.deployments.page(call, paging))
}

pub(super) fn releases(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |rows| rows.releases.page(call, paging))
}
