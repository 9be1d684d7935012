//! Pipelines, their jobs and bridges, and the jobs of a project.

use bytes::Bytes;

use super::project;
use crate::company::model::{Job, Pipeline};
use crate::server::keyset::{self, Position, Style};
use crate::server::world::World;
use crate::server::{Answer, Call, PageQuery, Paging};
use crate::wire::{self, array};

pub(super) fn list(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    match project(world, call, &params[0], paging) {
        Ok(index) => world.projects[index].pipelines.page(call, paging),
        Err(answer) => answer,
    }
}

fn with<'a>(world: &'a World, call: &Call, params: &[String], paging: &Paging, answer: impl FnOnce(&'a Pipeline) -> Answer) -> Answer {
    let index = match project(world, call, &params[0], paging) {
        Ok(index) => index,
        Err(answer) => return answer,
    };
    match params[1].parse().ok().and_then(|id: u64| world.projects[index].pipeline_by_id.get(&id)) {
        Some(found) => answer(&world.company.pipelines[*found]),
        None => Answer::message(404, "404 Not found"),
    }
}

pub(super) fn detail(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| Answer::json(wire::pipeline_detail(&world.company, &world.users, one)))
}

/// Newest first. Jobs that were tried again are left out unless asked for.
pub(super) fn jobs(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    let retried = call.flag("include_retried");
    with(world, call, params, paging, |one| {
        let jobs: Vec<&Job> = one.jobs.iter().rev().filter(|job| !job.bridge && (retried || !job.retried)).collect();
        let rows: Vec<Bytes> = jobs.into_iter().map(|job| wire::job(&world.company, &world.users, one, job)).collect();
        paging.rows(call, &rows)
    })
}

pub(super) fn bridges(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    with(world, call, params, paging, |one| {
        let rows: Vec<Bytes> =
            one.jobs.iter().rev().filter(|job| job.bridge).map(|job| wire::bridge(&world.company, &world.users, one, job)).collect();
        paging.rows(call, &rows)
    })
}

pub(super) fn job(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    let all = match project(world, call, &params[0], paging) {
        Ok(index) => &world.projects[index].jobs,
        Err(answer) => return answer,
    };
    let found = params[1].parse::<u64>().ok().and_then(|id| all.iter().find(|(job, ..)| *job == id));
    found.map_or_else(
        || Answer::message(404, "404 Not found"),
        |(_, pipeline, job)| {
            let pipeline = &world.company.pipelines[*pipeline];
            Answer::json(wire::job(&world.company, &world.users, pipeline, &pipeline.jobs[*job]))
        },
    )
}

/// By id, newest first; offset, or keyset by id. Retried jobs are in, bridges are not.
pub(super) fn project_jobs(world: &World, call: &Call, params: &[String], paging: &Paging) -> Answer {
    let all = match project(world, call, &params[0], paging) {
        Ok(index) => &world.projects[index].jobs,
        Err(answer) => return answer,
    };
    let render = |jobs: &mut dyn Iterator<Item = &(u64, usize, usize)>| {
        let rows: Vec<Bytes> = jobs
            .map(|(_, pipeline, job)| {
                let pipeline = &world.company.pipelines[*pipeline];
                wire::job(&world.company, &world.users, pipeline, &pipeline.jobs[*job])
            })
            .collect();
        array(&rows)
    };
    if !keyset::requested(call) {
        return paging.offset(call, all.len(), |range| render(&mut all[all.len() - range.end..all.len() - range.start].iter().rev()));
    }
    if call.param("order_by").is_some_and(|order| order != "id") || call.param("sort").is_some_and(|sort| sort != "desc") {
        return Answer::error(405, "Keyset pagination is not yet available for this type of request");
    }
    let (query, before) = match PageQuery::parse(call).and_then(|query| Ok((query, keyset::position(call, Style::Cursor)?))) {
        Ok(parsed) => parsed,
        Err(answer) => return answer,
    };
    let end = before.map_or(all.len(), |before| all.partition_point(|(id, ..)| *id < before.id));
    let start = end.saturating_sub(query.per_page);
    let last = all[start..end].first().map(|(id, ..)| Position { key: 0, id: *id });
    let body = render(&mut all[start..end].iter().rev());
    paging.keyset(call, query, Style::Cursor, end - start, last, body)
}
