//! Environments and deployments.
//!
//! Tiers are the trap here: some environments have none (the name decides, by GitLab's own rules), one name says production while
//! its rule says staging (`preproduction`), one says nothing while its tier is production (`rollout`).

use chrono::{DateTime, Duration};

use super::Span;
use super::dice::Dice;
use super::model::{Deployment, Environment, Job, Pipeline, Project, Time};

const FIRST_ENVIRONMENT_ID: u64 = 61_000;
const FIRST_ID: u64 = 81_000;
/// (name, tier, weight)
const ENVIRONMENTS: [(&str, Option<&str>, u32); 7] = [
    ("production", Some("production"), 30),
    ("staging", Some("staging"), 35),
    ("prod-eu", None, 12),
    ("preproduction", None, 7),
    ("rollout", Some("production"), 5),
    ("review/login-form", Some("development"), 8),
    ("qa", None, 3),
];
const STATUSES: [&str; 9] = ["success", "failed", "canceled", "blocked", "undeployed", "completed", "skipped", "created", "running"];

pub(super) fn environments(projects: &[Project]) -> Vec<Environment> {
    let mut environments = Vec::new();
    for (project, owner) in projects.iter().enumerate() {
        for (n, (name, tier, _)) in ENVIRONMENTS.iter().enumerate() {
            // Every third project deploys to production and staging only.
            if project % 3 == 2 && n > 1 {
                continue;
            }
            let created_at = owner.created_at + Duration::days(3 + n as i64) + Duration::milliseconds(271);
            environments.push(Environment {
                id: FIRST_ENVIRONMENT_ID + 11 * environments.len() as u64,
                project,
                name,
                tier: *tier,
                state: if n == 5 { "stopped" } else { "available" },
                external_url: (n < 3).then(|| format!("https://{}.{}.brightloom.example", owner.path, n)),
                created_at,
                updated_at: created_at + Duration::days(30),
            });
        }
    }
    environments
}

/// Deployments, each made by a job added to a pipeline of its project; some made through the API, without a job.
pub(super) fn generate(
    dice: &mut Dice,
    count: usize,
    span: Span,
    environments: &[Environment],
    pipelines: &mut [Pipeline],
    projects: &[Project],
) -> Vec<Deployment> {
    let mut candidates: Vec<Vec<usize>> = vec![Vec::new(); projects.len()];
    for (index, pipeline) in pipelines.iter().enumerate() {
        if pipeline.source != "external" {
            candidates[pipeline.project].push(index);
        }
    }
    let weights: Vec<u32> =
        projects.iter().zip(&candidates).map(|(project, own)| if own.is_empty() { 0 } else { project.weight }).collect();
    if weights.iter().all(|weight| *weight == 0) {
        return Vec::new();
    }
    (0..count)
        .map(|index| {
            let project = dice.weighted(&weights);
            let own: Vec<usize> = (0..environments.len()).filter(|environment| environments[*environment].project == project).collect();
            let environment = own[dice.weighted(&ENVIRONMENTS.map(|one| one.2)[..own.len()])];
            let pipeline = dice.pick(&candidates[project]);
            one(dice, index, environment, environments[environment].name, pipeline, &mut pipelines[pipeline], span.end)
        })
        .collect()
}

fn one(
    dice: &mut Dice,
    index: usize,
    environment: usize,
    name: &str,
    pipeline_index: usize,
    pipeline: &mut Pipeline,
    end: Time,
) -> Deployment {
    // The first nine show every status.
    let status = STATUSES.get(index).copied().unwrap_or_else(|| STATUSES[dice.weighted(&[74, 9, 4, 3, 3, 2, 2, 2, 1])]);
    let created_at = (pipeline.finished_at.or(pipeline.updated_at).unwrap_or(pipeline.created_at) + dice.millis(500, 60_000))
        .min(end - Duration::minutes(5));
    let started_at = created_at + dice.millis(300, 40_000);
    let finished_at = started_at + dice.millis(4_000, 200_000);
    let ran = !matches!(status, "created" | "blocked" | "skipped");
    let over = ran && status != "running";
    let by_api = index % 29 == 11;
    let job = (!by_api).then(|| {
        pipeline.jobs.push(Job {
            id: 0,
            name: format!("deploy {name}"),
            stage: "deploy",
            status: job_status(status),
            bridge: false,
            retried: false,
            allow_failure: true,
            created_at,
            started_at: ran.then_some(started_at),
            finished_at: over.then_some(finished_at),
            queued_millis: ran.then(|| (started_at - created_at).num_milliseconds()),
        });
        (pipeline_index, pipeline.jobs.len() - 1)
    });
    Deployment {
        id: 0,
        iid: 0,
        project: pipeline.project,
        status,
        environment,
        job,
        git_ref: pipeline.git_ref.clone(),
        sha: pipeline.sha.clone(),
        user: pipeline.user,
        created_at,
        updated_at: if over { (finished_at + Duration::milliseconds(240)).min(end) } else { created_at + Duration::milliseconds(90) },
    }
}

fn job_status(deployment: &str) -> &'static str {
    match deployment {
        "success" | "undeployed" | "completed" => "success",
        "failed" => "failed",
        "canceled" => "canceled",
        "running" => "running",
        "blocked" => "manual",
        "skipped" => "skipped",
        _ => "created",
    }
}

/// Orders by creation and gives ids and per-project numbers.
pub(super) fn number(deployments: &mut [Deployment]) {
    deployments.sort_by_key(|deployment| (deployment.created_at, deployment.job));
    let mut iids: std::collections::HashMap<usize, u64> = std::collections::HashMap::new();
    for (index, deployment) in deployments.iter_mut().enumerate() {
        let iid = iids.entry(deployment.project).or_default();
        *iid += 1;
        deployment.iid = *iid;
        deployment.id = FIRST_ID + 3 * index as u64;
    }
}

/// GitLab's rule for an environment without a tier, by its name.
pub(crate) fn tier_by_name(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let any = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if any(&["dev", "review", "trunk"]) {
        "development"
    } else if any(&["test", "tst", "int", "acpt", "accept", "qa", "qc", "control", "quality"]) {
        "testing"
    } else if any(&["stg", "stag", "modl", "model", "pre", "demo", "non"]) {
        "staging"
    } else if any(&["prd", "prod", "live"]) {
        "production"
    } else {
        "other"
    }
}

/// The finish of a deployment is its job's.
pub(crate) fn finished_at(deployment: &Deployment, pipelines: &[Pipeline]) -> Option<DateTime<chrono::Utc>> {
    let (pipeline, job) = deployment.job?;
    pipelines[pipeline].jobs[job].finished_at
}
