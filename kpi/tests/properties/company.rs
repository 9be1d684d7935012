//! Random companies: two projects, three people, a bot and a nobody, on a grid of six hours, so that ties and windows' edges are common.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::ConnectionId;
use ovia_kpi::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, MergeRequestFact, MergeRequestState, PipelineFact, PipelineStatus,
    ProjectKey, ReviewEventFact, ReviewEventKind,
};
use proptest::{option, prelude::*};

const BOT: u32 = 3;

/// Sixty days from Friday 29 December 2023: the turn of the year and a leap February are within.
fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..240i64).prop_map(|step| DateTime::from_timestamp(1_703_808_000, 0).unwrap_or_default() + TimeDelta::hours(step * 6))
}

pub fn as_of() -> impl Strategy<Value = DateTime<Utc>> {
    time().prop_map(|at| at + TimeDelta::days(15))
}

fn person() -> impl Strategy<Value = Option<u32>> {
    option::weighted(0.9, 0..=BOT)
}

fn merge_request() -> impl Strategy<Value = (MergeRequestFact, Option<u32>)> {
    let state = prop::sample::select(vec!["opened", "locked", "merged", "closed", "odd"]);
    (0..2u32, person(), state, any::<bool>(), time(), option::of(time()), option::of(time()), option::weighted(0.3, time())).prop_map(
        |(project, author, state, draft, created_at, updated_at, merged_at, closed_at)| {
            let row = MergeRequestFact {
                id: 0,
                project: ProjectKey(project),
                author: None,
                author_is_bot: author == Some(BOT),
                state: MergeRequestState::parse(state),
                draft,
                created_at,
                updated_at,
                merged_at,
                closed_at,
                is_fork: false,
                is_hotfix: false,
                first_commit_at: None,
                head_sha: None,
                merge_sha: None,
                squash_sha: None,
                additions: None,
                deletions: None,
            };
            (row, author)
        },
    )
}

fn event() -> impl Strategy<Value = (i64, ReviewEventKind, Option<u32>, DateTime<Utc>)> {
    use ReviewEventKind::*;
    let kind = prop::sample::select(vec![Note, Approval, SystemApproved, MarkedDraft, MarkedReady, System, Commit]);
    (0..9i64, kind, person(), time())
}

fn pipeline() -> impl Strategy<Value = PipelineFact> {
    let status = prop::sample::select(vec!["success", "failed", "canceled"]);
    (0..2u32, status, option::of(time()), option::of(time())).prop_map(|(project, status, updated_at, finished_at)| PipelineFact {
        id: 0,
        project: ProjectKey(project),
        status: PipelineStatus::parse(status),
        updated_at,
        finished_at,
        started_by: None,
        on_default_branch: true,
        created_at: None,
        started_at: None,
        duration_seconds: None,
    })
}

fn deployment() -> impl Strategy<Value = DeploymentFact> {
    let status = prop::sample::select(vec!["success", "success", "failed", "blocked"]);
    let tier = || option::of(prop::sample::select(vec![EnvironmentTier::Production, EnvironmentTier::Other]));
    (0..2u32, status, tier(), tier(), time(), option::of(time()), option::of(time())).prop_map(
        |(project, status, environment_tier, deployment_tier, created_at, updated_at, finished_at)| DeploymentFact {
            id: 0,
            project: ProjectKey(project),
            status: DeploymentStatus::parse(status),
            environment_tier,
            deployment_tier,
            created_at,
            updated_at,
            finished_at,
            deployed_by: None,
            deployed_by_bot: false,
            sha: None,
        },
    )
}

/// Merge requests have ids 0, 1 …; some events are of merge requests that do not exist.
pub fn facts() -> impl Strategy<Value = Facts> {
    let rows = |most| 0..most;
    (
        prop::collection::vec(merge_request(), rows(8)),
        prop::collection::vec(event(), rows(40)),
        prop::collection::vec(pipeline(), rows(12)),
        prop::collection::vec(deployment(), rows(12)),
    )
        .prop_map(|(merge_requests, events, pipelines, deployments)| {
            let connection = ConnectionId(uuid::Uuid::from_u128(1));
            let mut facts = Facts::default();
            for project in ["10", "11"] {
                facts.project(connection, project);
            }
            for (id, (row, author)) in merge_requests.into_iter().enumerate() {
                let author = author.map(|who| facts.identity(connection, &who.to_string()));
                facts.merge_requests.push(MergeRequestFact { id: id as i64, author, ..row });
            }
            for (merge_request_id, kind, who, at) in events {
                let by = who.map(|who| facts.identity(connection, &who.to_string()));
                facts.review_events.push(ReviewEventFact { merge_request_id, kind, by, by_is_bot: who == Some(BOT), at });
            }
            facts.pipelines = pipelines.into_iter().enumerate().map(|(id, row)| PipelineFact { id: id as i64, ..row }).collect();
            facts.deployments = deployments.into_iter().enumerate().map(|(id, row)| DeploymentFact { id: id as i64, ..row }).collect();
            facts
        })
}
