//! `make chaos` in short: everything is killed at random, and the end state is the truth all the same.

use std::time::Duration;

use ovia_tests::chaos::{ChaosOptions, chaos};

async fn ends_with_the_truth(seed: u64) {
    let report = chaos(ChaosOptions::short(seed)).await.unwrap();
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert!(report.kills_total >= 8 && report.freezes >= 1, "{report}");
}

#[tokio::test]
async fn chaos_with_seed_11() {
    ends_with_the_truth(11).await;
}

#[tokio::test]
async fn chaos_with_seed_12() {
    ends_with_the_truth(12).await;
}

/// A check that finds nothing proves nothing: every kind of damage is noticed.
#[tokio::test]
async fn damage_is_noticed() {
    const DAMAGE: [(&str, &str); 12] = [
        ("delete from merge_requests where id = (select min(id) from merge_requests)", "merge_requests: 1 lost"),
        ("update issues set title = 'other' where id = (select min(id) from issues)", "issues: 1 wrong"),
        (
            "insert into pipelines overriding system value select (jsonb_populate_record(p, jsonb_build_object('id', -1, 'external_id', 'x'))).*
             from pipelines p limit 1",
            "pipelines: 1 that the source has not",
        ),
        (
            "delete from raw_records where (connection_id, stream, external_id) in (
                 select connection_id, stream, external_id from raw_records where stream = 'deployments' limit 1)",
            "raw deployments:",
        ),
        ("update connection_leases set expires_at = now() + interval '1 hour'", "a lease is held"),
        ("update connection_leases set wanted_by = run_id", "a lease is wanted"),
        (
            "insert into detail_queue (connection_id, org_id, stream, external_id, args)
             select id, org_id, 'merge_request_notes', '1', '{}' from connections limit 1",
            "a detail is queued",
        ),
        (
            "update runs set status = 'degraded' where id = (select id from runs where kind = 'sync' order by id limit 1)",
            "a run ended in a way that nothing explains",
        ),
        ("update run_streams set fetched = fetched + 1 where stream = 'members'", "a run's counters do not add up"),
        ("update stream_states set items_ingested_total = 7 where stream = 'issues'", "a stream's total is not what its runs wrote"),
        ("update backfill_windows set done_at = null where position = 3", "a window was not walked"),
        ("delete from run_events where id = (select min(id) from run_events where kind = 'run_queued')", "events are there and"),
    ];
    let statements: Vec<&str> = DAMAGE.iter().map(|(statement, _)| *statement).collect();
    let report = chaos(ChaosOptions {
        kills: 0,
        freezes: 0,
        chaos: Duration::from_secs(2),
        records: 400,
        sabotage: Some(statements.join(";").leak()),
        ..ChaosOptions::short(13)
    });
    let report = report.await.unwrap();
    for (statement, noticed) in DAMAGE {
        assert!(report.violations.iter().any(|violation| violation.contains(noticed)), "`{statement}` was not noticed: {report}");
    }
}
