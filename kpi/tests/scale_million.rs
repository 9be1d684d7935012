//! A year of a large company: a million merge requests, work items and pipelines, with their notes and transitions. Run by hand:
//! `cargo test --release -p ovia-kpi --test scale_million -- --ignored --nocapture`.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{ConnectionId, MetricKey, StatusCategory, WorkItemKind};
use ovia_kpi::*;

const MERGE_REQUESTS: i64 = 300_000;
const ITEMS: i64 = 300_000;
const PIPELINES: i64 = 400_000;
const PROJECTS: i64 = 60;
const PEOPLE: i64 = 400;
const TEAMS: i64 = 25;

fn facts() -> (Facts, DateTime<Utc>) {
    let connection = ConnectionId(uuid::Uuid::from_u128(1));
    let start = DateTime::from_timestamp(1_704_067_200, 0).unwrap_or_default();
    let at = |index: i64, of: i64| start + TimeDelta::seconds(index * 365 * 24 * 3600 / of);
    let mut facts = Facts::default();
    let projects: Vec<ProjectKey> = (0..PROJECTS).map(|id| facts.project(connection, &id.to_string())).collect();
    let accounts: Vec<IdentityKey> = (0..PEOPLE).map(|id| facts.identity(connection, &id.to_string())).collect();
    for (account, id) in accounts.iter().zip(0..) {
        let person = facts.person(&format!("person {id}"));
        facts.person_of(*account, person, false);
        let team = facts.team(&format!("team {}", id % TEAMS));
        facts.team_memberships.push(TeamMembership { team, person, from: None, to: None });
    }
    let of = |id: i64| (projects[(id * 7 % PROJECTS) as usize], Some(accounts[(id * 13 % PEOPLE) as usize]));
    for id in 0..MERGE_REQUESTS {
        let (created_at, (project, author)) = (at(id, MERGE_REQUESTS), of(id));
        let merged_at = (id % 50 != 0).then(|| created_at + TimeDelta::hours(id % 90));
        facts.merge_requests.push(MergeRequestFact {
            id,
            project,
            author,
            author_is_bot: false,
            state: MergeRequestState::parse(if merged_at.is_some() { "merged" } else { "opened" }),
            draft: false,
            is_fork: false,
            is_hotfix: false,
            created_at,
            updated_at: merged_at,
            merged_at,
            closed_at: merged_at.is_none().then(|| created_at + TimeDelta::days(id % 40)),
            first_commit_at: Some(created_at - TimeDelta::hours(3)),
            head_sha: None,
            merge_sha: Sha::parse(&format!("{:016x}", id + 1)),
            squash_sha: None,
            additions: Some(10),
            deletions: Some(5),
        });
        let (_, by) = of(id + 1);
        let event = ReviewEventFact {
            merge_request_id: id,
            kind: ReviewEventKind::Note,
            by,
            by_is_bot: false,
            at: created_at + TimeDelta::hours(2),
        };
        facts.review_events.push(event);
    }
    for id in 0..ITEMS {
        let (created_at, (project, assignee)) = (at(id, ITEMS), of(id));
        let mut step = |hours, from, to| {
            let at = created_at + TimeDelta::hours(hours);
            facts.work_item_transitions.push(WorkItemTransition { work_item_id: id, at, from: Some(from), to: Some(to) });
        };
        step(20, StatusCategory::Todo, StatusCategory::InProgress);
        step(20 + id % 200, StatusCategory::InProgress, StatusCategory::Done);
        facts.work_items.push(WorkItemFact {
            item: ItemRef { table: ItemTable::WorkItems, id },
            project,
            kind: WorkItemKind::ALL[(id % 5) as usize],
            category: Some(StatusCategory::Done),
            assignee,
            assignee_is_bot: false,
            created_at,
            resolved_at: None,
            story_points: None,
            is_incident: id % 300 == 0,
        });
    }
    for id in 0..PIPELINES {
        let (finished_at, (project, started_by)) = (at(id, PIPELINES), of(id));
        facts.pipelines.push(PipelineFact {
            id,
            project,
            started_by,
            status: PipelineStatus::parse(if id % 5 == 0 { "failed" } else { "success" }),
            updated_at: None,
            started_at: Some(finished_at - TimeDelta::minutes(id % 30)),
            finished_at: Some(finished_at),
            duration_seconds: None,
        });
    }
    for id in 0..9_000 {
        let (project, deployed_by) = of(id);
        facts.deployments.push(DeploymentFact {
            id,
            project,
            deployed_by,
            deployed_by_bot: false,
            status: DeploymentStatus::Success,
            environment_tier: Some(EnvironmentTier::Production),
            deployment_tier: None,
            sha: None,
            created_at: at(id, 9_000),
            updated_at: None,
            finished_at: None,
        });
    }
    (facts, start + TimeDelta::days(365))
}

/// The most memory this process has had, in MB; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[test]
#[ignore = "takes a minute; run by hand with --release"]
fn a_million_rows_roll_up() {
    let (facts, as_of) = facts();
    let settings = KpiSettings::default();
    eprintln!("facts: {} MB", peak_memory());
    for (name, scopes) in [("without people", ScopeFilter::WithoutPeople), ("with people", ScopeFilter::All)] {
        let all = windows::covering(facts.earliest().unwrap_or(as_of), as_of, settings.tz());
        let (begun, mut snapshots, mut merged) = (Instant::now(), 0u64, 0usize);
        compute_each(&facts, &settings, as_of, &scopes, all, |snapshot| {
            snapshots += 1;
            let counted = snapshot.metric == MetricKey::MergeThroughput && snapshot.window.kind == WindowKind::Month;
            merged += usize::from(counted && snapshot.scope == Scope::Organisation) * snapshot.row_ids.len();
        });
        eprintln!("{name}: {snapshots} snapshots in {:?}, peak {} MB", begun.elapsed(), peak_memory());
        let expected = facts.merge_requests.iter().filter(|row| row.merged_at.is_some_and(|at| at < as_of)).count();
        assert!(merged >= expected, "{merged} of {expected}");
    }
    let day = windows::of_day((as_of - TimeDelta::days(1)).date_naive(), settings.tz());
    let begun = Instant::now();
    let snapshots = compute_over(&facts, &settings, as_of, &ScopeFilter::WithoutPeople, day).len();
    eprintln!("the windows of one day: {snapshots} snapshots in {:?}", begun.elapsed());
}
