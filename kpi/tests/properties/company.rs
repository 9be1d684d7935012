//! Random companies: two projects, three people in two teams (one of them with two accounts), a bot and a nobody, on a grid of six hours, so
//! that ties and windows' edges are common.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{ConnectionId, StatusCategory, WorkItemKind};
use ovia_kpi::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, IdentityKey, ItemMergeRequest, ItemRef, ItemTable, MergeRequestFact,
    MergeRequestState, PipelineFact, PipelineStatus, ProjectKey, ReleaseFact, ReleaseItemFact, ReviewEventFact, ReviewEventKind, Sha,
    TeamMembership, WorkItemFact, WorkItemTransition,
};
use proptest::{option, prelude::*};

/// Accounts 0 and 1 are one person's; 2 is another's; the bot and 4 are linked to nobody.
const BOT: u32 = 3;

/// Sixty days from Friday 29 December 2023: the turn of the year and a leap February are within.
fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..240i64).prop_map(day_zero)
}

fn day_zero(step: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_703_808_000, 0).unwrap_or_default() + TimeDelta::hours(step * 6)
}

pub fn as_of() -> impl Strategy<Value = DateTime<Utc>> {
    time().prop_map(|at| at + TimeDelta::days(15))
}

fn person() -> impl Strategy<Value = Option<u32>> {
    option::weighted(0.9, 0..=4u32)
}

fn sha() -> impl Strategy<Value = Option<Sha>> {
    option::of((1..6u64).prop_map(|digits| Sha::parse(&format!("{digits:016x}")))).prop_map(Option::flatten)
}

fn merge_request() -> impl Strategy<Value = (MergeRequestFact, Option<u32>)> {
    let state = prop::sample::select(vec!["opened", "locked", "merged", "closed", "odd"]);
    let times = (time(), option::of(time()), option::of(time()), option::weighted(0.3, time()), option::weighted(0.8, time()));
    let rest = (any::<bool>(), sha(), sha(), option::of(0..500u32), option::of(0..500u32));
    (0..2u32, person(), state, times, rest).prop_map(|(project, author, state, times, rest)| {
        let (created_at, updated_at, merged_at, closed_at, first_commit_at) = times;
        let (draft, head_sha, merge_sha, additions, deletions) = rest;
        let row = MergeRequestFact {
            id: 0,
            project: ProjectKey(project),
            author: None,
            author_is_bot: author == Some(BOT),
            state: MergeRequestState::parse(state),
            draft,
            is_fork: false,
            is_hotfix: false,
            created_at,
            updated_at,
            merged_at,
            closed_at,
            first_commit_at,
            head_sha,
            merge_sha,
            squash_sha: None,
            additions,
            deletions,
        };
        (row, author)
    })
}

fn event() -> impl Strategy<Value = (i64, ReviewEventKind, Option<u32>, DateTime<Utc>)> {
    use ReviewEventKind::*;
    let kind = prop::sample::select(vec![Note, Approval, SystemApproved, MarkedDraft, MarkedReady, System, Commit]);
    (0..9i64, kind, person(), time())
}

fn pipeline() -> impl Strategy<Value = (PipelineFact, Option<u32>)> {
    let status = prop::sample::select(vec!["success", "failed", "canceled"]);
    let times = (option::of(time()), option::of(time()), option::of(time()));
    (0..2u32, status, times, option::of(0..9_000u32), person()).prop_map(|(project, status, times, seconds, who)| {
        let row = PipelineFact {
            id: 0,
            project: ProjectKey(project),
            started_by: None,
            status: PipelineStatus::parse(status),
            updated_at: times.0,
            started_at: times.1,
            finished_at: times.2,
            duration_seconds: seconds.map(|seconds| seconds as f32),
        };
        (row, who)
    })
}

fn deployment() -> impl Strategy<Value = (DeploymentFact, Option<u32>)> {
    let status = prop::sample::select(vec!["success", "success", "failed", "blocked"]);
    let tier = || option::of(prop::sample::select(vec![EnvironmentTier::Production, EnvironmentTier::Production, EnvironmentTier::Other]));
    let times = (time(), option::of(time()), option::of(time()));
    (0..2u32, status, tier(), tier(), times, sha(), person()).prop_map(
        |(project, status, environment_tier, deployment_tier, times, sha, who)| {
            let row = DeploymentFact {
                id: 0,
                project: ProjectKey(project),
                deployed_by: None,
                deployed_by_bot: who == Some(BOT),
                status: DeploymentStatus::parse(status),
                environment_tier,
                deployment_tier,
                sha,
                created_at: times.0,
                updated_at: times.1,
                finished_at: times.2,
            };
            (row, who)
        },
    )
}

type Steps = Vec<(i64, Option<StatusCategory>)>;

fn category() -> impl Strategy<Value = Option<StatusCategory>> {
    use StatusCategory::{Done, InProgress, Todo};
    prop::sample::select(vec![Some(Todo), Some(InProgress), Some(InProgress), Some(Done), Some(Done), None])
}

/// An item, the category it was created in, and its steps after its creation (hours later, category).
fn work_item() -> impl Strategy<Value = (WorkItemFact, Option<u32>, Option<StatusCategory>, Steps)> {
    let kind = prop::sample::select(WorkItemKind::ALL.to_vec());
    let steps = prop::collection::vec((1..40i64, category()), 0..5);
    (0..2u32, kind, person(), time(), option::of(time()), category(), steps, prop::bool::weighted(0.2)).prop_map(
        |(project, kind, assignee, created_at, resolved_at, initial, steps, is_incident)| {
            let row = WorkItemFact {
                item: ItemRef { table: ItemTable::WorkItems, id: 0 },
                project: ProjectKey(project),
                kind,
                category: steps.last().map_or(initial, |step| step.1),
                assignee: None,
                assignee_is_bot: assignee == Some(BOT),
                created_at,
                resolved_at,
                story_points: None,
                is_incident,
            };
            (row, assignee, initial, steps)
        },
    )
}

fn release() -> impl Strategy<Value = (ReleaseFact, Vec<ReleaseItemFact>)> {
    let day = || option::of((0..60i64).prop_map(|day| day_zero(day * 4).date_naive()));
    let item = (0..9i64, option::of(time()), option::of(time())).prop_map(|(work_item_id, added_at, removed_at)| ReleaseItemFact {
        release_id: 0,
        work_item_id,
        added_at,
        removed_at,
    });
    (0..2u32, any::<bool>(), day(), day(), prop::collection::vec(item, 0..6)).prop_map(
        |(project, released, start_on, release_on, items)| {
            (ReleaseFact { id: 0, project: ProjectKey(project), released, start_on, release_on }, items)
        },
    )
}

/// People, teams and their accounts by number.
fn population(facts: &mut Facts) -> Vec<IdentityKey> {
    let connection = ConnectionId(uuid::Uuid::from_u128(1));
    for project in ["10", "11"] {
        facts.project(connection, project);
    }
    let accounts: Vec<IdentityKey> = (0..=4).map(|who| facts.identity(connection, &who.to_string())).collect();
    let (ann, ben) = (facts.person("ann"), facts.person("ben"));
    for (account, person) in [(0, ann), (1, ann), (2, ben)] {
        facts.person_of(accounts[account], person, false);
    }
    let (red, blue) = (facts.team("red"), facts.team("blue"));
    let moved = Some(day_zero(100));
    facts.team_memberships = vec![
        TeamMembership { team: red, person: ann, from: None, to: moved },
        TeamMembership { team: blue, person: ann, from: moved, to: None },
        // twice in the same team, and in two at once
        TeamMembership { team: blue, person: ann, from: Some(day_zero(120)), to: None },
        TeamMembership { team: red, person: ann, from: Some(day_zero(140)), to: Some(day_zero(160)) },
        TeamMembership { team: red, person: ben, from: Some(day_zero(20)), to: None },
    ];
    accounts
}

/// Merge requests and work items have ids 0, 1 …; some events and links are of rows that do not exist.
pub fn facts() -> impl Strategy<Value = Facts> {
    let rows = |most| 0..most;
    let code = (
        prop::collection::vec(merge_request(), rows(8)),
        prop::collection::vec(event(), rows(40)),
        prop::collection::vec(pipeline(), rows(12)),
        prop::collection::vec(deployment(), rows(12)),
    );
    let work = (
        prop::collection::vec(work_item(), rows(10)),
        prop::collection::vec(release(), rows(4)),
        prop::collection::vec((0..10i64, 0..9i64), rows(8)),
    );
    (code, work).prop_map(|((merge_requests, events, pipelines, deployments), (items, releases, links))| {
        let mut facts = Facts::default();
        let accounts = population(&mut facts);
        let account = |who: Option<u32>| who.map(|who| accounts[who as usize]);
        for ((row, who), id) in merge_requests.into_iter().zip(0..) {
            facts.merge_requests.push(MergeRequestFact { id, author: account(who), ..row });
        }
        for (merge_request_id, kind, who, at) in events {
            facts.review_events.push(ReviewEventFact { merge_request_id, kind, by: account(who), by_is_bot: who == Some(BOT), at });
        }
        for ((row, who), id) in pipelines.into_iter().zip(0..) {
            facts.pipelines.push(PipelineFact { id, started_by: account(who), ..row });
        }
        for ((row, who), id) in deployments.into_iter().zip(0..) {
            facts.deployments.push(DeploymentFact { id, deployed_by: account(who), ..row });
        }
        for ((row, who, initial, steps), id) in items.into_iter().zip(0..) {
            let (mut at, mut from) = (row.created_at, initial);
            for (hours, to) in steps {
                at += TimeDelta::hours(hours * 6);
                facts.work_item_transitions.push(WorkItemTransition { work_item_id: id, at, from, to });
                from = to;
            }
            facts.work_items.push(WorkItemFact { item: ItemRef { table: ItemTable::WorkItems, id }, assignee: account(who), ..row });
        }
        for ((row, items), id) in releases.into_iter().zip(0..) {
            facts.releases.push(ReleaseFact { id, ..row });
            facts.release_items.extend(items.into_iter().map(|item| ReleaseItemFact { release_id: id, ..item }));
        }
        for (item, merge_request_id) in links {
            facts.item_merge_requests.push(ItemMergeRequest { item: ItemRef { table: ItemTable::WorkItems, id: item }, merge_request_id });
        }
        facts
    })
}
