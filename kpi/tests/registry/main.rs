//! `docs/metrics.md`, the registry and what the functions answer say the same.
#![expect(clippy::unwrap_used, reason = "tests")]

mod company;
mod golden;

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
    let (facts, as_of) = company::fixed();
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
