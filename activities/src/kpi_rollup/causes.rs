//! What happened since the figures were made, and which windows each of it touches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ovia_kpi::{EnvironmentTier, KpiSettings, REGISTRY, Window, windows};
use ovia_store::{
    StoreError,
    kpi::{
        changes::{CauseBook, DecisionCause, WindowSet},
        facts::KpiReader,
        incidents::AttributionsMoved,
        state::RollupState,
        touched::{TouchedMeaning, TouchedSpan},
    },
};
use uuid::Uuid;

use super::plan::{Basis, Scope};

/// Decisions of one rollup whose spans are looked for one by one; of more, all are held to touch what any of them does.
const DECISIONS: usize = 50;

/// What happened, as spans of time.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// Rows that came, changed or went, and incidents that went from one deployment to another.
    pub(super) late: Vec<TouchedSpan>,
    /// People's words on incidents.
    pub(super) overrides: Vec<TouchedSpan>,
    pub(super) decisions: Vec<(DecisionCause, Vec<TouchedSpan>)>,
    /// Where figures may be newer than the watermark of `state`.
    pub(super) begun: Vec<TouchedSpan>,
}

impl Happened {
    /// Since the watermark of `state`; nothing where there are no figures yet.
    pub(super) async fn read(reader: &mut KpiReader, state: &RollupState, now: &Basis, settings: &KpiSettings) -> Result<Self, StoreError> {
        let Some(since) = state.watermark else { return Ok(Self::default()) };
        let late = self::since(reader, since, now, settings).await?;
        let meaning = meaning(settings);
        let mut groups: BTreeMap<(Option<i64>, String), BTreeSet<Uuid>> = BTreeMap::new();
        for row in &now.people {
            groups.entry((row.decision_id, row.reason.clone())).or_default().insert(row.person_id);
        }
        let members = if groups.is_empty() { Vec::new() } else { reader.team_memberships().await? };
        let all: Vec<Uuid> = groups.values().flatten().copied().collect();
        let together = if groups.len() > DECISIONS { Some(reader.touched(None, now.as_of, &all, &meaning).await?) } else { None };
        let mut decisions = Vec::with_capacity(groups.len());
        for ((decision_id, reason), people) in groups {
            let ids: Vec<Uuid> = people.iter().copied().collect();
            let spans = match &together {
                Some(spans) => spans.clone(),
                None => reader.touched(None, now.as_of, &ids, &meaning).await?,
            };
            let teams = members.iter().filter(|row| people.contains(&row.person_id)).map(|row| row.team_id.to_string()).collect();
            let people = people.iter().map(Uuid::to_string).collect();
            decisions.push((DecisionCause { decision_id, reason, people, teams, ..DecisionCause::default() }, spans));
        }
        Ok(Self { late, overrides: Vec::new(), decisions, begun: state.begun.to_vec() })
    }

    /// Adds incidents that are put down to another deployment than before. `none_now`: there is no incident any more.
    pub(super) fn incidents(&mut self, moved: &AttributionsMoved, none_now: bool, earliest: DateTime<Utc>, as_of: DateTime<Utc>) {
        for (from, overridden) in &moved.moved {
            // to now: how long recovery took counts where the incident was resolved
            let spans = if *overridden { &mut self.overrides } else { &mut self.late };
            spans.push(TouchedSpan { from: *from, to: as_of });
        }
        // without any incident it is not known which deployments failed, in no window
        if moved.any_before == none_now {
            self.late.push(TouchedSpan { from: earliest, to: as_of });
        }
    }

    /// All of it.
    pub(super) fn spans(&self) -> impl Iterator<Item = TouchedSpan> {
        let decisions = self.decisions.iter().flat_map(|(_, spans)| spans);
        self.late.iter().chain(&self.overrides).chain(decisions).chain(&self.begun).copied()
    }

    /// What may have changed numbers that were told already, for these windows.
    pub(super) fn book(&self, state: &RollupState, now: &Basis, scope: &Scope, windows: &[Window]) -> CauseBook {
        let before: BTreeMap<String, i32> = serde_json::from_value(state.definitions.clone()).unwrap_or_default();
        let raised = |entry: &ovia_kpi::MetricEntry| {
            let (key, version) = (entry.definition.key.as_str(), entry.definition.version);
            let from = before.get(key).copied()?;
            (from != version).then(|| (key.to_owned(), (from, version)))
        };
        let mut settings = Vec::new();
        if state.settings_version != now.settings_version {
            settings.push(("kpi_settings", i64::from(state.settings_version), i64::from(now.settings_version)));
        }
        if !state.basis.is_empty() && state.basis != now.basis {
            settings.push(("teams_projects_or_connections", 0, 0));
        }
        let decision = |(cause, spans): &(DecisionCause, Vec<TouchedSpan>)| DecisionCause { windows: set(windows, spans), ..cause.clone() };
        CauseBook {
            previous_as_of: state.watermark.and(state.as_of),
            settings,
            definitions: REGISTRY.iter().filter_map(raised).collect(),
            decisions: self.decisions.iter().map(decision).collect(),
            overrides: set(windows, &self.overrides),
            late: set(windows, &self.late),
            // what made everything be computed again explains it better
            begun: if matches!(scope, Scope::Everything { .. }) { WindowSet::new() } else { set(windows, &self.begun) },
        }
    }
}

/// What the rows touch that came, changed or went since then.
pub(super) async fn since(
    reader: &mut KpiReader,
    since: DateTime<Utc>,
    now: &Basis,
    settings: &KpiSettings,
) -> Result<Vec<TouchedSpan>, StoreError> {
    reader.touched(Some(since), now.as_of, &[], &meaning(settings)).await
}

/// What of the spans lies at `earliest` or later, an hour's beginnings in one span.
pub(super) fn merged(spans: impl Iterator<Item = TouchedSpan>, earliest: DateTime<Utc>) -> Vec<TouchedSpan> {
    let mut by_hour: BTreeMap<i64, TouchedSpan> = BTreeMap::new();
    for span in spans.filter(|span| span.to >= earliest) {
        let span = TouchedSpan { from: span.from.max(earliest), ..span };
        let known = by_hour.entry(span.from.timestamp().div_euclid(3_600)).or_insert(span);
        *known = TouchedSpan { from: known.from.min(span.from), to: known.to.max(span.to) };
    }
    by_hour.into_values().collect()
}

/// Those of the windows that the spans touch, by the same rule as the windows that are computed.
fn set(all: &[Window], spans: &[TouchedSpan]) -> WindowSet {
    let mut touched = WindowSet::new();
    for window in spans.iter().flat_map(|span| windows::affected(all, span.from, span.to)) {
        touched.entry(window.kind.as_str()).or_default().insert(window.start);
    }
    touched
}

fn meaning(settings: &KpiSettings) -> TouchedMeaning {
    let lower = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect();
    TouchedMeaning {
        incident_types: lower(&settings.incident_types),
        incident_labels: lower(&settings.incident_labels),
        incident_filter: settings.incident_jsonpath(),
        production_tiers: settings.production_tiers.iter().map(tier).collect(),
    }
}

fn tier(tier: &EnvironmentTier) -> String {
    super::attempt::name_of(tier)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;

    const TOUCHED: Scope = Scope::Touched(Vec::new());

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn basis(settings_version: i32) -> Basis {
        Basis { as_of: at("2026-03-02T00:00:00Z"), settings_version, basis: "a".into(), people: Vec::new() }
    }

    fn state() -> RollupState {
        RollupState {
            watermark: Some(at("2026-03-01T00:00:00Z")),
            as_of: Some(at("2026-03-01T00:00:00Z")),
            definitions: json!({"merge_throughput": 0}),
            basis: "a".into(),
            ..RollupState::default()
        }
    }

    fn kinds(book: &CauseBook, metric: &str, scope: (&str, &str), window: &Window) -> Vec<Value> {
        let causes = book.causes(metric, scope, (window.kind.as_str(), window.start, window.end));
        causes.into_iter().map(|cause| cause["kind"].clone()).collect()
    }

    fn days() -> Vec<Window> {
        let all = windows::covering(at("2026-01-01T00:00:00Z"), at("2026-03-02T00:00:00Z"), KpiSettings::default().tz());
        all.into_iter().filter(|window| window.kind == ovia_kpi::WindowKind::Day).collect()
    }

    #[test]
    fn settings_and_definitions_touch_everything_that_was_told() {
        let days = days();
        let book = Happened::default().book(&state(), &basis(1), &TOUCHED, &days);
        assert_eq!(kinds(&book, "merge_throughput", ("organisation", ""), &days[3]), ["settings", "definition"]);
        assert_eq!(kinds(&book, "time_to_merge", ("organisation", ""), &days[3]), ["settings"]);
        let ahead = Window { start: at("2026-03-02T00:00:00Z"), end: at("2026-03-03T00:00:00Z"), ..days[3] };
        assert!(kinds(&book, "time_to_merge", ("organisation", ""), &ahead).is_empty(), "what was not told yet cannot change");
    }

    #[test]
    fn the_first_and_the_last_incident_touch_everything() {
        let (earliest, as_of) = (at("2025-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
        for (any_before, none_now, touched) in [(false, false, true), (true, true, true), (true, false, false), (false, true, false)] {
            let mut happened = Happened::default();
            happened.incidents(&AttributionsMoved { moved: Vec::new(), any_before }, none_now, earliest, as_of);
            assert_eq!(happened.spans().any(|span| span.from == earliest && span.to == as_of), touched, "{any_before} {none_now}");
        }
    }

    #[test]
    fn spans_are_merged_by_the_hour_in_which_they_begin() {
        let span = |from: &str, to: &str| TouchedSpan { from: at(from), to: at(to) };
        let spans = [
            span("2026-01-05T10:59:00Z", "2026-01-06T00:00:00Z"),
            span("2026-01-05T11:00:00Z", "2026-01-05T12:00:00Z"),
            span("2026-01-05T10:01:00Z", "2026-01-05T10:02:00Z"),
            span("1970-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            span("1970-01-01T00:00:00Z", "2025-12-31T00:00:00Z"),
        ];
        let want = [
            span("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            span("2026-01-05T10:01:00Z", "2026-01-06T00:00:00Z"),
            span("2026-01-05T11:00:00Z", "2026-01-05T12:00:00Z"),
        ];
        assert_eq!(merged(spans.into_iter(), at("2026-01-01T00:00:00Z")), want);
    }

    #[test]
    fn a_cause_is_named_where_it_touches() {
        let days = days();
        let span = |day: usize| TouchedSpan { from: days[day].start, to: days[day].start + TimeDelta::hours(1) };
        let decision = |id: i64, person: &str, team: &str| DecisionCause {
            decision_id: Some(id),
            reason: "decision:remap".into(),
            people: BTreeSet::from([person.to_owned()]),
            teams: BTreeSet::from([team.to_owned()]),
            ..DecisionCause::default()
        };
        let happened = Happened {
            late: vec![span(40)],
            overrides: vec![span(20)],
            decisions: vec![(decision(1, "ann", "red"), vec![span(5)]), (decision(2, "bob", "blue"), vec![span(5), span(40)])],
            begun: vec![span(40), span(50)],
        };
        let book = happened.book(&state(), &basis(0), &TOUCHED, &days);
        let of = |metric: &str, scope: (&str, &str), day: usize| kinds(&book, metric, scope, &days[day]);
        assert_eq!(of("time_to_merge", ("organisation", ""), 5), ["decision", "decision"]);
        assert_eq!(of("time_to_merge", ("team", "red"), 5), ["decision"]);
        assert!(of("time_to_merge", ("team", "green"), 5).is_empty() && of("time_to_merge", ("team", "red"), 20).is_empty());
        assert_eq!(of("time_to_merge", ("person", "bob"), 40), ["decision", "late_row"]);
        assert_eq!(of("time_to_merge", ("organisation", ""), 40), ["decision", "late_row"]);
        assert_eq!(of("change_failure_rate", ("organisation", ""), 20), ["override"]);
        assert!(of("time_to_merge", ("organisation", ""), 20).is_empty(), "no incident has a part in it");
        assert!(of("time_to_merge", ("organisation", ""), 30).is_empty());
        assert_eq!(
            of("time_to_merge", ("organisation", ""), 50),
            ["late_row"],
            "of an attempt that did not end, where nothing else is known"
        );
        let everything = happened.book(&state(), &basis(0), &Scope::Everything { why: "settings" }, &days);
        assert!(kinds(&everything, "time_to_merge", ("organisation", ""), &days[50]).is_empty());
    }

    #[test]
    fn what_matching_did_by_itself_explains_people_before_rows_do_and_others_after() {
        let days = days();
        let span = TouchedSpan { from: days[5].start, to: days[5].start + TimeDelta::hours(1) };
        let (people, teams) = (BTreeSet::from(["ann".to_owned()]), BTreeSet::from(["red".to_owned()]));
        let matching = DecisionCause { reason: "matching".into(), people, teams, ..DecisionCause::default() };
        let happened = Happened { late: vec![span], decisions: vec![(matching, vec![span])], ..Happened::default() };
        let book = happened.book(&state(), &basis(0), &TOUCHED, &days);
        for scope in [("person", "ann"), ("team", "red")] {
            assert_eq!(kinds(&book, "throughput", scope, &days[5]), ["decision", "late_row"]);
        }
        for scope in [("organisation", ""), ("project", "gitlab:7")] {
            assert_eq!(kinds(&book, "throughput", scope, &days[5]), ["late_row", "decision"]);
        }
    }
}
