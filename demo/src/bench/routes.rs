//! Routes of the benchmark server. Lists it has no rows for answer with an empty page.

use bytes::Bytes;

use super::rows::{BenchRows, Detail, HOURS_FROM_CREATION_TO_UPDATE};
use crate::company::model::Scope;
use crate::server::{Answer, Call, Paging, Route, choice, time};
use crate::wire::{self, VERSION};

pub(super) const ROUTES: &[Route<BenchRows>] = &[
    Route("/version", version),
    Route("/metadata", version),
    Route("/user", current_user),
    Route("/users/:id", user),
    Route("/projects/:id", project),
    Route("/projects/:id/members/all", members),
    Route("/projects/:id/merge_requests", merge_requests),
    Route("/projects/:id/merge_requests/:iid", |rows, _, params, _| detail(rows, params, Detail::Own)),
    Route("/projects/:id/merge_requests/:iid/notes", |rows, _, params, _| detail(rows, params, Detail::Notes)),
    Route("/projects/:id/merge_requests/:iid/approvals", |rows, _, params, _| detail(rows, params, Detail::Approvals)),
    Route("/projects/:id/merge_requests/:iid/commits", |rows, _, params, _| detail(rows, params, Detail::Commits)),
    Route("/projects/:id/merge_requests/:iid/diffs", |rows, _, params, _| detail(rows, params, Detail::Diffs)),
    Route("/projects/:id/issues", empty),
    Route("/projects/:id/pipelines", empty),
    Route("/projects/:id/jobs", empty),
    Route("/projects/:id/environments", empty),
    Route("/projects/:id/deployments", empty),
    Route("/projects/:id/releases", empty),
];

fn version(_: &BenchRows, _: &Call, _: &[String], _: &Paging) -> Answer {
    Answer::json(Bytes::from(format!(r#"{{"version":"{VERSION}","revision":"4f2c1e0a9bd","enterprise":true}}"#)))
}

fn current_user(rows: &BenchRows, call: &Call, _: &[String], paging: &Paging) -> Answer {
    user(rows, call, &[rows.company.token_user.to_string()], paging)
}

fn user(rows: &BenchRows, _: &Call, params: &[String], _: &Paging) -> Answer {
    match params[0].parse().ok().and_then(|id| rows.company.user(id)) {
        Some(user) => Answer::json(wire::user_detail(user)),
        None => Answer::message(404, "404 User Not Found"),
    }
}

fn exists(rows: &BenchRows, key: &str) -> bool {
    key == rows.project_path() || key == rows.company.projects[0].id.to_string()
}

fn missing() -> Answer {
    Answer::message(404, "404 Project Not Found")
}

fn project(rows: &BenchRows, _: &Call, params: &[String], _: &Paging) -> Answer {
    if exists(rows, &params[0]) { Answer::json(wire::project_row(&rows.company, &rows.company.projects[0])) } else { missing() }
}

fn members(rows: &BenchRows, call: &Call, params: &[String], paging: &Paging) -> Answer {
    if !exists(rows, &params[0]) {
        return missing();
    }
    let members = rows.company.members_all(Scope::Project(rows.company.projects[0].id));
    let rendered: Vec<Bytes> = members.into_iter().map(|member| wire::member_row(&rows.company, &rows.users, member)).collect();
    paging.rows(call, &rendered)
}

fn empty(rows: &BenchRows, call: &Call, params: &[String], paging: &Paging) -> Answer {
    if exists(rows, &params[0]) { paging.rows(call, &[]) } else { missing() }
}

/// Rows ascend by id, creation and update alike, so that every order is the same one, forwards or backwards.
fn merge_requests(rows: &BenchRows, call: &Call, params: &[String], paging: &Paging) -> Answer {
    if !exists(rows, &params[0]) {
        return missing();
    }
    let parsed = choice(call, "sort", &["desc", "asc"])
        .and_then(|sort| Ok((sort, latest(call)?, time(call, "updated_before")?)))
        .and_then(|parsed| choice(call, "state", &["all", "opened", "closed", "locked", "merged"]).map(|state| (parsed, state)));
    let ((sort, after, before), state) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) => return answer,
    };
    let window = if matches!(state, "all" | "merged") { rows.window(after, before) } else { 0..0 };
    let iids = call.params("iids");
    if !iids.is_empty() {
        let found: Vec<usize> =
            iids.iter().filter_map(|iid| iid.parse::<usize>().ok()?.checked_sub(1)).filter(|index| *index < rows.len()).collect();
        return paging.offset(call, found.len(), |range| rows.page(found[range].iter().copied()));
    }
    paging.offset(call, window.len(), |range| {
        if sort == "desc" {
            rows.page((window.end - range.end..window.end - range.start).rev())
        } else {
            rows.page(window.start + range.start..window.start + range.end)
        }
    })
}

/// Every merge request was created a fixed time before it was updated, so that both filters cut at one place.
fn latest(call: &Call) -> Result<Option<i64>, Answer> {
    let created = time(call, "created_after")?.map(|at| at + HOURS_FROM_CREATION_TO_UPDATE * 3_600_000);
    Ok(time(call, "updated_after")?.max(created))
}

fn detail(rows: &BenchRows, params: &[String], detail: Detail) -> Answer {
    if !exists(rows, &params[0]) {
        return missing();
    }
    let found = params[1].parse().ok().and_then(|iid| rows.detail(iid, detail));
    // every list fits one page, and says so
    found.map_or_else(|| Answer::message(404, "404 Not found"), |body| Answer::json(body).header("x-page", "1").header("x-next-page", ""))
}
