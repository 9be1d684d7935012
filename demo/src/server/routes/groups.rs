//! Groups, what is in them, and what the plan does not have.

use bytes::Bytes;

use crate::company::model::{Group, Scope};
use crate::server::world::World;
use crate::server::{Answer, Call, Paging};
use crate::wire::{self, array};

fn group<'a>(world: &'a World, params: &[String]) -> Result<&'a Group, Answer> {
    world.group(&params[0]).map(|index| &world.company.groups[index]).ok_or_else(|| Answer::message(404, "404 Group Not Found"))
}

pub(super) fn detail(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    match group(world, params) {
        Ok(group) => Answer::json(wire::group_detail(group)),
        Err(answer) => answer,
    }
}

pub(super) fn members(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match group(world, params) {
        Ok(group) => paging.rows(call, &world.member_rows(Scope::Group(group.id))),
        Err(answer) => answer,
    }
}

/// Without `include_subgroups` the group's own projects only; newest first, as GitLab's default order.
pub(super) fn projects(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    let group = match group(world, params) {
        Ok(group) => group,
        Err(answer) => return answer,
    };
    let below = format!("{}/", group.full_path);
    let inside = |id: u64| {
        id == group.id
            || (call.flag("include_subgroups") && world.company.groups.iter().any(|one| one.id == id && one.full_path.starts_with(&below)))
    };
    let archived = call.param("archived").map(|text| text == "true");
    let mut rows: Vec<(u64, Bytes)> = Vec::new();
    for (project, rendered) in world.visible_projects() {
        if inside(project.group) && archived.is_none_or(|archived| archived == project.archived) {
            rows.push((project.id, rendered.row.clone()));
        }
    }
    if call.param("sort") != Some("asc") {
        rows.reverse();
    }
    let shown: fn(&Bytes) -> Bytes = if call.flag("simple") { wire::simple_project } else { Bytes::clone };
    paging.offset(call, rows.len(), |range| array(&rows[range].iter().map(|(_, row)| shown(row)).collect::<Vec<_>>()))
}

pub(super) fn member(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    let row = |group: &Group| world.member_row(Scope::Group(group.id), &params[1]);
    match group(world, params) {
        Ok(group) => row(group).map_or_else(|| Answer::message(404, "404 Not found"), Answer::json),
        Err(answer) => answer,
    }
}

pub(super) fn subgroups(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    below(world, call, params, paging, |group, one| one.parent == Some(group.id))
}

pub(super) fn descendants(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    below(world, call, params, paging, |group, one| one.full_path.starts_with(&format!("{}/", group.full_path)))
}

fn below(world: &World, call: &Call, params: &[String], paging: &Paging, is_below: impl Fn(&Group, &Group) -> bool) -> Answer {
    match group(world, params) {
        Ok(group) => {
            let rows: Vec<Bytes> = world.company.groups.iter().filter(|one| is_below(group, one)).map(wire::group_row).collect();
            paging.rows(call, &rows)
        }
        Err(answer) => answer,
    }
}

/// A feature of a plan this company does not have.
pub(super) fn premium_only(_: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    Answer::message(404, "404 Not found")
}

pub(super) fn owners_only(_: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    Answer::message(403, "403 Forbidden")
}
