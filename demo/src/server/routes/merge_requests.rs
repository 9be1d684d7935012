//! Merge requests and what belongs to one. `scope` is accepted and changes nothing: at project level the default is everything.

use super::project;
use crate::company::model::MergeRequest;
use crate::server::query::choice;
use crate::server::world::World;
use crate::server::{Answer, Call, Paging};
use crate::wire;

pub(super) fn list(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    if let Err(answer) = choice(call, "state", &["all", "opened", "closed", "locked", "merged"]) {
        return answer;
    }
    let shown = if call.param("view") == Some("simple") { wire::simple_merge_request } else { bytes::Bytes::clone };
    match project(world, call, &params[0], paging) {
        Ok(index) => world.projects[index].merge_requests.page_as(call, paging, shown),
        Err(answer) => answer,
    }
}

fn with<'a>(world: &'a World, call: &Call, params: &[String], paging: &Paging, answer: impl FnOnce(&'a MergeRequest) -> Answer) -> Answer {
    let index = match project(world, call, &params[0], paging) {
        Ok(index) => index,
        Err(answer) => return answer,
    };
    match params[1].parse().ok().and_then(|iid: u64| world.projects[index].by_iid.get(&iid)) {
        Some(found) => answer(&world.company.merge_requests[*found]),
        None => Answer::message(404, "404 Not found"),
    }
}

pub(super) fn detail(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| {
        let head_ref = format!("refs/merge-requests/{}/head", one.iid);
        let head = world.company.pipelines.iter().rfind(|pipeline| pipeline.project == one.project && pipeline.git_ref == head_ref);
        Answer::json(wire::merge_request_detail(&world.company, &world.users, one, head))
    })
}

/// Newest first unless asked otherwise. GitLab has no filter for system notes, whatever parameter is sent.
pub(super) fn notes(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| {
        let (order, sort) = match choice(call, "order_by", &["created_at", "updated_at"])
            .and_then(|order| Ok((order, choice(call, "sort", &["desc", "asc"])?)))
        {
            Ok(chosen) => chosen,
            Err(answer) => return answer,
        };
        let mut rows = wire::note_rows(&world.users, &world.company.projects[one.project], one);
        rows.sort_by_key(|(note, _)| (if order == "updated_at" { note.updated_at } else { note.created_at }, note.id));
        if sort == "desc" {
            rows.reverse();
        }
        paging.rows(call, &rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
    })
}

pub(super) fn approvals(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| Answer::json(wire::approvals(&world.users, one)))
}

pub(super) fn commits(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| paging.rows(call, &wire::commit_rows(&world.company, one)))
}

pub(super) fn diffs(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| paging.rows(call, &wire::diff_rows(one)))
}
