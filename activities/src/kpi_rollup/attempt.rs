//! One attempt of a rollup: which windows, from which facts, stored batch by batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId, RunStatus};
use ovia_kpi::{Calendar, Facts, KpiSettings, ScopeFilter, Window, WindowKind, firsts};
use ovia_store::{
    Store, StoreError,
    kpi::{
        changes::CauseBook,
        facts::KpiReader,
        incidents::NewAttribution,
        state::{RollupLock, RollupState, SliceDone},
        touched::TouchedSpan,
        write::{ComputedWindow, NewSnapshot, SliceWrite},
    },
};
use ovia_workflows::types::StepOutcome;
use serde_json::{Value, json};

use super::{
    figures::{How, batches},
    firsts::{moved, stored},
    load::Base,
    plan::{self, Basis, Scope},
};

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) store: &'a Store,
    pub(super) org: OrgId,
    pub(super) run: RunId,
    pub(super) lock: RollupLock,
    pub(super) watermark: DateTime<Utc>,
    pub(super) changed_people_id: i64,
    pub(super) identity_epoch: i64,
    pub(super) inputs_at: Option<DateTime<Utc>>,
    pub(super) settings: KpiSettings,
    pub(super) person_level: bool,
    pub(super) now: Basis,
}

impl Attempt<'_> {
    /// `late` are the spans in which rows came, changed or went.
    pub(super) async fn run(&self, mut reader: KpiReader, mut scope: Scope, mut late: Vec<TouchedSpan>) -> Result<StepOutcome, StoreError> {
        let as_of = self.now.as_of;
        let base = Base::read(&mut reader, &self.settings).await?;
        let moved_deployments = self.attributions(&base.facts).await?;
        let scopes = if self.person_level { ScopeFilter::All } else { ScopeFilter::WithoutPeople };
        let firsts = stored(&firsts(&base.facts, &self.settings, &scopes));
        if let Scope::Touched(spans) = &mut scope {
            // an incident may move between deployments of any age
            let deployments = base.facts.deployments.iter().filter(|row| moved_deployments.binary_search(&row.id).is_ok());
            spans.extend(deployments.map(|row| TouchedSpan { from: row.at(), to: row.at() }));
            let between = moved(&self.lock.state.firsts, &firsts, as_of);
            spans.extend(&between);
            late.extend(&between);
        }
        let earliest = base.earliest.unwrap_or(as_of).min(as_of);
        let stored = self.trailing_windows().await?;
        let windows = plan::windows_of(&scope, &self.settings, earliest, as_of, &stored);
        let stretches = plan::stretches(windows, &self.settings, plan::scopes(&base.facts, self.person_level));
        let slices = stretches.iter().map(Vec::len).sum();
        let done = self.store.kpi_slices_done(self.org, self.run).await?;
        let causes = plan::causes(&self.lock.state, &self.now, &late);
        let days_from = plan::days_from(&self.settings, earliest, as_of);
        let how = How { settings: self.settings.clone(), as_of, scopes, days_from };
        let mut sums = Sums::of(&done, slices);
        for stretch in &stretches {
            let missing: Vec<Vec<Window>> =
                stretch.iter().filter(|batch| !done.iter().any(|slice| slice.slice == plan::slice_name(batch))).cloned().collect();
            sums.slices_done += stretch.len() - missing.len();
            if missing.is_empty() {
                continue;
            }
            let facts = self.facts(&base, &mut reader, &missing.concat()).await?;
            sums.read(&facts);
            let mut computed = batches(facts, how.clone(), missing.clone());
            for batch in &missing {
                self.progress(&scope, &sums).await?;
                // the row knows of a request to stop even where Temporal does not
                let status = self.store.run_status(self.org, self.run).await?;
                if status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()) {
                    return Ok(StepOutcome::Cancelled);
                }
                let Some(snapshots) = computed.recv().await else {
                    return Err(StoreError::Conflict("the figures of a slice could not be computed".to_owned()));
                };
                sums.add(self.slice_write(&plan::slice_name(batch), batch, snapshots, &causes).await?);
            }
        }
        self.finish(&scope, &done, firsts, earliest).await?;
        self.progress(&scope, &sums).await?;
        Ok(StepOutcome::Done)
    }

    /// The facts of some windows, read over a second connection too if one is free.
    async fn facts(&self, base: &Base, reader: &mut KpiReader, windows: &[Window]) -> Result<Facts, StoreError> {
        let mut beside = self.store.kpi_reader_beside(reader).await?;
        let stretch = base.stretch_of(windows, &self.settings, self.now.as_of);
        base.facts(reader, beside.as_mut(), stretch).await
    }

    async fn finish(&self, scope: &Scope, done: &[SliceDone], firsts: Value, earliest: DateTime<Utc>) -> Result<(), StoreError> {
        let before = &self.lock.state;
        let mut oldest = done.iter().map(|slice| slice.watermark).fold(self.watermark, DateTime::min);
        let people_id = done.iter().map(|slice| slice.changed_people_id).fold(self.changed_people_id, i64::min);
        let range = matches!(scope, Scope::Range { .. });
        if range {
            // windows outside the range are as old as they were
            oldest = oldest.min(before.watermark.unwrap_or(oldest));
        }
        let state = RollupState {
            fence: self.lock.fence,
            watermark: Some(oldest),
            as_of: if range { before.as_of } else { Some(self.now.as_of) },
            changed_people_id: if range { before.changed_people_id } else { people_id },
            identity_epoch: self.identity_epoch,
            settings_version: self.now.settings_version,
            definitions: plan::definitions(),
            basis: self.now.basis.clone(),
            first_day: Some(Calendar::new(self.settings.tz()).date(earliest)),
            firsts: if range { before.firsts.clone() } else { firsts },
        };
        self.store.kpi_rollup_finish(self.org, self.run, self.lock.fence, &state).await
    }

    /// Stores which deployment each incident is held to come from; answers the deployments of those that moved.
    async fn attributions(&self, facts: &Facts) -> Result<Vec<i64>, StoreError> {
        let found = facts.given.iter().flat_map(|given| &given.attributions);
        let known: BTreeMap<_, _> = found.map(|one| (one.item, one)).collect();
        let attributions: Vec<NewAttribution> = facts
            .work_items
            .iter()
            .map(|incident| {
                let one = known.get(&incident.item);
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
            .collect();
        self.store.kpi_attributions_set(self.org, self.lock.fence, &attributions).await
    }

    /// Trailing windows of earlier days: the newest of each day was computed on that day, and stays right.
    async fn trailing_windows(&self) -> Result<Vec<Window>, StoreError> {
        let kind = WindowKind::Trailing30Days;
        let stored = self.store.kpi_windows(self.org, kind.as_str(), None, None, 400).await?;
        // in another time zone days begin elsewhere
        let calendar = Calendar::new(self.settings.tz());
        let begins = |at: DateTime<Utc>| calendar.midnight(calendar.date(at)) == at;
        Ok(stored
            .into_iter()
            .filter(|(start, end)| begins(*start) && begins(*end))
            .map(|(start, end)| Window { kind, start, end })
            .collect())
    }

    async fn slice_write(
        &self,
        name: &str,
        windows: &[Window],
        snapshots: Vec<NewSnapshot>,
        causes: &CauseBook,
    ) -> Result<(usize, u64, u64), StoreError> {
        let computed: Vec<ComputedWindow> =
            windows.iter().map(|window| ComputedWindow { kind: window.kind.as_str(), start: window.start }).collect();
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

    async fn progress(&self, scope: &Scope, sums: &Sums) -> Result<(), StoreError> {
        let (mode, why) = match scope {
            Scope::Everything { why } => ("everything", *why),
            Scope::Range { .. } => ("range", "asked"),
            Scope::Touched(_) => ("touched", "changes"),
        };
        let mut rows = json!(sums.rows);
        rows["as_of"] = json!(self.now.as_of);
        let result = json!({
            "rows": rows, "mode": mode, "why": why, "slices": sums.slices, "slices_done": sums.slices_done,
            "snapshots": sums.snapshots, "written": sums.written, "changes": sums.changes,
        });
        self.store.run_result_set(self.org, self.run, &result).await
    }
}

/// What a run has read and stored so far.
struct Sums {
    slices: usize,
    slices_done: usize,
    snapshots: u64,
    written: u64,
    changes: u64,
    /// Read by this attempt; a row that stretches share counts in each.
    rows: BTreeMap<&'static str, usize>,
}

impl Sums {
    fn of(done: &[SliceDone], slices: usize) -> Self {
        let sum = |of: fn(&SliceDone) -> i64| done.iter().map(|slice| of(slice).unsigned_abs()).sum();
        Self {
            slices,
            slices_done: 0,
            snapshots: sum(|slice| slice.snapshots),
            written: sum(|slice| slice.written),
            changes: sum(|slice| slice.changes),
            rows: BTreeMap::new(),
        }
    }

    fn read(&mut self, facts: &Facts) {
        let rows = [
            ("merge_requests", facts.merge_requests.len()),
            ("pipelines", facts.pipelines.len()),
            ("deployments", facts.deployments.len()),
            ("work_items", facts.work_items.len()),
        ];
        for (table, count) in rows {
            *self.rows.entry(table).or_default() += count;
        }
    }

    fn add(&mut self, (snapshots, written, changes): (usize, u64, u64)) {
        self.slices_done += 1;
        self.snapshots += snapshots as u64;
        self.written += written;
        self.changes += changes;
    }
}

/// As JSON names it.
fn name_of(rule: &impl serde::Serialize) -> String {
    match serde_json::to_value(rule) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
