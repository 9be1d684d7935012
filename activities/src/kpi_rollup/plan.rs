//! Which windows a rollup computes, and in which slices.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ovia_kpi::{Calendar, Facts, KpiSettings, REGISTRY, Window, WindowKind, windows};
use ovia_store::kpi::{
    state::RollupState,
    touched::{ChangedPersonRow, TouchedSpan},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::days::KnownDays;

type Time = DateTime<Utc>;

/// Why a rollup looks at what it looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing is stored yet, or something changed that may change everything.
    Everything { why: &'static str },
    /// What somebody asked for, `[from, to)`.
    Range { from: Time, to: Time },
    /// What was touched since the last rollup.
    Touched(Vec<TouchedSpan>),
}

/// What a rollup begins with.
pub(super) struct Basis {
    pub(super) as_of: Time,
    pub(super) settings_version: i32,
    pub(super) basis: String,
    pub(super) people: Vec<ChangedPersonRow>,
}

/// Versions of the definitions in force, as `kpi_rollup_state.definitions` has them.
pub(super) fn definitions() -> Value {
    let versions: BTreeMap<&str, i32> = REGISTRY.iter().map(|entry| (entry.definition.key.as_str(), entry.definition.version)).collect();
    json!(versions)
}

/// Whether only touched windows need to be computed; else why not.
pub(super) fn incremental(state: &RollupState, now: &Basis) -> Result<(Time, Time), &'static str> {
    let (Some(watermark), Some(previous)) = (state.watermark, state.as_of) else { return Err("first") };
    match () {
        () if now.as_of < previous => Err("earlier_moment"),
        () if state.settings_version != now.settings_version => Err("settings"),
        () if state.definitions != definitions() => Err("definitions"),
        () if state.basis != now.basis => Err("teams_projects_or_connections"),
        () => Ok((watermark, previous)),
    }
}

/// The windows to compute. `earliest` is the time of the first row, now or when the figures were made before; `stored` are trailing windows of earlier days that are kept.
pub(super) fn windows_of(scope: &Scope, settings: &KpiSettings, earliest: Time, as_of: Time, stored: &[Window]) -> Vec<Window> {
    let mut all = windows::covering(earliest, as_of, settings.tz());
    all.extend(stored.iter().filter(|window| window.end > earliest && window.start <= as_of));
    all.sort_unstable();
    all.dedup();
    match scope {
        Scope::Everything { .. } => all,
        Scope::Range { from, to } => windows::affected(&all, *from, *to),
        Scope::Touched(spans) => {
            let touched: BTreeSet<Window> = spans.iter().flat_map(|span| windows::affected(&all, span.from, span.to)).collect();
            touched.into_iter().collect()
        }
    }
}

/// Where the days' own windows begin: before that, windows keep their rows themselves.
pub(super) fn days_from(settings: &KpiSettings, earliest: Time, as_of: Time) -> Time {
    let all = windows::covering(earliest, as_of, settings.tz());
    all.iter().filter(|window| window.kind == WindowKind::Day).map(|window| window.start).min().unwrap_or(as_of)
}

/// Figures of a slice, about: so many are computed, held and stored at a time.
const SLICE_FIGURES: usize = 5_000;
/// Slices of a stretch, about, where there are not more: one is computed while the one before is stored, and the last is stored alone. None is
/// smaller than half of what it may be, as each costs some round trips.
const SLICES: usize = 12;

/// A quarter of which as little has to be read is read together with the next one.
const SHARED_DAYS: TimeDelta = TimeDelta::days(10);

/// How many scopes figures are computed for.
pub(super) fn scopes(facts: &Facts, people: bool) -> usize {
    1 + facts.project_ids().len() + facts.team_ids().len() + if people { facts.person_ids().len() } else { 0 }
}

/// Windows by the quarter from which on their rows have to be read, in the order of time; each quarter's in slices that fit into memory. A
/// quarter's facts are read once, for all of its slices.
pub(super) fn stretches(windows: Vec<Window>, settings: &KpiSettings, scopes: usize, days: &KnownDays) -> Vec<Vec<Vec<Window>>> {
    let calendar = Calendar::new(settings.tz());
    let mut quarters: BTreeMap<NaiveDate, Vec<Window>> = BTreeMap::new();
    for window in windows {
        let quarter = Calendar::first_day(WindowKind::Quarter, calendar.date(days.unknown_from(window.start, window.end)));
        quarters.entry(quarter).or_default().push(window);
    }
    // where only the last days of a quarter have to be read, they are read with the next one
    let mut stretches: Vec<Vec<Window>> = Vec::new();
    for windows in quarters.into_values() {
        let from = |windows: &[Window]| days.read_from(windows).unwrap_or_default();
        match stretches.last_mut() {
            Some(last) if from(&windows) - from(last) <= SHARED_DAYS => last.extend(windows),
            _ => stretches.push(windows),
        }
    }
    let at_most = (SLICE_FIGURES / (scopes * REGISTRY.len()).max(1)).max(1);
    let slices = |windows: Vec<Window>| {
        let at_once = (windows.len() / SLICES).clamp(at_most.div_ceil(2), at_most);
        windows.chunks(at_once).map(<[Window]>::to_vec).collect()
    };
    stretches.into_iter().map(slices).collect()
}

/// What the windows of a run are computed with, as a hash: a slice that was stored with something else is computed again.
pub(super) fn made_with(now: &Basis, person_level: bool, first_day: NaiveDate) -> String {
    let parts = json!([now.as_of, now.settings_version, person_level, first_day, definitions(), now.basis]);
    hash(&parts.to_string())
}

/// What a slice is called: its first and last window, and a hash of all of them and of what they are computed with.
pub(super) fn slice_name(slice: &[Window], made_with: &str) -> String {
    let name = |window: &Window| format!("{}/{}", window.kind, window.start.format("%Y-%m-%dT%H:%MZ"));
    let all: String = slice.iter().map(|window| name(window) + " ").chain([made_with.to_owned()]).collect();
    match (slice.first(), slice.last()) {
        (Some(first), Some(last)) => format!("{}..{} ({}, {})", name(first), name(last), slice.len(), hash(&all)),
        _ => String::new(),
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex::encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_touched_day_computes_the_windows_that_hold_it_and_no_earlier_one() {
        let (settings, earliest, as_of) = (KpiSettings::default(), at("2025-06-01T00:00:00Z"), at("2026-03-01T10:00:00Z"));
        let span = TouchedSpan { from: at("2026-02-10T10:00:00Z"), to: at("2026-02-10T11:00:00Z") };
        let touched = windows_of(&Scope::Touched(vec![span]), &settings, earliest, as_of, &[]);
        let holding = |kind| touched.iter().filter(|window| window.kind == kind && window.contains(span.from)).count();
        for kind in [WindowKind::Day, WindowKind::Week, WindowKind::Month, WindowKind::Quarter, WindowKind::Trailing30Days] {
            assert_eq!(holding(kind), 1, "{kind}");
        }
        assert!(touched.iter().all(|window| window.end >= span.from), "what was over before is left alone");
        let everything = windows_of(&Scope::Everything { why: "first" }, &settings, earliest, as_of, &[]);
        assert!(touched.len() < 15 && everything.len() > 300, "{} of {}", touched.len(), everything.len());
    }

    #[test]
    fn slices_hold_every_window_once_and_are_bounded() {
        let (settings, earliest, as_of) = (KpiSettings::default(), at("2025-03-01T00:00:00Z"), at("2026-03-01T10:00:00Z"));
        let all = windows_of(&Scope::Everything { why: "first" }, &settings, earliest, as_of, &[]);
        for scopes in [1, 300, 100_000] {
            let stretches = stretches(all.clone(), &settings, scopes, &KnownDays::none(Calendar::new(settings.tz())));
            assert!(stretches.len() >= 5, "a year is of five quarters, and of the one its first week begins in: {}", stretches.len());
            let slices = stretches.concat();
            let mut windows = slices.concat();
            windows.sort_unstable();
            assert_eq!(windows, all);
            assert!(slices.iter().all(|slice| slice.len() == 1 || slice.len() * scopes * REGISTRY.len() <= SLICE_FIGURES));
            let names: BTreeSet<String> = slices.iter().map(|slice| slice_name(slice, "a")).collect();
            assert!(names.iter().all(|name| !slices.iter().any(|slice| slice_name(slice, "b") == *name)), "computed with something else");
            assert_eq!(names.len(), slices.len());
        }
        // of few windows each is half as much as it may be, so that one is computed while another is stored
        let days = KnownDays::none(Calendar::new(settings.tz()));
        let scopes = SLICE_FIGURES / REGISTRY.len() / 4;
        let of_few = stretches(all[..10].to_vec(), &settings, scopes, &days);
        let not_last = of_few.iter().flat_map(|slices| &slices[..slices.len() - 1]);
        assert!(not_last.map(Vec::len).all(|windows| windows == 2) && of_few.concat().len() > 3, "{}", of_few.concat().len());
    }

    #[test]
    fn whatever_may_change_everything_does() {
        let state = RollupState {
            watermark: Some(at("2026-03-01T00:00:00Z")),
            as_of: Some(at("2026-03-01T00:00:00Z")),
            definitions: definitions(),
            basis: "a".into(),
            ..RollupState::default()
        };
        let now = |as_of: &str, settings_version, basis: &str| Basis {
            as_of: at(as_of),
            settings_version,
            basis: basis.into(),
            people: Vec::new(),
        };
        assert!(incremental(&state, &now("2026-03-02T00:00:00Z", 0, "a")).is_ok());
        assert_eq!(incremental(&state, &now("2026-02-28T00:00:00Z", 0, "a")), Err("earlier_moment"));
        assert_eq!(incremental(&state, &now("2026-03-02T00:00:00Z", 1, "a")), Err("settings"));
        assert_eq!(incremental(&state, &now("2026-03-02T00:00:00Z", 0, "b")), Err("teams_projects_or_connections"));
        let raised = RollupState { definitions: json!({"merge_throughput": 0}), ..state.clone() };
        assert_eq!(incremental(&raised, &now("2026-03-02T00:00:00Z", 0, "a")), Err("definitions"));
        assert_eq!(incremental(&RollupState::default(), &now("2026-03-02T00:00:00Z", 1, "a")), Err("first"));
    }
}
