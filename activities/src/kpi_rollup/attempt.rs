//! One attempt of a rollup: which windows, from which facts, stored batch by batch.

use std::{collections::BTreeSet, ops::ControlFlow, time::Instant};

use chrono::{DateTime, NaiveDate, Utc};
use futures::{FutureExt, StreamExt, stream};
use ovia_domain::{OrgId, RunId, RunStatus};
use ovia_kpi::{Calendar, KpiSettings, ScopeFilter, Window, WindowKind, firsts, windows};
use ovia_store::{
    Store, StoreError,
    kpi::{
        changes::CauseBook,
        facts::KpiReader,
        state::{RollupEnd, RollupLock, RollupState, SliceDone},
        touched::TouchedSpan,
        write::{ComputedWindow, NewSnapshot, SliceWrite},
    },
};
use ovia_workflows::types::StepOutcome;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tracing::debug;

use super::{
    attributions::attributions,
    causes::{self, Happened, merged},
    day_rows::{self, Names},
    days::{self, days_between},
    figures::{How, Made, batches, told_since},
    firsts::{moved, stored},
    load::Base,
    plan::{self, Basis, Scope},
    sums::{SliceSum, Sums},
};

/// Slices that are stored at once, over a connection each: PostgreSQL works on one while the other is on its way.
const SLICES_AT_ONCE: usize = 2;

/// Seconds since then; from now on, since now.
pub(super) fn lap(since: &mut Instant) -> f64 {
    let begun = std::mem::replace(since, Instant::now());
    begun.elapsed().as_secs_f64()
}

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
    pub(super) async fn run(
        &self,
        mut reader: KpiReader,
        mut base: Base,
        mut scope: Scope,
        mut happened: Happened,
    ) -> Result<StepOutcome, StoreError> {
        let as_of = self.now.as_of;
        let mut since = Instant::now();
        let found = base.earliest.unwrap_or(as_of).min(as_of);
        // windows of rows that are gone are to go as well
        let calendar = Calendar::new(self.settings.tz());
        let told = self.lock.state.first_day.map_or(found, |day| calendar.midnight(day));
        let begun = self.lock.state.begun.iter().map(|span| span.from).min();
        let earliest = begun.unwrap_or(found).min(found).min(told);
        let begins_elsewhere = calendar.date(found) != calendar.date(told);
        let attributions = attributions(&base.facts);
        if let Some(since) = self.lock.state.watermark {
            let moved = self.store.kpi_attributions_moved(self.org, since, &attributions).await?;
            happened.incidents(&moved, attributions.is_empty(), earliest, as_of);
        }
        if let Scope::Touched(spans) = &mut scope {
            spans.extend(happened.spans());
        }
        let (mut days, authors) = self.known_days(&mut reader, &scope).await?;
        let today_ends = days::next(calendar, as_of);
        let new_authors = base.crowds_read_new(&mut reader, &self.settings, &authors, today_ends).await?;
        let scopes = if self.person_level { ScopeFilter::All } else { ScopeFilter::WithoutPeople };
        let since_when = firsts(&base.facts, &self.settings, &scopes);
        let firsts = stored(&since_when);
        let moved = if self.lock.state.watermark.is_some() { moved(&self.lock.state.firsts, &firsts, as_of) } else { Vec::new() };
        happened.late.extend(&moved);
        let begun = match &mut scope {
            Scope::Touched(spans) => {
                let known = spans.len();
                spans.extend(moved);
                // windows before the first row have figures as well, once there are any: of releases that were under way. And which windows
                // keep their rows themselves hangs on where days begin
                let elsewhere = begins_elsewhere.then_some(TouchedSpan { from: earliest, to: found.max(told) });
                spans.extend(elsewhere);
                days.forget(&spans[known..]);
                elsewhere
            }
            // it is made with what happened, and else as it was
            Scope::Range { .. } => None,
            Scope::Everything { .. } => Some(TouchedSpan { from: earliest, to: as_of }),
        };
        let begun = merged(happened.spans().chain(begun), earliest);
        self.store.kpi_rollup_begin(self.org, self.lock.fence, &begun).await?;
        let is_range = matches!(scope, Scope::Range { .. });
        if !is_range {
            // what is kept of the others is gone from now on
            let fence = (self.org, self.lock.fence);
            self.store.kpi_day_rows_retain(fence, &days.starts(), (day_rows::AUTHORS, &authors.starts())).await?;
            if let Some(written) = Names::of(&base.facts).written(&base.authors(), &new_authors) {
                let _ = self.rows_write(day_rows::AUTHORS, written).await?;
            }
        }
        let stored = self.trailing_windows().await?;
        let windows = plan::windows_of(&scope, &self.settings, earliest, as_of, &stored);
        let computed: Vec<ComputedWindow> = windows.iter().map(computed_window).collect();
        let days_computed = windows.iter().filter(|window| window.kind == WindowKind::Day);
        let day_ends = is_range.then(|| days_computed.map(|day| day.end).collect());
        let causes = happened.book(&self.lock.state, &self.now, &scope, &windows);
        let stretches = plan::stretches(windows, &self.settings, plan::scopes(&base.facts, self.person_level), &days);
        let slices = stretches.iter().map(Vec::len).sum();
        let made_with = plan::made_with(&self.now, self.person_level, calendar.date(found));
        let names: BTreeSet<String> = stretches.iter().flatten().map(|batch| plan::slice_name(batch, &made_with)).collect();
        // those of an attempt that computed with something else are computed again
        let mut done = self.store.kpi_slices_done(self.org, self.run).await?;
        done.retain(|slice| names.contains(&slice.slice));
        let is_done = |batch: &[Window]| done.iter().any(|slice| slice.slice == plan::slice_name(batch, &made_with));
        // a range may leave days out that are not stored yet
        let days_from = plan::days_from(&self.settings, if is_range { found.max(told) } else { found }, as_of);
        let how = How {
            settings: self.settings.clone(),
            as_of,
            scopes,
            first: found,
            days_from,
            since: told_since(since_when),
            today_ends,
            day_ends,
        };
        let mut sums = Sums::of(&done, slices);
        // a range is computed with rows that are newer than what is known of the days around it
        let keeps_until = (!is_range).then_some(today_ends);
        let mut kept = BTreeSet::new();
        debug!(run = %self.run, seconds = lap(&mut since), slices, "KPIs: planned");
        for stretch in &stretches {
            let missing: Vec<Vec<Window>> = stretch.iter().filter(|batch| !is_done(batch)).cloned().collect();
            sums.slices_done += stretch.len() - missing.len();
            if missing.is_empty() {
                continue;
            }
            self.progress(&scope, &sums).await?;
            if self.is_stopped().await? {
                return Ok(StepOutcome::Cancelled);
            }
            let windows = missing.concat();
            let (facts, from) = self.facts(&mut base, &mut reader, &windows, &days).await?;
            sums.read(&facts);
            let until = windows.iter().map(|window| window.end).max().min(keeps_until);
            let of_stretch = from.zip(until).into_iter().flat_map(|(from, until)| days_between(calendar, from, until));
            let keep: Vec<_> = of_stretch.filter(|day| kept.insert(*day)).collect();
            debug!(run = %self.run, seconds = lap(&mut since), rows = ?sums.rows, "KPIs: read the rows of a stretch");
            let mut made = batches(facts, how.clone(), missing.clone(), keep);
            let mut next = missing.iter();
            let before = sums.slices_done;
            let told = Mutex::new(&mut sums);
            let mut stored = stream::poll_fn(|context| made.poll_recv(context))
                .map(|made| match made {
                    Made::Rows(metric, days) => self.rows_write(metric.as_str(), days).left_future(),
                    Made::Figures(snapshots) => {
                        let batch = next.next().cloned().unwrap_or_default();
                        let name = plan::slice_name(&batch, &made_with);
                        self.slice_store(&scope, &told, self.slice_write(name, batch, snapshots, &causes)).right_future()
                    }
                })
                .buffer_unordered(SLICES_AT_ONCE);
            // nothing is awaited between two: one that is not polled holds a connection
            while let Some(going) = stored.next().await {
                if going?.is_break() {
                    return Ok(StepOutcome::Cancelled);
                }
            }
            debug!(run = %self.run, seconds = lap(&mut since), "KPIs: stored a stretch");
            drop(stored);
            if sums.slices_done - before < missing.len() {
                return Err(StoreError::Conflict("the figures of a slice could not be computed".to_owned()));
            }
        }
        // what is newer than the watermark may be gone by the next rollup, and so may be what an earlier attempt stored slices with
        let begun = match is_range || !done.is_empty() {
            true => begun,
            false => merged(causes::since(&mut reader, self.watermark, &self.now, &self.settings).await?.into_iter(), earliest),
        };
        reader.finish().await;
        let end = RollupEnd {
            attributions: (!is_range).then_some(&attributions),
            windows: matches!(scope, Scope::Everything { .. }).then_some(&computed),
        };
        self.finish(is_range, begun, &done, firsts, calendar.date(if is_range { told } else { found }), end).await?;
        self.progress(&scope, &sums).await?;
        Ok(StepOutcome::Done)
    }

    /// Whether the row of the run knows of a request to stop; it does even where Temporal does not.
    async fn is_stopped(&self) -> Result<bool, StoreError> {
        let status = self.store.run_status(self.org, self.run).await?;
        Ok(status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()))
    }

    async fn finish(
        &self,
        is_range: bool,
        begun: Vec<TouchedSpan>,
        done: &[SliceDone],
        firsts: Value,
        first_day: NaiveDate,
        end: RollupEnd<'_>,
    ) -> Result<(), StoreError> {
        let before = &self.lock.state;
        let mut oldest = done.iter().map(|slice| slice.watermark).fold(self.watermark, DateTime::min);
        let people_id = done.iter().map(|slice| slice.changed_people_id).fold(self.changed_people_id, i64::min);
        if is_range {
            // windows outside the range are as old as they were
            oldest = oldest.min(before.watermark.unwrap_or(oldest));
        }
        // of what lies outside a range, everything is as it was
        let state = RollupState {
            fence: self.lock.fence,
            watermark: Some(oldest),
            as_of: if is_range { before.as_of } else { Some(self.now.as_of) },
            changed_people_id: if is_range { before.changed_people_id } else { people_id },
            identity_epoch: if is_range { before.identity_epoch } else { self.identity_epoch },
            settings_version: self.now.settings_version,
            definitions: plan::definitions(),
            basis: self.now.basis.clone(),
            first_day: Some(first_day),
            firsts: if is_range { before.firsts.clone() } else { firsts },
            inputs_at: if is_range { before.inputs_at } else { self.inputs_at },
            day_rows_watermark: if is_range { before.day_rows_watermark } else { Some(oldest) },
            begun: begun.into(),
        };
        self.store.kpi_rollup_finish(self.org, self.run, self.lock.fence, &state, end).await
    }

    /// Trailing windows of earlier days: the newest of each day was computed on that day, and stays right. The last complete day has one even
    /// where there was no rollup on it: daily reports are of that day.
    async fn trailing_windows(&self) -> Result<Vec<Window>, StoreError> {
        let kind = WindowKind::Trailing30Days;
        let stored = self.store.kpi_windows(self.org, kind.as_str(), None, None, 400).await?;
        // in another time zone days begin elsewhere
        let calendar = Calendar::new(self.settings.tz());
        let begins = |at: DateTime<Utc>| calendar.midnight(calendar.date(at)) == at;
        let stored =
            stored.into_iter().filter(|(start, end)| begins(*start) && begins(*end)).map(|(start, end)| Window { kind, start, end });
        let yesterday = calendar.date(self.now.as_of).pred_opt().map(|day| windows::of_day(day, self.settings.tz()));
        Ok(stored.chain(yesterday.into_iter().flatten().filter(|window| window.kind == kind)).collect())
    }

    /// Keeps the rows of some days.
    async fn rows_write(&self, of: &str, days: Vec<(DateTime<Utc>, Vec<u8>)>) -> Result<ControlFlow<()>, StoreError> {
        self.store.kpi_day_rows_write((self.org, self.lock.fence), of, day_rows::FORMAT, &days).await?;
        Ok(ControlFlow::Continue(()))
    }

    /// Stores a slice, and tells how far the run is; breaks off where it is to stop.
    async fn slice_store(
        &self,
        scope: &Scope,
        sums: &Mutex<&mut Sums>,
        written: impl Future<Output = Result<SliceSum, StoreError>>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let written = written.await?;
        let mut sums = sums.lock().await;
        sums.add(written);
        self.progress(scope, &sums).await?;
        Ok(if self.is_stopped().await? { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    async fn slice_write(
        &self,
        name: String,
        windows: Vec<Window>,
        snapshots: Vec<NewSnapshot>,
        causes: &CauseBook,
    ) -> Result<SliceSum, StoreError> {
        let computed: Vec<ComputedWindow> = windows.iter().map(computed_window).collect();
        let write = SliceWrite {
            org: self.org,
            run: self.run,
            fence: self.lock.fence,
            slice: &name,
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

fn computed_window(window: &Window) -> ComputedWindow {
    ComputedWindow { kind: window.kind.as_str(), start: window.start }
}

/// As JSON names it.
pub(super) fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
