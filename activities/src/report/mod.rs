//! `ovia.write_report`. Gathers, composes and stores the reports that are due, each with what is to be sent of it in one transaction;
//! twice writes nothing the second time.

mod chart;
mod choice;
mod data;
mod html;
mod markdown;
mod period;
mod words;

use chrono::Utc;
use ovia_domain::report::ReportKind;
use ovia_kpi::KpiSettings;
use ovia_store::{Store, StoreError, reports::NewReport, runs::RunBegun};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::{Value, json};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use self::data::Asked;
use crate::{Activities, failure, pulse};

pub async fn write_report(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(written) = pulse::with_pulse(ctx, write(store, &input)).await else {
        return Err(ActivityError::cancelled());
    };
    written.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn write(store: &Store, input: &OrgRun) -> Result<(), StoreError> {
    let (org, run) = (input.org_id, input.run_id);
    let as_of = store.run_as_of(org, run).await?.unwrap_or_else(Utc::now);
    let params = store.run_fetch(org, run).await?.map(|row| row.params).unwrap_or_default();
    let asked = params.get("period").and_then(Value::as_str).and_then(ReportKind::parse);
    // what a later version does not take any more is as shipped
    let settings: KpiSettings = serde_json::from_value(store.kpi_settings(org).await?.settings).unwrap_or_default();
    let (mut written, mut known) = (Vec::new(), 0);
    for kind in ReportKind::ALL.into_iter().filter(|kind| asked.is_none_or(|asked| asked == *kind)) {
        let period = period::last_complete(kind, as_of, settings.tz());
        if store.report_exists(org, kind, period.0).await? {
            known += 1;
            continue;
        }
        let data = data::gather(store, org, &Asked { kind, period, settings: &settings, as_of }).await?;
        let time_zone = settings.tz().name().to_owned();
        let report = NewReport {
            kind,
            period,
            time_zone,
            title: words::title(&data),
            markdown: markdown::compose(&data),
            html: html::compose(&data),
        };
        match store.report_put(org, run, &report).await? {
            Some(id) => written.push(id),
            None => known += 1,
        }
    }
    store.run_result_merge(org, run, &json!({"reports": {"written": written, "known": known}})).await
}
