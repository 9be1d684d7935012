//! `docs/metrics.md` and the registry say the same.
#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_kpi::{KpiSettings, REGISTRY, Scope, compute_all};

#[test]
fn the_committed_document_is_the_registrys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let rendered = ovia_kpi::render_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == rendered, "docs/metrics.md differs from the registry; refresh it with `UPDATE_DOCS=1 cargo test -p ovia-kpi`");
}

/// What a snapshot carries is what the registry (and so the document) names.
#[test]
fn stats_and_coverage_are_the_documented_ones() {
    let (facts, as_of) = company::one_of_each();
    for snapshot in compute_all(&facts, &KpiSettings::default(), as_of)
        .iter()
        .filter(|snapshot| snapshot.scope == Scope::Organisation && snapshot.value.is_some())
    {
        let entry = ovia_kpi::metric(snapshot.metric);
        let mut stats: Vec<&str> = entry.stats.iter().map(|(name, _)| *name).collect();
        let mut coverage: Vec<&str> = entry.coverage.iter().map(|(name, _)| *name).chain(["partial", "rows"]).collect();
        stats.sort_unstable();
        coverage.sort_unstable();
        let mut found: (Vec<&str>, Vec<&str>) =
            (snapshot.stats.keys().map(String::as_str).collect(), snapshot.coverage.keys().map(String::as_str).collect());
        found.0.sort_unstable();
        found.1.sort_unstable();
        assert_eq!(found, (stats, coverage), "{}", snapshot.metric);
    }
    let with_data: std::collections::HashSet<_> = compute_all(&facts, &KpiSettings::default(), as_of)
        .into_iter()
        .filter(|snapshot| snapshot.value.is_some())
        .map(|snapshot| snapshot.metric.as_str())
        .collect();
    assert_eq!(with_data.len(), REGISTRY.len());
}

mod company {
    use chrono::{DateTime, Utc};
    use ovia_domain::ConnectionId;
    use ovia_kpi::*;

    pub fn one_of_each() -> (Facts, DateTime<Utc>) {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let connection = ConnectionId(uuid::Uuid::from_u128(1));
        let mut facts = Facts::default();
        let project = facts.project(connection, "1");
        let (author, by) = (Some(facts.identity(connection, "1")), Some(facts.identity(connection, "2")));
        let (created_at, done) = (at("2024-05-06T00:00:00Z"), at("2024-05-07T00:00:00Z"));
        facts.merge_requests.push(MergeRequestFact {
            id: 1,
            project,
            author,
            author_is_bot: false,
            state: MergeRequestState::Merged,
            draft: false,
            created_at,
            updated_at: None,
            merged_at: Some(done),
            closed_at: None,
            is_fork: false,
            is_hotfix: false,
            first_commit_at: None,
            head_sha: None,
            merge_sha: None,
            squash_sha: None,
            additions: None,
            deletions: None,
        });
        facts.review_events.push(ReviewEventFact { merge_request_id: 1, kind: ReviewEventKind::Note, by, by_is_bot: false, at: done });
        facts.pipelines.push(PipelineFact {
            id: 1,
            project,
            status: PipelineStatus::Success,
            updated_at: Some(done),
            finished_at: None,
            started_by: None,
            on_default_branch: true,
            created_at: None,
            started_at: None,
            duration_seconds: None,
        });
        facts.deployments.push(DeploymentFact {
            id: 1,
            project,
            status: DeploymentStatus::Success,
            environment_tier: Some(EnvironmentTier::Production),
            deployment_tier: None,
            created_at,
            updated_at: None,
            finished_at: None,
            deployed_by: None,
            deployed_by_bot: false,
            sha: None,
        });
        (facts, at("2024-05-20T00:00:00Z"))
    }
}
