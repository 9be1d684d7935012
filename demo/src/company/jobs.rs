//! The jobs of a pipeline: four or five, some tried twice, some bridges to child pipelines.

use chrono::Duration;

use super::dice::Dice;
use super::model::{Job, Pipeline, Time};

const FIRST_ID: u64 = 5_400_000;
const STEPS: [(&str, &str); 5] =
    [("build", "build"), ("lint", "test"), ("unit tests", "test"), ("integration: [postgres 16]", "test"), ("package", "package")];

pub(super) fn generate(dice: &mut Dice, pipeline: &Pipeline, index: usize) -> Vec<Job> {
    if pipeline.source == "external" {
        return Vec::new();
    }
    let count = 3 + dice.index(3);
    let mut jobs: Vec<Job> = Vec::with_capacity(count + 1);
    let mut clock = pipeline.started_at.unwrap_or(pipeline.created_at);
    let failing = if pipeline.status == "failed" { dice.index(count) } else { count };
    for (step, (name, stage)) in STEPS.iter().take(count).enumerate() {
        let status = job_status(pipeline.status, step, failing);
        let mut job = job(dice, name, stage, status, pipeline.created_at, &mut clock, pipeline.finished_at);
        job.allow_failure = *name == "lint";
        if dice.chance(0.05) && matches!(status, "success" | "failed") {
            jobs.push(Job { status: "failed", retried: true, ..job.clone() });
        }
        jobs.push(job);
    }
    if index % 25 == 3 {
        let status = if pipeline.status == "success" { "success" } else { "skipped" };
        let mut bridge = job(dice, "trigger child", "deploy", status, pipeline.created_at, &mut clock, pipeline.finished_at);
        bridge.bridge = true;
        jobs.push(bridge);
    }
    jobs
}

fn job_status(pipeline: &str, step: usize, failing: usize) -> &'static str {
    match pipeline {
        "success" => "success",
        "failed" if step < failing => "success",
        "failed" if step == failing => "failed",
        "failed" | "skipped" => "skipped",
        "canceled" | "canceling" => "canceled",
        "manual" => "manual",
        "running" | "frozen" if step == 0 => "success",
        "running" | "frozen" if step == 1 => "running",
        "pending" if step == 0 => "pending",
        _ => "created",
    }
}

/// Jobs run one after the other, within the pipeline's time where it has one.
fn job(dice: &mut Dice, name: &str, stage: &'static str, status: &'static str, created: Time, clock: &mut Time, end: Option<Time>) -> Job {
    let mut job = Job {
        id: 0,
        name: name.to_owned(),
        stage,
        status,
        bridge: false,
        retried: false,
        allow_failure: false,
        created_at: created,
        started_at: None,
        finished_at: None,
        queued_millis: None,
    };
    if matches!(status, "success" | "failed" | "running") {
        job.queued_millis = Some(dice.between(100, 9_000));
        job.started_at = Some(*clock);
        if status != "running" {
            let room = end.map_or(60_000, |end| (end - *clock).num_milliseconds() / 2).max(10);
            *clock += dice.millis(5, room + 5);
            job.finished_at = Some(*clock);
        }
    } else if status == "canceled" {
        // Cancelled before it started: an end without a beginning, and no duration.
        job.finished_at = Some(*clock + Duration::milliseconds(dice.between(10, 900)));
    }
    job
}

/// Gives every job its id, ascending with the pipelines.
pub(super) fn number(pipelines: &mut [Pipeline]) {
    let mut next = FIRST_ID;
    for job in pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.jobs) {
        job.id = next;
        next += 2;
    }
}
