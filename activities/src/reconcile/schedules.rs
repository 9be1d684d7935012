//! Temporal's schedules := the rows of `schedules`.
//!
//! A list of what Temporal has shows most of what can differ; what it does not show (overlap, catch-up, the action) is looked at in
//! turns, all of it when there are few.

use std::collections::BTreeMap;

use chrono::Utc;
use futures::StreamExt;
use ovia_store::{StoreError, schedules::ScheduleRow};
use ovia_workflows::{
    EngineError,
    schedules::{Marks, ScheduleTarget},
};

use super::{CONCURRENCY, Tally};
use crate::Activities;

const PAGE: i64 = 200;
/// Schedules described in one pass although nothing seems wrong with them.
const DESCRIBED: usize = 50;
/// Between passes, about.
const PASS_SECONDS: i64 = 15;

pub async fn pass(activities: &Activities, tally: &Tally) -> Result<(), StoreError> {
    // before the rows: what is listed had its row by then, so a row that is missing is missing for good
    let mut there = match list(activities).await {
        Ok(there) => there,
        Err(error) => {
            Tally::add(&tally.failures);
            tracing::warn!(%error, "failed to list Temporal's schedules");
            return Ok(());
        }
    };
    let turns = (there.len() / DESCRIBED + 1) as u128;
    let turn = (Utc::now().timestamp() / PASS_SECONDS).unsigned_abs() as u128 % turns;
    let mut after = None;
    loop {
        let page = activities.store.schedules_of_all(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.schedule.id);
        let mut doubtful = Vec::new();
        for row in page {
            let id = activities.engine.schedule_temporal_id(row.schedule.kind, row.schedule.id);
            let listed = there.remove(&id);
            if row.schedule.id.0.as_u128() % turns == turn || !is_as_told(activities, &row, listed) {
                doubtful.push(row);
            }
        }
        futures::stream::iter(doubtful)
            .for_each_concurrent(CONCURRENCY, async |row| {
                if let Err(error) = mend(activities, &row, tally).await {
                    Tally::add(&tally.failures);
                    tracing::warn!(schedule_id = %row.schedule.id, %error, "failed to reconcile a schedule; trying again in the next pass");
                }
            })
            .await;
    }
    for id in there.into_keys() {
        match activities.engine.schedule_delete(&id).await {
            Ok(()) => {
                Tally::add(&tally.schedules_removed);
                tracing::info!(id, "removed a schedule from Temporal that is not in Postgres");
            }
            Err(error) => {
                Tally::add(&tally.failures);
                tracing::warn!(id, %error, "failed to remove a schedule from Temporal");
            }
        }
    }
    Ok(())
}

/// Our schedules in Temporal: id, and hash of what the list shows.
async fn list(activities: &Activities) -> Result<BTreeMap<String, String>, EngineError> {
    let (mut all, mut next) = (BTreeMap::new(), None);
    loop {
        let page = activities.engine.schedules_list(next).await?;
        all.extend(page.items.into_iter().map(|item| (item.temporal_id, item.listed)));
        next = page.next;
        if next.is_none() {
            return Ok(all);
        }
    }
}

fn is_as_told(activities: &Activities, row: &ScheduleRow, listed: Option<String>) -> bool {
    let Some(applied) = row.applied.as_deref().and_then(Marks::parse) else { return false };
    applied.wanted == activities.engine.schedule_wanted(&target(row)) && listed == Some(applied.listed)
}

/// Looks at the schedule itself, since lists are some seconds old, and writes it if it is not as it was told to be.
async fn mend(activities: &Activities, row: &ScheduleRow, tally: &Tally) -> Result<(), super::runs::RunProblem> {
    let seen = activities.engine.schedule_describe(&target(row)).await?;
    // read after the look: whoever changes a schedule writes the row first, so what differs because of that is told from the changed row
    let Some(row) = activities.store.schedule_fetch(row.schedule.org_id, row.schedule.id).await? else { return Ok(()) };
    let target = target(&row);
    let wanted = activities.engine.schedule_wanted(&target);
    if seen.is_some_and(|seen| Some(Marks { wanted, ..seen.marks }.to_string()) == row.applied) {
        return Ok(());
    }
    let seen = activities.engine.schedule_put(&target).await?;
    activities.store.schedule_applied_set(row.schedule.org_id, row.schedule.id, &seen.marks.to_string()).await?;
    Tally::add(&tally.schedules_put);
    tracing::info!(schedule_id = %row.schedule.id, "told Temporal about a schedule that it had not, or had differently");
    Ok(())
}

fn target(row: &ScheduleRow) -> ScheduleTarget {
    ScheduleTarget { schedule: row.schedule.clone(), connection_name: row.connection_name.clone(), source: row.source }
}
