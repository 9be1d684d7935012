//! A year of a company's rows in one go. Prints how long it took; what is asserted is that nothing was lost on the way.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{ConnectionId, MetricKey};
use ovia_kpi::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, KpiSettings, MergeRequestFact, MergeRequestState, PipelineFact,
    PipelineStatus, ReviewEventFact, ReviewEventKind, Scope, WindowKind, compute_all,
};

const MERGE_REQUESTS: i64 = 3_000;
const PIPELINES: i64 = 8_000;
const DEPLOYMENTS: i64 = 900;
const EVENTS_EACH: i64 = 8;

fn year() -> (Facts, DateTime<Utc>) {
    let connection = ConnectionId(uuid::Uuid::from_u128(1));
    let start = DateTime::from_timestamp(1_704_067_200, 0).unwrap_or_default();
    let at = |index: i64, of: i64| start + TimeDelta::minutes(index * 365 * 24 * 60 / of);
    let mut facts = Facts::default();
    for id in 0..MERGE_REQUESTS {
        let created_at = at(id, MERGE_REQUESTS);
        let project = facts.project(connection, &(id % 12).to_string());
        let author = Some(facts.identity(connection, &(id % 60).to_string()));
        let merged_at = (id % 50 != 0).then_some(created_at + TimeDelta::hours(id % 90));
        let state = MergeRequestState::parse(if merged_at.is_some() { "merged" } else { "opened" });
        let (updated_at, closed_at) = (merged_at, None);
        facts.merge_requests.push(MergeRequestFact {
            id,
            project,
            author,
            author_is_bot: false,
            state,
            draft: false,
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
        });
        for event in 0..EVENTS_EACH {
            let by = Some(facts.identity(connection, &((id + event) % 60).to_string()));
            let at = created_at + TimeDelta::hours(event * 2);
            facts.review_events.push(ReviewEventFact { merge_request_id: id, kind: ReviewEventKind::Note, by, by_is_bot: false, at });
        }
    }
    for id in 0..PIPELINES {
        let project = facts.project(connection, &(id % 12).to_string());
        let status = PipelineStatus::parse(if id % 5 == 0 { "failed" } else { "success" });
        facts.pipelines.push(PipelineFact {
            id,
            project,
            status,
            updated_at: None,
            finished_at: Some(at(id, PIPELINES)),
            started_by: None,
            started_at: None,
            duration_seconds: None,
        });
    }
    for id in 0..DEPLOYMENTS {
        let project = facts.project(connection, &(id % 12).to_string());
        let (status, environment_tier) = (DeploymentStatus::Success, Some(EnvironmentTier::Production));
        let created_at = at(id, DEPLOYMENTS);
        facts.deployments.push(DeploymentFact {
            id,
            project,
            status,
            environment_tier,
            deployment_tier: None,
            created_at,
            updated_at: None,
            finished_at: None,
            deployed_by: None,
            deployed_by_bot: false,
            sha: None,
        });
    }
    (facts, start + TimeDelta::days(370))
}

#[test]
fn a_year_is_counted_whole() {
    let (facts, as_of) = year();
    let begun = Instant::now();
    let snapshots = compute_all(&facts, &KpiSettings::default(), as_of);
    eprintln!("{} snapshots in {:?}", snapshots.len(), begun.elapsed());
    let rows = |metric, organisation: bool, kind| -> usize {
        let asked = snapshots.iter().filter(|snapshot| snapshot.metric == metric && snapshot.window.kind == kind);
        asked.filter(|snapshot| (snapshot.scope == Scope::Organisation) == organisation).map(|snapshot| snapshot.row_ids.len()).sum()
    };
    let merged = facts.merge_requests.iter().filter(|row| row.merged_at.is_some()).count();
    for kind in [WindowKind::Week, WindowKind::Month] {
        for organisation in [true, false] {
            assert_eq!(rows(MetricKey::MergeThroughput, organisation, kind), merged);
            assert_eq!(rows(MetricKey::TimeToMerge, organisation, kind), merged);
            assert_eq!(rows(MetricKey::TimeToFirstReview, organisation, kind), facts.merge_requests.len());
            assert_eq!(rows(MetricKey::PipelineSuccessRate, organisation, kind), facts.pipelines.len());
            assert_eq!(rows(MetricKey::DeploymentFrequency, organisation, kind), facts.deployments.len());
        }
    }
}
