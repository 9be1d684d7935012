//! `docs/metrics.md`, the registry and what the functions answer say the same.
#![expect(clippy::unwrap_used, reason = "tests")]

mod company;
mod golden;

use ovia_domain::RowTable;
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

/// The store opens a number with the queries that the registry says: a metric whose rows are elsewhere, or a row that is called otherwise, is a new
/// file.
#[test]
fn the_committed_drill_down_queries_are_the_registrys() {
    for table in RowTable::ALL {
        let path = format!("{}/../store/src/kpi/rows_{}.sql", env!("CARGO_MANIFEST_DIR"), table.as_str());
        let rendered = ovia_kpi::rows_query(table);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == rendered, "{path} differs from the registry; refresh it with `UPDATE_DOCS=1 cargo test -p ovia-kpi`");
    }
}

/// PostgreSQL knows which metrics are states from the newest migration that says so.
#[test]
fn the_migrations_know_which_metrics_are_states() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    let newest = texts.rfind(|text| text.contains("function kpi_rows_of_last_day(metric text)")).unwrap_or_default();
    let wanted = ovia_kpi::last_day_function();
    assert!(newest.contains(&wanted), "the registry has other states than the migrations; a new migration has to say:\n{wanted}");
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
