//! A definition's version is raised when the definition or what its function answers changes. `golden.json` holds, for each metric, its version
//! and what the two were then, as hashes.

use std::collections::BTreeMap;

use ovia_kpi::{KpiSettings, MetricEntry, REGISTRY, Snapshot, compute_all};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    pub version: i32,
    /// Of the definition in words.
    pub definition: String,
    /// Of every figure on the fixed company, with its stats, coverage and rows.
    pub results: String,
}

/// FNV-1a, 64 bits: it has to notice a change, not an enemy.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

pub fn of(entry: &MetricEntry, snapshots: &[Snapshot]) -> Golden {
    let mut definition = serde_json::to_value(entry.definition).unwrap();
    definition.as_object_mut().unwrap().remove("version");
    let words = format!("{definition}{:?}{:?}{}", entry.stats, entry.coverage, entry.row_table.as_str());
    let figures = snapshots.iter().filter(|snapshot| snapshot.metric == entry.definition.key).map(|snapshot| {
        // twelve digits: the last bits of a float may differ between machines
        let short = |value: f64| format!("{value:.9}");
        let values: Vec<String> = snapshot.row_values.iter().map(|value| short(*value)).collect();
        let stats: Vec<String> =
            snapshot.stats.iter().map(|(name, value)| format!("{name}={}", value.as_f64().map_or(value.to_string(), short))).collect();
        let coverage: Vec<String> =
            snapshot.coverage.iter().map(|(name, value)| format!("{name}={}", value.as_f64().map_or(value.to_string(), short))).collect();
        let figure = (&snapshot.scope, snapshot.window, snapshot.value.map(short), stats, coverage, &snapshot.row_ids, values);
        format!("{figure:?}")
    });
    Golden { version: entry.definition.version, definition: hash(&words), results: hash(&figures.collect::<String>()) }
}

/// What is wrong with a metric that is `now`, when `then` is on record.
pub fn complaint(key: &str, then: Option<&Golden>, now: &Golden) -> Option<String> {
    let Some(then) = then else { return Some(format!("{key} is new: record it with UPDATE_GOLDEN=1")) };
    let changed = match (then.definition != now.definition, then.results != now.results) {
        (true, true) => "its definition and its results",
        (true, false) => "its definition",
        (false, true) => "its results",
        (false, false) if then.version == now.version => return None,
        (false, false) => return Some(format!("{key} is version {} and the same as version {}", now.version, then.version)),
    };
    Some(match now.version > then.version {
        true => format!("{key}: {changed} changed with version {}: record it with UPDATE_GOLDEN=1", now.version),
        false => format!(
            "{key}: {changed} changed and its version is still {}: raise it, so that old figures are told from new ones",
            then.version
        ),
    })
}

/// Of the fixed company: with settings as shipped, and with others where days begin elsewhere and patience is shorter.
fn figures() -> Vec<Snapshot> {
    let (facts, as_of) = super::company::fixed();
    let shipped = KpiSettings::default();
    let others = KpiSettings {
        time_zone: "America/St_Johns".into(),
        stale_after_days: 2,
        ageing_after_days: 3,
        attribution_window_hours: 90,
        ..KpiSettings::default()
    };
    [shipped, others].iter().flat_map(|settings| compute_all(&facts, settings, as_of)).collect()
}

#[test]
fn what_a_metric_answers_changes_with_its_version_only() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/golden.json");
    let recorded: BTreeMap<String, Golden> = serde_json::from_str(&std::fs::read_to_string(path).unwrap_or("{}".to_owned())).unwrap();
    let snapshots = figures();
    let now: BTreeMap<String, Golden> = REGISTRY.iter().map(|entry| (entry.definition.key.to_string(), of(entry, &snapshots))).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        // a record is replaced by that of a higher version only
        let newer = |(key, golden): (&String, &Golden)| match recorded.get(key) {
            Some(then) if then.version >= golden.version => (key.clone(), then.clone()),
            _ => (key.clone(), golden.clone()),
        };
        let text = serde_json::to_string_pretty(&now.iter().map(newer).collect::<BTreeMap<_, _>>()).unwrap();
        std::fs::write(path, text + "\n").unwrap();
        return;
    }
    let complaints: Vec<String> = now.iter().filter_map(|(key, golden)| complaint(key, recorded.get(key), golden)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The check above sees what it is for: another formula, other words, each with the old version and with a new one.
#[test]
fn a_change_without_a_version_is_found() {
    let (facts, as_of) = super::company::fixed();
    let mut snapshots = compute_all(&facts, &ovia_kpi::KpiSettings::default(), as_of);
    let entry = &REGISTRY[0];
    let then = of(entry, &snapshots);
    assert_eq!(complaint("it", Some(&then), &then), None);

    let counted = snapshots.iter_mut().find(|snapshot| snapshot.metric == entry.definition.key && snapshot.value.is_some()).unwrap();
    counted.value = counted.value.map(|value| value + 1.0);
    let other_results = of(entry, &snapshots);
    let found = complaint("it", Some(&then), &other_results).unwrap();
    assert!(found.contains("its results changed and its version is still 1: raise it"), "{found}");

    let mut worded = entry.definition;
    worded.formula = "Something else.";
    let other_words = MetricEntry { definition: worded, ..copy(entry) };
    let found = complaint("it", Some(&other_results), &of(&other_words, &snapshots)).unwrap();
    assert!(found.contains("its definition changed and its version is still 1"), "{found}");

    worded.version = 2;
    let raised = MetricEntry { definition: worded, ..copy(entry) };
    let found = complaint("it", Some(&other_results), &of(&raised, &snapshots)).unwrap();
    assert!(found.contains("changed with version 2: record it"), "{found}");
    assert!(complaint("it", None, &then).is_some());
}

fn copy(entry: &MetricEntry) -> MetricEntry {
    MetricEntry {
        definition: entry.definition,
        row_table: entry.row_table,
        rows_of: entry.rows_of,
        stats: entry.stats,
        coverage: entry.coverage,
        prepare: entry.prepare,
    }
}
