//! Which deployment an incident is held to come from, by rule or by a person's word.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use serde_json::json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

type Time = DateTime<Utc>;

const INCIDENTS_LIST: &str = "kpi_incidents";

/// What became of a person's word on an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overridden {
    Set,
    /// It was said before, for the same reason.
    Unchanged,
    /// There is no such incident or deployment in the organisation.
    Unknown,
}

/// An attribution to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAttribution {
    /// `work_items` or `issues`.
    pub incident_table: &'static str,
    pub incident_id: i64,
    /// `None`: it is not held to come from any.
    pub deployment_id: Option<i64>,
    pub rule: String,
    /// 0 to 1.
    pub confidence: f64,
}

/// An incident with its attribution.
#[derive(Clone, Debug, FromRow)]
pub struct IncidentRow {
    /// `work_items` or `issues`.
    pub incident_table: String,
    pub incident_id: i64,
    pub connection_id: Option<Uuid>,
    pub reference: Option<String>,
    pub title: Option<String>,
    pub project: Option<String>,
    pub url: Option<String>,
    pub created_at: Option<Time>,
    pub resolved_at: Option<Time>,
    pub deployment_id: Option<i64>,
    pub deployment_project: Option<String>,
    pub deployment_url: Option<String>,
    pub deployment_finished_at: Option<Time>,
    pub rule: String,
    pub confidence: f64,
    /// A person's word that is in force, and whose.
    pub overridden_by: Option<String>,
    pub override_reason: Option<String>,
    pub overridden_at: Option<Time>,
}

/// What has become of attributions since the figures were made.
#[derive(Clone, Debug, Default)]
pub struct AttributionsMoved {
    /// Of each incident that was taken from a deployment, put down to one, or said to have none: the earliest moment that says so (of the
    /// deployments and of the incident), and whether a person's word did it.
    pub moved: Vec<(Time, bool)>,
    /// Whether there was any incident then.
    pub any_before: bool,
}

/// Replaces the organisation's attributions.
pub(super) async fn attributions_store(tx: &mut PgConnection, org: OrgId, attributions: &[NewAttribution]) -> Result<(), StoreError> {
    let tables: Vec<&str> = attributions.iter().map(|one| one.incident_table).collect();
    let ids: Vec<i64> = attributions.iter().map(|one| one.incident_id).collect();
    let deployments: Vec<Option<i64>> = attributions.iter().map(|one| one.deployment_id).collect();
    let rules: Vec<&str> = attributions.iter().map(|one| one.rule.as_str()).collect();
    let confidences: Vec<f64> = attributions.iter().map(|one| one.confidence).collect();
    sqlx::query(
        "delete from kpi_incident_attributions a where org_id = $1
         and not exists (select from unnest($2::text[], $3::bigint[]) n (t, id) where n.t = a.incident_table and n.id = a.incident_id)",
    )
    .bind(org.0)
    .bind(&tables)
    .bind(&ids)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into kpi_incident_attributions as a (org_id, incident_table, incident_id, deployment_id, rule, confidence)
         select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::double precision[])
         on conflict (org_id, incident_table, incident_id) do update
         set deployment_id = excluded.deployment_id, rule = excluded.rule, confidence = excluded.confidence, computed_at = now()
         where (a.deployment_id, a.rule, a.confidence) is distinct from (excluded.deployment_id, excluded.rule, excluded.confidence)",
    )
    .bind(org.0)
    .bind(&tables)
    .bind(&ids)
    .bind(&deployments)
    .bind(&rules)
    .bind(&confidences)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

impl Store {
    /// What these attributions change, compared with those that the figures were made with. Nothing is stored.
    pub async fn kpi_attributions_moved(
        &self,
        org: OrgId,
        since: Time,
        attributions: &[NewAttribution],
    ) -> Result<AttributionsMoved, StoreError> {
        let tables: Vec<&str> = attributions.iter().map(|one| one.incident_table).collect();
        let ids: Vec<i64> = attributions.iter().map(|one| one.incident_id).collect();
        let deployments: Vec<Option<i64>> = attributions.iter().map(|one| one.deployment_id).collect();
        let rules: Vec<&str> = attributions.iter().map(|one| one.rule.as_str()).collect();
        let moved: Vec<(Time, bool)> = sqlx::query_as(include_str!("attributions_moved.sql"))
            .bind(org.0)
            .bind(&tables)
            .bind(&ids)
            .bind(&deployments)
            .bind(since)
            .bind(&rules)
            .fetch_all(&self.pool)
            .await?;
        let sql = "select exists (select from kpi_incident_attributions where org_id = $1)";
        let any_before: bool = sqlx::query_scalar(sql).bind(org.0).fetch_one(&self.pool).await?;
        Ok(AttributionsMoved { moved, any_before })
    }

    /// Incidents with their attributions, newest row first. `deployment` asks for those of one deployment.
    pub async fn kpi_incidents(&self, org: OrgId, deployment: Option<i64>, page: &PageToken) -> Result<PageOf<IncidentRow>, StoreError> {
        let key: Option<(String, i64)> = page.key(INCIDENTS_LIST)?;
        let (table, id) = key.unzip();
        let rows = sqlx::query_as(include_str!("incidents_list.sql")).bind(org.0).bind(deployment).bind(table).bind(id).bind(page.fetch());
        page.page(INCIDENTS_LIST, rows.fetch_all(&self.pool).await?, |row: &IncidentRow| (row.incident_table.clone(), row.incident_id))
    }

    /// A person's word on an incident.
    pub async fn kpi_incident_override(
        &self,
        org: OrgId,
        incident: (&str, i64),
        deployment: Option<i64>,
        reason: Option<&str>,
        by: &str,
    ) -> Result<Overridden, StoreError> {
        let mut tx = self.pool.begin().await?;
        let known: bool = sqlx::query_scalar(
            "select exists (select from kpi_incident_attributions where org_id = $1 and incident_table = $2 and incident_id = $3)
                and ($4::bigint is null or exists (select from deployments where org_id = $1 and id = $4 and deleted_at is null))",
        )
        .bind(org.0)
        .bind(incident.0)
        .bind(incident.1)
        .bind(deployment)
        .fetch_one(&mut *tx)
        .await?;
        if !known {
            return Ok(Overridden::Unknown);
        }
        let said: bool = sqlx::query_scalar(
            "select exists (select from kpi_incident_overrides
                where org_id = $1 and incident_table = $2 and incident_id = $3 and ended_at is null
                    and deployment_id is not distinct from $4::bigint and reason is not distinct from $5::text)",
        )
        .bind(org.0)
        .bind(incident.0)
        .bind(incident.1)
        .bind(deployment)
        .bind(reason)
        .fetch_one(&mut *tx)
        .await?;
        if said {
            return Ok(Overridden::Unchanged);
        }
        override_end(&mut tx, org, incident).await?;
        sqlx::query(
            "insert into kpi_incident_overrides (org_id, incident_table, incident_id, deployment_id, reason, created_by)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(org.0)
        .bind(incident.0)
        .bind(incident.1)
        .bind(deployment)
        .bind(reason)
        .bind(by)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let what = json!({"deployment_id": deployment, "reason": reason});
        self.audit(org, by, "kpi_incident.override", ("incident", &format!("{}:{}", incident.0, incident.1)), what).await?;
        Ok(Overridden::Set)
    }

    /// Takes a person's word on an incident back: rules count again. `false`: there was none.
    pub async fn kpi_incident_override_end(&self, org: OrgId, incident: (&str, i64), by: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let ended = override_end(&mut tx, org, incident).await?;
        tx.commit().await?;
        if ended {
            let id = format!("{}:{}", incident.0, incident.1);
            self.audit(org, by, "kpi_incident.override_end", ("incident", &id), json!({})).await?;
        }
        Ok(ended)
    }
}

async fn override_end(tx: &mut PgConnection, org: OrgId, incident: (&str, i64)) -> Result<bool, StoreError> {
    let sql = "update kpi_incident_overrides set ended_at = now()
        where org_id = $1 and incident_table = $2 and incident_id = $3 and ended_at is null";
    Ok(sqlx::query(sql).bind(org.0).bind(incident.0).bind(incident.1).execute(tx).await?.rows_affected() > 0)
}
