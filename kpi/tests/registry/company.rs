//! A fixed company in which every metric has something to say.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ovia_domain::{ConnectionId, StatusCategory, WorkItemKind};
use ovia_kpi::*;

pub fn fixed() -> (Facts, DateTime<Utc>) {
    let start = DateTime::from_timestamp(1_714_521_600, 0).unwrap(); // 1 May 2024
    let at = |hours: i64| start + TimeDelta::hours(hours);
    let connection = ConnectionId(uuid::Uuid::from_u128(1));
    let mut facts = Facts::default();
    let projects = ["1", "2"].map(|id| facts.project(connection, id));
    let accounts = ["ann", "ben", "cleo", "bot"].map(|id| facts.identity(connection, id));
    for (account, name) in accounts.iter().zip(["ann", "ben"]) {
        let person = facts.person(name);
        facts.person_of(*account, person, false);
    }
    // one who moves from team to team, and one who is in two
    let [ann, ben] = ["ann", "ben"].map(|name| facts.person(name));
    let [red, blue] = ["red", "blue"].map(|name| facts.team(name));
    for (team, person, from, to) in [
        (red, ann, None, Some(at(190))),
        (blue, ann, Some(at(190)), None),
        (blue, ben, None, None),
        (red, ben, Some(at(100)), Some(at(300))),
    ] {
        facts.team_memberships.push(TeamMembership { team, person, from, to });
    }
    for id in 0..40i64 {
        let (created_at, who) = (at(id * 11), (id % 4) as usize);
        let project = projects[(id % 3 == 0) as usize];
        // one at once
        let open_for = if id == 12 { TimeDelta::minutes(30) } else { TimeDelta::hours(id * 7 % 60 - 1) };
        let merged_at = (id % 5 != 0).then(|| created_at + open_for);
        facts.merge_requests.push(MergeRequestFact {
            id,
            project,
            author: Some(accounts[who]),
            author_is_bot: who == 3,
            state: MergeRequestState::parse(if merged_at.is_some() { "merged" } else { "opened" }),
            draft: id % 10 == 5,
            is_fork: id % 9 == 0,
            is_hotfix: id % 8 == 0,
            created_at,
            updated_at: None,
            merged_at,
            closed_at: None,
            first_commit_at: (id % 6 != 1).then(|| created_at - TimeDelta::hours(id % 20 - 2)),
            head_sha: None,
            merge_sha: Sha::parse(&format!("{:016x}", id + 1)),
            squash_sha: None,
            additions: (id % 7 != 2).then_some((id * 13 % 100) as u32),
            deletions: Some(id as u32),
        });
        for note in 0..id % 3 {
            let by = (id + note) as usize % 4;
            let event = ReviewEventFact {
                merge_request_id: id,
                kind: if note == 0 { ReviewEventKind::Note } else { ReviewEventKind::SystemApproved },
                by: Some(accounts[by]),
                by_is_bot: by == 3,
                at: created_at + TimeDelta::hours(id % 17 + note * 3 - 1),
            };
            facts.review_events.push(event);
        }
        if id % 4 == 1 {
            // a draft at first, and reviewed an hour before it was merged
            let mut event = |kind, at| {
                facts.review_events.push(ReviewEventFact { merge_request_id: id, kind, by: Some(accounts[2]), by_is_bot: false, at });
            };
            event(ReviewEventKind::MarkedReady, created_at + TimeDelta::hours(2));
            merged_at.into_iter().for_each(|at| event(ReviewEventKind::Approval, at - TimeDelta::hours(1)));
        }
        facts.pipelines.push(PipelineFact {
            id,
            project,
            started_by: Some(accounts[who]),
            status: PipelineStatus::parse(["success", "success", "failed", "canceled"][who]),
            updated_at: Some(created_at),
            started_at: (id % 4 != 1).then_some(created_at),
            finished_at: Some(created_at + TimeDelta::minutes(id * 3 % 50 - 1)),
            duration_seconds: (id % 8 == 1).then_some(90.0),
        });
        work_item(&mut facts, id, project, accounts[who], created_at);
    }
    for id in 0..14i64 {
        facts.deployments.push(DeploymentFact {
            id,
            project: projects[0],
            deployed_by: Some(accounts[3]),
            deployed_by_bot: true,
            status: DeploymentStatus::parse(["success", "success", "failed", "blocked"][id as usize % 4]),
            environment_tier: Some(EnvironmentTier::parse(if id % 5 == 4 { "staging" } else { "production" })),
            deployment_tier: None,
            sha: Sha::parse(&format!("{:016x}", id * 3 + 2)),
            created_at: at(id * 30),
            updated_at: None,
            finished_at: Some(at(id * 30 + 1)),
        });
    }
    // two incidents that somebody put down to one deployment
    for id in [4, 13] {
        let item = ItemRef { table: ItemTable::Issues, id };
        facts.attribution_overrides.push(AttributionOverride { item, deployment_id: Some(1) });
    }
    let day = |day| NaiveDate::from_ymd_opt(2024, 5, day).unwrap();
    // in the last one there is nothing
    for (id, released, end) in [(0, false, day(25)), (1, true, day(12)), (2, false, day(20))] {
        facts.releases.push(ReleaseFact { id, project: projects[0], released, start_on: Some(day(4)), release_on: Some(end) });
    }
    (facts, at(24 * 19))
}

fn work_item(facts: &mut Facts, id: i64, project: ProjectKey, assignee: IdentityKey, created_at: DateTime<Utc>) {
    use StatusCategory::{Done, InProgress, Todo};
    let incident = id % 9 == 4;
    let item = ItemRef { table: if incident { ItemTable::Issues } else { ItemTable::WorkItems }, id };
    let steps = [(5, InProgress), (9 + id % 30, Done), (60, Todo), (80, Done)];
    let mut from = Todo;
    for (hours, to) in steps.into_iter().take((id % 5) as usize).filter(|_| !incident && id != 21) {
        let at = created_at + TimeDelta::hours(hours);
        facts.work_item_transitions.push(WorkItemTransition { work_item_id: id, at, from: Some(from), to: Some(to) });
        from = to;
    }
    // done without having been begun
    if id == 21 {
        let at = created_at + TimeDelta::hours(20);
        facts.work_item_transitions.push(WorkItemTransition { work_item_id: id, at, from: Some(from), to: Some(Done) });
        from = Done;
    }
    facts.work_items.push(WorkItemFact {
        item,
        project,
        kind: WorkItemKind::ALL[id as usize % 5],
        category: if id == 7 { Some(Done) } else { Some(from) },
        assignee: Some(assignee),
        assignee_is_bot: id % 4 == 3,
        created_at,
        resolved_at: (incident && id != 22).then(|| created_at + TimeDelta::hours(id)),
        story_points: None,
        is_incident: incident,
    });
    facts.item_merge_requests.push(ItemMergeRequest { item, merge_request_id: id - id % 2 });
    let stay = |release_id| ReleaseItemFact {
        release_id,
        work_item_id: id,
        added_at: (id % 3 == 0).then_some(created_at),
        removed_at: (id % 6 == 0).then(|| created_at + TimeDelta::hours(100)),
    };
    facts.release_items.extend((0..2).filter(|release| id % 4 >= *release).map(stay));
}
