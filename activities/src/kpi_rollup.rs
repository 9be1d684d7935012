//! `ovia.kpi_rollup`. Reads everything, computes, stores in one transaction; twice stores nothing the second time.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId};
use ovia_kpi::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, KpiSettings, MergeRequestFact, MergeRequestState, PipelineFact,
    PipelineStatus, ReviewEventFact, ReviewEventKind, Snapshot, compute_all,
};
use ovia_store::{
    Store, StoreError,
    kpi::{MergeRequestFactRow, NewSnapshot, ReviewEventRow, ReviewEventRowKind},
    runs::RunBegun,
};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub async fn kpi_rollup(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(rolled) = pulse::with_pulse(ctx, rollup(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    rolled.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn rollup(store: &Store, org: OrgId, run: RunId) -> Result<(), StoreError> {
    let as_of = store.run_as_of(org, run).await?.unwrap_or_else(Utc::now);
    let epoch = store.identity_epoch(org).await?;
    let facts = facts_load(store, org).await?;
    let counts = json!({
        "as_of": as_of,
        "merge_requests": facts.merge_requests.len(),
        "pipelines": facts.pipelines.len(),
        "deployments": facts.deployments.len(),
    });
    let snapshots = compute(facts, as_of).await;
    let written = store.kpi_snapshots_upsert(org, run, epoch, &snapshots).await?;
    let result = json!({"rows": counts, "snapshots": snapshots.len(), "written": written});
    store.run_result_set(org, run, &result).await
}

/// Off the async threads: seconds of arithmetic must not stop heartbeats.
async fn compute(facts: Facts, as_of: DateTime<Utc>) -> Vec<NewSnapshot> {
    let computed =
        tokio::task::spawn_blocking(move || compute_all(&facts, &KpiSettings::default(), as_of).into_iter().map(new_snapshot).collect());
    match computed.await {
        Ok(snapshots) => snapshots,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn new_snapshot(snapshot: Snapshot) -> NewSnapshot {
    NewSnapshot {
        metric: snapshot.metric.as_str(),
        definition_version: snapshot.definition_version,
        scope_kind: snapshot.scope.kind(),
        scope_id: snapshot.scope.id().to_owned(),
        window_kind: snapshot.window.kind.as_str(),
        window_start: snapshot.window.start,
        window_end: snapshot.window.end,
        value: snapshot.value,
        unit: snapshot.unit,
        stats: snapshot.stats,
        coverage: snapshot.coverage,
        row_table: snapshot.row_table,
        row_ids: snapshot.row_ids,
    }
}

async fn facts_load(store: &Store, org: OrgId) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    for (connection, project) in store.kpi_projects(org).await? {
        facts.project(ConnectionId(connection), &project);
    }
    store.kpi_merge_requests(org, |row| merge_request_add(&mut facts, row)).await?;
    store.kpi_review_events(org, |row| review_event_add(&mut facts, row)).await?;
    store
        .kpi_pipelines(org, |row| {
            let project = facts.project(ConnectionId(row.connection_id), &row.project_external_id);
            let status = PipelineStatus::parse(&row.status);
            facts.pipelines.push(PipelineFact {
                id: row.id,
                project,
                status,
                updated_at: row.updated_at,
                finished_at: row.finished_at,
                started_by: None,
                on_default_branch: true,
                created_at: None,
                started_at: None,
                duration_seconds: None,
            });
        })
        .await?;
    store
        .kpi_deployments(org, |row| {
            let project = facts.project(ConnectionId(row.connection_id), &row.project_external_id);
            facts.deployments.push(DeploymentFact {
                id: row.id,
                project,
                status: DeploymentStatus::parse(&row.status),
                environment_tier: row.tier_of_environment.as_deref().map(EnvironmentTier::parse),
                deployment_tier: row.tier_of_deployment.as_deref().map(EnvironmentTier::parse),
                created_at: row.created_at,
                updated_at: row.updated_at,
                finished_at: row.finished_at,
                deployed_by: None,
                deployed_by_bot: false,
                sha: None,
            });
        })
        .await?;
    Ok(facts)
}

fn merge_request_add(facts: &mut Facts, row: MergeRequestFactRow) {
    let connection = ConnectionId(row.connection_id);
    let project = facts.project(connection, &row.project_external_id);
    let author = row.author_external_id.as_deref().map(|id| facts.identity(connection, id));
    facts.merge_requests.push(MergeRequestFact {
        id: row.id,
        project,
        author,
        author_is_bot: row.author_is_bot,
        state: MergeRequestState::parse(&row.state),
        draft: row.draft,
        created_at: row.created_at,
        updated_at: row.updated_at,
        merged_at: row.merged_at,
        closed_at: row.closed_at,
        is_fork: false,
        is_hotfix: false,
        first_commit_at: None,
        head_sha: None,
        merge_sha: None,
        squash_sha: None,
        additions: None,
        deletions: None,
    });
}

fn review_event_add(facts: &mut Facts, row: ReviewEventRow) {
    let by = row.by_external_id.as_deref().map(|id| facts.identity(ConnectionId(row.connection_id), id));
    let kind = match row.kind {
        ReviewEventRowKind::Approval => ReviewEventKind::Approval,
        ReviewEventRowKind::Commit => ReviewEventKind::Commit,
        ReviewEventRowKind::Note { system, event } => ReviewEventKind::of_note(system, event.as_deref()),
    };
    facts.review_events.push(ReviewEventFact { merge_request_id: row.merge_request_id, kind, by, by_is_bot: row.by_is_bot, at: row.at });
}
