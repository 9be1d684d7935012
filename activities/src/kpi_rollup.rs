//! `ovia.kpi_rollup`. Reads one state of the database, computes the windows that were touched since the last rollup, and stores what
//! differs, slice by slice. Twice stores nothing the second time; an attempt that takes over goes on behind the slices that are stored.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId, RunId, RunStatus};
use ovia_kpi::{Facts, KpiSettings, ScopeFilter, Snapshot, Window, WindowKind, attribute_incidents, compute_each};
use ovia_store::{
    Store, StoreError,
    kpi::{
        changes::CauseBook,
        incidents::NewAttribution,
        state::{RollupEnd, RollupLock, RollupState, SliceDone},
        touched::TouchedSpan,
        write::{ComputedWindow, NewSnapshot, SliceWrite},
    },
    runs::RunBegun,
};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde::Deserialize;
use serde_json::{Value, json};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

mod causes;
mod load;
mod plan;

use causes::Happened;
use plan::{Basis, Scope};

/// How often an attempt looks whether the one before it has let go of the lock.
const LOCK_LOOK: Duration = Duration::from_millis(500);

pub async fn kpi_rollup(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(rolled) = pulse::with_pulse(ctx, rollup(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    rolled.map_err(failure::store)
}

/// What a person may ask of a rollup.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    as_of: Option<DateTime<Utc>>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// What an attempt works with.
struct Attempt<'a> {
    store: &'a Store,
    org: OrgId,
    run: RunId,
    lock: RollupLock,
    watermark: DateTime<Utc>,
    changed_people_id: i64,
    identity_epoch: i64,
    inputs_at: Option<DateTime<Utc>>,
    settings: KpiSettings,
    person_level: bool,
    now: Basis,
}

async fn rollup(store: &Store, org: OrgId, run: RunId) -> Result<StepOutcome, StoreError> {
    let lock = loop {
        match store.kpi_rollup_lock(org).await? {
            Some(lock) => break lock,
            None => tokio::time::sleep(LOCK_LOOK).await,
        }
    };
    let (params, started_at) = store.run_params(org, run).await?.unwrap_or((json!({}), None));
    let params: Params = serde_json::from_value(params)?;
    // the same for every attempt of the run; not before the figures that are there: of two runs either may be first to get the lock
    let as_of = params.as_of.or(started_at.max(lock.state.as_of)).unwrap_or_else(Utc::now);
    let set = store.kpi_settings(org).await?;
    // what somebody stored was checked then; what a later version does not take any more is as shipped
    let settings: KpiSettings = serde_json::from_value(set.settings).unwrap_or_default();

    // in this order: what is committed after the watermark was taken is read again by the next rollup
    let watermark = store.kpi_watermark().await?;
    let mut reader = store.kpi_reader(org).await?;
    let people = reader.changed_people(lock.state.changed_people_id).await?;
    let changed_people_id = people.last().map_or(lock.state.changed_people_id, |row| row.id);
    let (identity_epoch, inputs_at) = (reader.identity_epoch().await?, reader.inputs_at().await?);
    let now = Basis { as_of, settings_version: set.version, basis: reader.basis().await?, people };

    let range = params.from.map(|from| (from, params.to.unwrap_or(as_of)));
    let happened = Happened::read(&mut reader, &lock.state, &now, &settings).await?;
    let scope = match (plan::incremental(&lock.state, &now), range) {
        (Err(why), _) => Scope::Everything { why },
        // a range is asked for on top of figures that are there; without them everything is missing
        (Ok(_), Some((from, to))) => Scope::Range { from, to },
        // windows that went on since then, or ended
        (Ok((_, previous)), None) => Scope::Touched(vec![TouchedSpan { from: previous, to: as_of }]),
    };
    let facts = load::facts_load(&mut reader, &settings, None).await?;
    drop(reader);
    let attempt = Attempt {
        store,
        org,
        run,
        lock,
        watermark,
        changed_people_id,
        identity_epoch,
        inputs_at,
        settings,
        person_level: set.person_level,
        now,
    };
    attempt.run(facts, scope, happened).await
}

impl Attempt<'_> {
    async fn run(&self, facts: Facts, mut scope: Scope, mut happened: Happened) -> Result<StepOutcome, StoreError> {
        let as_of = self.now.as_of;
        let facts = Arc::new(facts);
        let attributions = self.attributions(&facts).await;
        let found = facts.earliest().unwrap_or(as_of).min(as_of);
        // windows of rows that are gone are to go as well
        let calendar = ovia_kpi::Calendar::new(self.settings.tz());
        let earliest = self.lock.state.first_day.map_or(found, |day| found.min(calendar.midnight(day)));
        if let Some(since) = self.lock.state.watermark {
            let moved = self.store.kpi_attributions_moved(self.org, since, &attributions).await?;
            happened.incidents(&moved, attributions.is_empty(), earliest, as_of);
        }
        if let Scope::Touched(spans) = &mut scope {
            spans.extend(happened.spans());
            // windows before the first row have figures as well, once there are any: of releases that were under way
            let told = self.lock.state.first_day.map(|day| calendar.midnight(day));
            spans.extend(told.filter(|told| *told > earliest).map(|told| TouchedSpan { from: earliest, to: told }));
        }
        let stored = self.trailing_windows().await?;
        let windows = plan::windows_of(&scope, &self.settings, earliest, as_of, &stored);
        let computed: Vec<ComputedWindow> = windows.iter().map(computed_window).collect();
        let causes = happened.book(&self.lock.state, &self.now, &windows);
        let rows = row_counts(&facts);
        let total: usize = rows.values().sum();
        let slices = plan::slices(windows, total, earliest, as_of);
        let made_with = plan::made_with(&self.now, self.person_level);
        let names: Vec<String> = slices.iter().map(|slice| plan::slice_name(slice, &made_with)).collect();
        // those of an attempt that computed with something else are computed again
        let mut done = self.store.kpi_slices_done(self.org, self.run).await?;
        done.retain(|slice| names.contains(&slice.slice));
        let days_from = plan::days_from(&self.settings, earliest, as_of);
        let mut sums = Sums::of(&done);
        let mut oldest = done.iter().map(|slice| slice.watermark).fold(self.watermark, DateTime::min);
        let people_id = done.iter().map(|slice| slice.changed_people_id).fold(self.changed_people_id, i64::min);
        if let Scope::Range { .. } = scope {
            // windows outside the range are as old as they were
            oldest = oldest.min(self.lock.state.watermark.unwrap_or(oldest));
        }
        for (index, (slice, name)) in slices.iter().zip(&names).enumerate() {
            self.progress(&scope, &rows, index, slices.len(), &sums).await?;
            if done.iter().any(|slice| slice.slice == *name) {
                continue;
            }
            // the row knows of a request to stop even where Temporal does not
            let status = self.store.run_status(self.org, self.run).await?;
            if status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()) {
                return Ok(StepOutcome::Cancelled);
            }
            let snapshots = self.compute(&facts, slice.clone(), days_from).await;
            sums.add(self.slice_write(name, slice, snapshots, &causes).await?);
        }
        let before = &self.lock.state;
        // of what lies outside a range, everything is as it was
        let is_range = matches!(scope, Scope::Range { .. });
        let state = RollupState {
            fence: self.lock.fence,
            watermark: Some(oldest),
            as_of: if is_range { before.as_of } else { Some(as_of) },
            changed_people_id: if is_range { before.changed_people_id } else { people_id },
            identity_epoch: if is_range { before.identity_epoch } else { self.identity_epoch },
            settings_version: self.now.settings_version,
            definitions: plan::definitions(),
            basis: self.now.basis.clone(),
            first_day: Some(calendar.date(if is_range { earliest } else { found })),
            inputs_at: if is_range { before.inputs_at } else { self.inputs_at },
        };
        let end = RollupEnd {
            attributions: (!is_range).then_some(&attributions),
            windows: matches!(scope, Scope::Everything { .. }).then_some(&computed),
        };
        self.store.kpi_rollup_finish(self.org, self.run, self.lock.fence, &state, end).await?;
        self.progress(&scope, &rows, slices.len(), slices.len(), &sums).await?;
        Ok(StepOutcome::Done)
    }

    /// Which deployment each incident is held to come from.
    async fn attributions(&self, facts: &Arc<Facts>) -> Vec<NewAttribution> {
        let (shared, settings) = (facts.clone(), self.settings.clone());
        blocking(move || {
            let found = attribute_incidents(&shared, &settings);
            let mut known: std::collections::HashMap<_, _> = found.into_iter().map(|one| (one.item, one)).collect();
            let incidents = shared.work_items.iter().filter(|item| item.is_incident);
            incidents
                .map(|incident| {
                    let one = known.remove(&incident.item);
                    NewAttribution {
                        incident_table: match incident.item.table {
                            ovia_kpi::ItemTable::WorkItems => "work_items",
                            ovia_kpi::ItemTable::Issues => "issues",
                        },
                        incident_id: incident.item.id,
                        deployment_id: one.and_then(|one| one.deployment_id),
                        rule: one.map_or_else(|| "none".to_owned(), |one| name_of(&one.rule)),
                        confidence: one.map_or(0.0, |one| one.confidence),
                    }
                })
                .collect::<Vec<_>>()
        })
        .await
    }

    /// Trailing windows of earlier days: the newest of each day was computed on that day, and stays right.
    async fn trailing_windows(&self) -> Result<Vec<Window>, StoreError> {
        let kind = WindowKind::Trailing30Days;
        let stored = self.store.kpi_windows(self.org, kind.as_str(), None, None, 400).await?;
        // in another time zone days begin elsewhere
        let calendar = ovia_kpi::Calendar::new(self.settings.tz());
        let begins = |at: DateTime<Utc>| calendar.midnight(calendar.date(at)) == at;
        Ok(stored
            .into_iter()
            .filter(|(start, end)| begins(*start) && begins(*end))
            .map(|(start, end)| Window { kind, start, end })
            .collect())
    }

    /// Off the async threads: seconds of arithmetic must not stop heartbeats.
    async fn compute(&self, facts: &Arc<Facts>, windows: Vec<Window>, days_from: DateTime<Utc>) -> Vec<NewSnapshot> {
        let (facts, settings, as_of) = (facts.clone(), self.settings.clone(), self.now.as_of);
        let scopes = if self.person_level { ScopeFilter::All } else { ScopeFilter::WithoutPeople };
        blocking(move || {
            let mut snapshots = Vec::new();
            compute_each(&facts, &settings, as_of, &scopes, windows, |snapshot| {
                // no data needs no row
                if snapshot.value.is_some() || !snapshot.row_ids.is_empty() {
                    snapshots.push(new_snapshot(snapshot, days_from));
                }
            });
            snapshots
        })
        .await
    }

    async fn slice_write(
        &self,
        name: &str,
        windows: &[Window],
        snapshots: Vec<NewSnapshot>,
        causes: &CauseBook,
    ) -> Result<(usize, u64, u64), StoreError> {
        let computed: Vec<ComputedWindow> = windows.iter().map(computed_window).collect();
        let write = SliceWrite {
            org: self.org,
            run: self.run,
            fence: self.lock.fence,
            slice: name,
            watermark: self.watermark,
            changed_people_id: self.changed_people_id,
            identity_epoch: self.identity_epoch,
            inputs_at: self.inputs_at,
            windows: &computed,
            snapshots: &snapshots,
            causes,
        };
        let written = self.store.kpi_slice_write(&write).await?;
        Ok((snapshots.len(), written.written(), written.changes))
    }

    async fn progress(
        &self,
        scope: &Scope,
        rows: &std::collections::BTreeMap<&'static str, usize>,
        done: usize,
        slices: usize,
        sums: &Sums,
    ) -> Result<(), StoreError> {
        let (mode, why) = match scope {
            Scope::Everything { why } => ("everything", *why),
            Scope::Range { .. } => ("range", "asked"),
            Scope::Touched(_) => ("touched", "changes"),
        };
        let mut counts = json!(rows);
        counts["as_of"] = json!(self.now.as_of);
        let result = json!({
            "rows": counts, "mode": mode, "why": why, "slices": slices, "slices_done": done,
            "snapshots": sums.snapshots, "written": sums.written, "changes": sums.changes,
        });
        self.store.run_result_set(self.org, self.run, &result).await
    }
}

/// What a run has stored so far.
struct Sums {
    snapshots: u64,
    written: u64,
    changes: u64,
}

impl Sums {
    fn of(done: &[SliceDone]) -> Self {
        let sum = |of: fn(&SliceDone) -> i64| done.iter().map(|slice| of(slice).unsigned_abs()).sum();
        Self { snapshots: sum(|slice| slice.snapshots), written: sum(|slice| slice.written), changes: sum(|slice| slice.changes) }
    }

    fn add(&mut self, (snapshots, written, changes): (usize, u64, u64)) {
        self.snapshots += snapshots as u64;
        self.written += written;
        self.changes += changes;
    }
}

fn row_counts(facts: &Facts) -> std::collections::BTreeMap<&'static str, usize> {
    [
        ("merge_requests", facts.merge_requests.len()),
        ("pipelines", facts.pipelines.len()),
        ("deployments", facts.deployments.len()),
        ("work_items", facts.work_items.len()),
    ]
    .into()
}

fn computed_window(window: &Window) -> ComputedWindow {
    ComputedWindow { kind: window.kind.as_str(), start: window.start }
}

/// As JSON names it.
fn name_of(rule: &impl serde::Serialize) -> String {
    match serde_json::to_value(rule) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Metrics that look at a moment or are made of others, or whose rows are worth more in a shorter window: their rows are not those of the
/// days within the window.
const OWN_ROWS: [MetricKey; 8] = [
    MetricKey::DeploymentFrequency,
    MetricKey::StaleMergeRequests,
    MetricKey::WorkInProgress,
    MetricKey::WorkItemAge,
    MetricKey::ReleaseScopeChange,
    MetricKey::ReleaseCompletion,
    MetricKey::DeliveryHealth,
    MetricKey::ReleaseRisk,
];

fn new_snapshot(snapshot: Snapshot, days_from: DateTime<Utc>) -> NewSnapshot {
    let window = snapshot.window;
    let of_days = window.kind != WindowKind::Day && window.start >= days_from && !OWN_ROWS.contains(&snapshot.metric);
    let row_count = i32::try_from(snapshot.row_ids.len()).unwrap_or(i32::MAX);
    NewSnapshot {
        metric: snapshot.metric.as_str(),
        definition_version: snapshot.definition_version,
        scope_kind: snapshot.scope.kind(),
        scope_id: snapshot.scope.id().to_owned(),
        window_kind: window.kind.as_str(),
        window_start: window.start,
        window_end: window.end,
        value: snapshot.value,
        unit: snapshot.unit,
        stats: snapshot.stats,
        coverage: snapshot.coverage,
        row_table: snapshot.row_table,
        row_count,
        row_ids: (!of_days).then_some(snapshot.row_ids),
        row_values: (!of_days).then_some(snapshot.row_values),
    }
}
