//! The organisation's own settings.

use ovia_domain::OrgId;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::{Store, StoreError, audit::audit_in_txn};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRow {
    pub id: Uuid,
    pub name: String,
    /// Ended runs and their events are kept this long.
    pub retention_days: i32,
    /// Reports are kept this long after their period.
    pub report_retention_days: i32,
    /// Over all its connections; `None` is no ceiling.
    pub requests_per_minute: Option<i32>,
}

/// What to change; `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrganisationPatch {
    /// 30 at least: the table refuses less.
    pub retention_days: Option<i32>,
    /// 30 at least: the table refuses less.
    pub report_retention_days: Option<i32>,
    /// `Some(None)` lifts the ceiling.
    pub requests_per_minute: Option<Option<i32>>,
}

impl Store {
    pub async fn organisation_fetch(&self, org: OrgId) -> Result<OrganisationRow, StoreError> {
        let row = sqlx::query_as!(
            OrganisationRow,
            "select id, name, retention_days, report_retention_days, requests_per_minute from organisations where id = $1",
            org.0
        );
        Ok(row.fetch_one(&self.pool).await?)
    }

    /// Changes settings, asked for by `actor`.
    pub async fn organisation_patch(&self, org: OrgId, patch: OrganisationPatch, actor: &str) -> Result<OrganisationRow, StoreError> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query_as!(
            OrganisationRow,
            "update organisations set retention_days = coalesce($2, retention_days),
                requests_per_minute = case when $3 then $4 else requests_per_minute end,
                report_retention_days = coalesce($5, report_retention_days)
            where id = $1 returning id, name, retention_days, report_retention_days, requests_per_minute",
            org.0,
            patch.retention_days,
            patch.requests_per_minute.is_some(),
            patch.requests_per_minute.flatten(),
            patch.report_retention_days
        );
        let row = row.fetch_one(&mut *tx).await?;
        let mut data = Map::new();
        data.extend(patch.retention_days.map(|days| ("retention_days".to_owned(), json!(days))));
        data.extend(patch.report_retention_days.map(|days| ("report_retention_days".to_owned(), json!(days))));
        data.extend(patch.requests_per_minute.map(|ceiling| ("requests_per_minute".to_owned(), json!(ceiling))));
        audit_in_txn(&mut tx, org, actor, "organisation.update", ("organisation", &org.to_string()), data.into()).await?;
        tx.commit().await?;
        Ok(row)
    }
}
