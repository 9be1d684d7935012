//! Pipelines with their jobs.

use chrono::Duration;

use super::Span;
use super::dice::{Dice, sha};
use super::jobs;
use super::model::{MergeRequest, Pipeline, Project, Time};
use super::people::People;

const FIRST_ID: u64 = 720_000;
/// The youngest pipelines are still on their way; one is in a state no document knows.
const UNFINISHED: [&str; 11] = [
    "running",
    "pending",
    "created",
    "waiting_for_resource",
    "preparing",
    "scheduled",
    "canceling",
    "waiting_for_callback",
    "manual",
    "frozen",
    "running",
];
const FINISHED: [&str; 5] = ["success", "failed", "canceled", "skipped", "manual"];

pub(super) fn generate(
    dice: &mut Dice,
    count: usize,
    span: Span,
    people: &People,
    projects: &[Project],
    merge_requests: &[MergeRequest],
) -> Vec<Pipeline> {
    let weights: Vec<u32> = projects.iter().map(|project| project.weight).collect();
    let mut starts: Vec<(Time, usize)> =
        (0..count).map(|_| (dice.working_time(span.start, span.end - Duration::hours(3)), dice.weighted(&weights))).collect();
    starts.sort_unstable();
    let users: Vec<u64> = people.users.iter().filter(|user| !user.departed).map(|user| user.id).collect();
    let mut branches: Vec<Vec<usize>> = vec![Vec::new(); projects.len()];
    for (index, merge_request) in merge_requests.iter().enumerate() {
        branches[merge_request.project].push(index);
    }
    let mut iids = vec![0u64; projects.len()];
    let mut pipelines = Vec::with_capacity(count);
    for (index, (created, project)) in starts.into_iter().enumerate() {
        iids[project] += 1;
        let unfinished = (index + UNFINISHED.len() >= count).then(|| UNFINISHED[count - 1 - index]);
        let merge_request = (!branches[project].is_empty() && dice.chance(0.6)).then(|| &merge_requests[dice.pick(&branches[project])]);
        let mut pipeline = started(dice, index, iids[project], project, created, &projects[project], merge_request);
        pipeline.user = dice.pick(&users);
        match unfinished {
            Some(status) => leave_unfinished(dice, &mut pipeline, status),
            None => finish(dice, &mut pipeline, index, span.end),
        }
        pipeline.jobs = jobs::generate(dice, &pipeline, index);
        pipelines.push(pipeline);
    }
    pipelines
}

fn started(
    dice: &mut Dice,
    index: usize,
    iid: u64,
    project_index: usize,
    created: Time,
    project: &Project,
    merge_request: Option<&MergeRequest>,
) -> Pipeline {
    let tag = merge_request.is_none() && index % 50 == 9;
    let (git_ref, source) = match merge_request {
        Some(one) if dice.chance(0.7) => (format!("refs/merge-requests/{}/head", one.iid), "merge_request_event"),
        Some(one) => (one.source_branch.clone(), "push"),
        None if tag => (format!("v{}.{}.0", 1 + index / 1000, index % 10), "push"),
        None => (
            project.default_branch.to_owned(),
            dice.pick(&["push", "push", "push", "schedule", "web", "api", "parent_pipeline", "trigger"]),
        ),
    };
    Pipeline {
        id: FIRST_ID + 5 * index as u64,
        iid,
        project: project_index,
        sha: merge_request.map_or_else(|| sha(50, index as u64), |one| one.sha.clone()),
        git_ref,
        tag,
        status: "created",
        source,
        user: 0,
        created_at: created,
        updated_at: Some(created),
        started_at: None,
        finished_at: None,
        duration: None,
        queued: None,
        coverage: None,
        jobs: Vec::new(),
    }
}

fn leave_unfinished(dice: &mut Dice, pipeline: &mut Pipeline, status: &'static str) {
    pipeline.status = status;
    if matches!(status, "running" | "canceling" | "frozen") {
        pipeline.queued = Some(dice.between(1, 40));
        pipeline.started_at = Some(pipeline.created_at + Duration::seconds(pipeline.queued.unwrap_or(0)));
    }
    pipeline.updated_at = Some(pipeline.created_at + Duration::seconds(45));
}

fn finish(dice: &mut Dice, pipeline: &mut Pipeline, index: usize, end: Time) {
    pipeline.status = FINISHED[dice.weighted(&[73, 17, 5, 3, 2])];
    let done = pipeline.created_at + dice.about_hours(0.15) + Duration::seconds(20);
    let done = done.min(end - Duration::seconds(2));
    let queued = dice.between(1, 18).min((done - pipeline.created_at).num_seconds().max(1) - 1).max(0);
    pipeline.updated_at = Some(done + dice.millis(3, 900));
    let started = pipeline.created_at + Duration::seconds(queued) + dice.millis(0, 500);
    // Reported by an outside CI: a status and no times. Skipped and manual ones never started.
    let external = index % 37 == 30;
    if external {
        pipeline.source = "external";
    }
    if index % 407 == 104 {
        pipeline.status = "running";
        pipeline.updated_at = None;
    }
    if external || matches!(pipeline.status, "skipped" | "manual") {
        return;
    }
    pipeline.queued = Some(queued);
    pipeline.started_at = Some(started);
    pipeline.finished_at = Some(done.max(started));
    pipeline.duration = Some((done - started).num_seconds().max(0));
    pipeline.coverage = dice.chance(0.3).then(|| dice.between(5_000, 9_900) as u32);
    // Cancelled before any job ran: finished, but no duration.
    if pipeline.status == "canceled" && index.is_multiple_of(2) {
        pipeline.started_at = None;
        pipeline.duration = None;
    }
}
