//! Rows KPIs are computed from, and the snapshots they become.
//!
//! Facts are streamed row by row into the caller's hands, so that a million rows are never held twice.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use ovia_domain::{OrgId, RunId};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// A merge request, as metrics need it.
#[derive(Debug)]
pub struct MergeRequestFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub author_external_id: Option<String>,
    pub author_is_bot: bool,
    pub state: String,
    pub draft: bool,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
}

/// What kind of dated thing a review event is.
#[derive(Debug, PartialEq, Eq)]
pub enum ReviewEventRowKind {
    Note { system: bool, event: Option<String> },
    Approval,
    Commit,
}

/// A note, approval or commit of a merge request.
#[derive(Debug)]
pub struct ReviewEventRow {
    pub merge_request_id: i64,
    pub connection_id: Uuid,
    pub kind: ReviewEventRowKind,
    pub by_external_id: Option<String>,
    pub by_is_bot: bool,
    pub at: Time,
}

#[derive(Debug)]
pub struct PipelineFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub status: String,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Debug)]
pub struct DeploymentFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub status: String,
    pub tier_of_environment: Option<String>,
    pub tier_of_deployment: Option<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

/// A snapshot to store.
#[derive(Debug, Serialize)]
pub struct NewSnapshot {
    pub metric: &'static str,
    pub definition_version: i32,
    pub scope_kind: &'static str,
    pub scope_id: String,
    pub window_kind: &'static str,
    pub window_start: Time,
    pub window_end: Time,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub stats: Map<String, Value>,
    pub coverage: Map<String, Value>,
    pub row_table: &'static str,
    pub row_ids: Vec<i64>,
}

/// Snapshots in one statement.
const CHUNK: usize = 500;

impl Store {
    /// Connection and external id of every live project.
    pub async fn kpi_projects(&self, org: OrgId) -> Result<Vec<(Uuid, String)>, StoreError> {
        let rows = sqlx::query!(
            "select p.connection_id, p.external_id from projects p join connections c on c.id = p.connection_id and c.deleted_at is null
            where p.org_id = $1 and p.deleted_at is null order by p.id",
            org.0
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.connection_id, row.external_id)).collect())
    }

    pub async fn kpi_merge_requests(&self, org: OrgId, mut each: impl FnMut(MergeRequestFactRow)) -> Result<(), StoreError> {
        let mut rows = sqlx::query_as!(
            MergeRequestFactRow,
            r#"select m.id, m.connection_id, m.project_external_id, m.author_external_id, coalesce(i.is_bot, false) as "author_is_bot!",
                      m.state, m.draft, m.created_at, m.updated_at, m.merged_at, m.closed_at
               from merge_requests m
               join connections c on c.id = m.connection_id and c.deleted_at is null
               left join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
               where m.org_id = $1 and m.deleted_at is null"#,
            org.0
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            each(row);
        }
        Ok(())
    }

    /// Notes, approvals with a time, and commits with a time.
    pub async fn kpi_review_events(&self, org: OrgId, mut each: impl FnMut(ReviewEventRow)) -> Result<(), StoreError> {
        let mut rows = sqlx::query_file!("src/kpi_review_events.sql", org.0).fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            let kind = match row.kind.as_str() {
                "approval" => ReviewEventRowKind::Approval,
                "commit" => ReviewEventRowKind::Commit,
                _ => ReviewEventRowKind::Note { system: row.system, event: row.event },
            };
            each(ReviewEventRow {
                merge_request_id: row.merge_request_id,
                connection_id: row.connection_id,
                kind,
                by_external_id: row.by_external_id,
                by_is_bot: row.by_is_bot,
                at: row.at,
            });
        }
        Ok(())
    }

    pub async fn kpi_pipelines(&self, org: OrgId, mut each: impl FnMut(PipelineFactRow)) -> Result<(), StoreError> {
        let mut rows = sqlx::query_as!(
            PipelineFactRow,
            "select p.id, p.connection_id, p.project_external_id, p.status, p.updated_at, p.finished_at
            from pipelines p join connections c on c.id = p.connection_id and c.deleted_at is null
            where p.org_id = $1 and p.deleted_at is null",
            org.0
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            each(row);
        }
        Ok(())
    }

    pub async fn kpi_deployments(&self, org: OrgId, mut each: impl FnMut(DeploymentFactRow)) -> Result<(), StoreError> {
        let mut rows = sqlx::query_as!(
            DeploymentFactRow,
            r#"select d.id, d.connection_id, d.project_external_id, d.status, e.tier as "tier_of_environment?",
                      d.environment_tier as tier_of_deployment, d.created_at, d.updated_at, d.finished_at
               from deployments d
               join connections c on c.id = d.connection_id and c.deleted_at is null
               left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
               where d.org_id = $1 and d.deleted_at is null"#,
            org.0
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            each(row);
        }
        Ok(())
    }

    /// The organisation's identity epoch.
    pub async fn identity_epoch(&self, org: OrgId) -> Result<i64, StoreError> {
        let row = sqlx::query!("select identity_epoch from organisations where id = $1", org.0).fetch_one(&self.pool).await?;
        Ok(row.identity_epoch)
    }

    /// Stores snapshots, all or none; those that say what is stored already are left alone. Answers how many were written.
    pub async fn kpi_snapshots_upsert(&self, org: OrgId, run: RunId, epoch: i64, snapshots: &[NewSnapshot]) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        // two rollups of one organisation at once would deadlock on each other's rows
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended('kpi_rollup:' || $1::text, 0))", org.to_string())
            .execute(&mut *tx)
            .await?;
        let mut written = 0;
        for chunk in snapshots.chunks(CHUNK) {
            let rows = serde_json::to_value(chunk)?;
            written +=
                sqlx::query_file!("src/kpi_snapshots_upsert.sql", org.0, run.0, epoch, rows).execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(written)
    }
}
