//! When and where accounts are at work, read from what they did.

use chrono::{DateTime, Duration, Utc};
use ovia_domain::OrgId;

use crate::world::{World, account};

/// Account `n` of the world's own connection.
fn external(n: u128) -> String {
    account(n).to_string()
}

/// `count` merge requests of one author in one project, `hour` o'clock, some days ago.
async fn merge_requests(world: &World, project: &str, author: &str, at: &str, count: u32, mentions: Option<&str>) {
    let (org, connection) = (world.org, world.connection);
    world
        .db
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, author_external_id,
                assignee_external_ids, reviewer_external_ids, labels, source_branch, target_branch, is_fork, created_at, updated_at)
            select '{org}', '{connection}', '{project}-{author}-{at}-' || n, '{project}', n, 'x', 'opened', false, '{author}', '{{}}', '{{}}', '{{}}', 'b', 'main',
                false, '{at}', '{at}' from generate_series(1, {count}) n"
        ))
        .await;
    if let Some(key) = mentions {
        world
            .db
            .sql(&format!(
                "insert into references_found (org_id, connection_id, external_id, from_table, from_external_id, place, keys)
                select org_id, connection_id, external_id || '-ref', 'merge_requests', external_id, 'title', '{{{key}}}' from merge_requests
                where project_external_id = '{project}' and author_external_id = '{author}'"
            ))
            .await;
    }
}

async fn rows(world: &World, org: OrgId) -> Vec<(u128, Vec<(usize, i32)>, Vec<String>)> {
    let read = world.store().matching_read(org).await.expect("read");
    let busy = |hours: &[i32]| hours.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
    read.activity.iter().map(|row| (row.identity_id.as_u128() - 0xA0_0000, busy(&row.hours), row.projects.clone())).collect()
}

#[tokio::test]
async fn hours_and_projects_are_counted_once_a_day() {
    let world = World::new(4).await;
    let (connection, now) = (world.connection, Utc::now());
    let at = |hour: u32, days: i64| {
        let day = (now - Duration::days(days)).date_naive();
        day.and_hms_opt(hour, 30, 0).expect("a time").and_utc().to_rfc3339()
    };
    world
        .db
        .sql(&format!(
            "insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels,
                components, fix_version_external_ids, sprint_external_ids, created_at)
            values ('{}', '{connection}', 'w1', 'WEB-1', 'tracker', 't', 'task', 'Task', 'Open', '{{}}', '{{}}', '{{}}', '{{}}', now())",
            world.org
        ))
        .await;
    merge_requests(&world, "web", &external(1), &at(9, 3), 15, Some("WEB-1")).await;
    merge_requests(&world, "docs", &external(1), &at(14, 3), 10, None).await;
    merge_requests(&world, "web", &external(2), &at(9, 3), 19, None).await;
    merge_requests(&world, "web", &external(3), &at(9, 400), 90, None).await;
    assert!(rows(&world, world.org).await.is_empty());
    assert!(world.store().account_activity_refresh(world.org, now).await.expect("read"));
    let named = |name: &str| format!("{connection}/{name}");
    let first = (1, vec![(9, 15), (14, 10)], vec![named("docs"), named("tracker"), named("web")]);
    assert_eq!(rows(&world, world.org).await, std::slice::from_ref(&first), "2 did too little, 3 too long ago");

    // commits by their address, comments and changes of items count too; automatic notes are somebody's doing as well
    let (org, noon) = (world.org, at(12, 2));
    world
        .db
        .sql(&format!(
            "insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha, title, author_email, authored_at)
                select '{org}', '{connection}', 'c' || n, (select min(external_id) from merge_requests where project_external_id = 'docs'), 'x', 't',
                    'USER4@acme.test', '{noon}' from generate_series(1, 12) n;
            insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, author_external_id, created_at, field)
                select '{org}', '{connection}', 'h' || n, 'w1', '{}', '{noon}', 'status' from generate_series(1, 12) n",
            external(4)
        ))
        .await;
    let soon: DateTime<Utc> = now + Duration::hours(23);
    assert!(!world.store().account_activity_refresh(world.org, soon).await.expect("read"), "once a day");
    assert_eq!(rows(&world, world.org).await.len(), 1);
    assert!(world.store().account_activity_refresh(world.org, now + Duration::hours(25)).await.expect("read"));
    let fourth = (4, vec![(12, 24)], vec![named("docs"), named("tracker")]);
    assert_eq!(rows(&world, world.org).await, [first, fourth]);

    // a year later nobody did anything
    assert!(world.store().account_activity_refresh(world.org, now + Duration::days(500)).await.expect("read"));
    assert!(rows(&world, world.org).await.is_empty());
}
