//! `ovia.detect_risks`. Reads everything, stores in one transaction; twice opens and resolves nothing the second time. What needs attention
//! needs it now: after a rollup as of an earlier time it does nothing.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId, risk::RiskSettings};
use ovia_kpi::KpiSettings;
use ovia_store::{Store, StoreError, runs::RunBegun};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub async fn detect_risks(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(detected) = pulse::with_pulse(ctx, detect(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    detected.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn detect(store: &Store, org: OrgId, run: RunId) -> Result<(), StoreError> {
    // of all runs that look for risks, only a rollup can be asked for another time
    if store.run_as_of(org, run).await?.is_some() {
        return Ok(());
    }
    // what an attempt has read is stored before another reads
    let _alone = store.org_lock(org, "detect_risks").await?;
    let now = Utc::now();
    let found = store.risks_detect(org, now, &risk_settings(store, org, now).await?).await?;
    let applied = store.risks_apply(org, run, &found).await?;
    store.run_result_merge(org, run, &json!({"risks": applied})).await
}

/// The organisation's settings, as far as risks and checks follow them.
pub async fn risk_settings(store: &Store, org: OrgId, now: DateTime<Utc>) -> Result<RiskSettings, StoreError> {
    // what a later version does not take any more is as shipped
    Ok(of(&serde_json::from_value(store.kpi_settings(org).await?.settings).unwrap_or_default(), now))
}

fn of(settings: &KpiSettings, now: DateTime<Utc>) -> RiskSettings {
    RiskSettings {
        stale_after_days: i32::try_from(settings.stale_after_days).unwrap_or(i32::MAX),
        ageing_after_days: i32::try_from(settings.ageing_after_days).unwrap_or(i32::MAX),
        production_tiers: settings.production_tiers.iter().map(|tier| tier.as_str().to_owned()).collect(),
        today: now.with_timezone(&settings.tz()).date_naive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks_follow_the_settings_of_figures() {
        let settings = KpiSettings { time_zone: "America/Los_Angeles".into(), stale_after_days: 21, ..KpiSettings::default() };
        let now = "2026-01-20T03:00:00Z".parse().unwrap_or_else(|error| panic!("{error}"));
        let found = of(&settings, now);
        assert_eq!((found.stale_after_days, found.ageing_after_days), (21, 14));
        assert_eq!(found.production_tiers, ["production"]);
        assert_eq!(found.today.to_string(), "2026-01-19", "it is still Monday there");
    }
}
