//! What an attempt reads of the rows: only those of days whose rows are not kept.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::MetricKey;
use ovia_kpi::{Calendar, DATED, Facts, Window};
use ovia_store::{StoreError, kpi::facts::KpiReader};
use tracing::warn;

use super::{
    attempt::Attempt,
    day_rows::{self, KnownAsked},
    days::KnownDays,
    load::Base,
    plan::Scope,
};

/// What is kept of older days goes: no window is as long, with the one before it.
const KEPT_FOR: TimeDelta = TimeDelta::days(1_200);

impl Attempt<'_> {
    /// The days whose rows need not be read, and those whose deployments' authors are known.
    pub(super) async fn known_days(&self, reader: &mut KpiReader, scope: &Scope) -> Result<(KnownDays, KnownDays), StoreError> {
        let (state, calendar) = (&self.lock.state, Calendar::new(self.settings.tz()));
        let Scope::Touched(spans) = scope else { return Ok((KnownDays::none(calendar), KnownDays::none(calendar))) };
        if state.day_rows_watermark.is_none() || state.day_rows_watermark != state.watermark {
            return Ok((KnownDays::none(calendar), KnownDays::none(calendar)));
        }
        let mut kept = reader.kept_days(day_rows::FORMAT, &DATED.map(MetricKey::as_str)).await?;
        kept.retain(|day| *day > self.now.as_of - KEPT_FOR);
        let authors = reader.kept_days(day_rows::FORMAT, &[day_rows::AUTHORS]).await?;
        Ok((KnownDays::new(calendar, kept, spans), KnownDays::new(calendar, authors, spans)))
    }

    /// The facts of some windows, read over a second connection too if one is free; and from when on their rows were read.
    pub(super) async fn facts(
        &self,
        base: &mut Base,
        reader: &mut KpiReader,
        windows: &[Window],
        days: &KnownDays,
    ) -> Result<(Facts, Option<DateTime<Utc>>), StoreError> {
        let mut beside = self.store.kpi_reader_beside(reader).await?;
        let read = self.facts_read(base, reader, beside.as_mut(), windows, days).await?;
        if let Some(beside) = beside {
            beside.finish().await;
        }
        Ok(read)
    }

    async fn facts_read(
        &self,
        base: &mut Base,
        reader: &mut KpiReader,
        mut beside: Option<&mut KpiReader>,
        windows: &[Window],
        days: &KnownDays,
    ) -> Result<(Facts, Option<DateTime<Utc>>), StoreError> {
        let stretch = base.stretch_of(windows, &self.settings, self.now.as_of);
        let from = days.read_from(windows);
        if let (Some(begin), Some(until)) = (stretch.from, from)
            && begin < until
        {
            // trends need the merges of the windows before
            let merged_from = stretch.merged_from.filter(|from| days.unknown_from(*from, until) == until);
            let narrow = stretch.clone().narrowed(until, merged_from.is_some());
            base.went_out_since(reader, &self.settings, narrow.from).await?;
            let known = Some(KnownAsked { begin, until, merged_from });
            let facts = base.facts_and_known(reader, beside.as_deref_mut(), narrow, known).await?;
            if facts.known.is_some() {
                return Ok((facts, from));
            }
            warn!(run = %self.run, "KPIs: what is kept of days cannot be read; their rows are");
        }
        let from = stretch.from;
        base.went_out_since(reader, &self.settings, from).await?;
        Ok((base.facts(reader, beside, stretch).await?, from))
    }
}
