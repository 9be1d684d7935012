//! What organisations have set for their KPIs, each version once.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{Store, StoreError};

/// The settings in force. `version` 0 is as shipped.
#[derive(Clone, Debug, FromRow)]
pub struct KpiSettingsRow {
    pub version: i32,
    /// `ovia_kpi::KpiSettings` as JSON; what is absent is as shipped.
    pub settings: Value,
    /// Whether there are figures of single people.
    pub person_level: bool,
    /// `token:<name>`.
    pub created_by: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
}

/// What setting came to.
#[derive(Clone, Debug)]
pub enum KpiSettingsSet {
    /// These are in force now; the same as before where nothing differs.
    Set(KpiSettingsRow),
    /// Somebody was faster: this version is in force, not the one that was seen.
    Stale { current: i32 },
}

const IN_FORCE: &str = "select version, settings, person_level, created_by, created_at from kpi_settings where org_id = $1
    order by version desc limit 1";

impl Store {
    /// The settings in force.
    pub async fn kpi_settings(&self, org: OrgId) -> Result<KpiSettingsRow, StoreError> {
        Ok(sqlx::query_as(IN_FORCE).bind(org.0).fetch_optional(&self.pool).await?.unwrap_or_else(as_shipped))
    }

    /// Puts settings, checked by the caller, in force. With `expected_version` only if that is the one in force.
    pub async fn kpi_settings_set(
        &self,
        org: OrgId,
        settings: &Value,
        person_level: bool,
        expected_version: Option<i32>,
        by: &str,
    ) -> Result<KpiSettingsSet, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('kpi_settings:' || $1::text, 0))")
            .bind(org.to_string())
            .execute(&mut *tx)
            .await?;
        let current: KpiSettingsRow = sqlx::query_as(IN_FORCE).bind(org.0).fetch_optional(&mut *tx).await?.unwrap_or_else(as_shipped);
        if expected_version.is_some_and(|expected| expected != current.version) {
            return Ok(KpiSettingsSet::Stale { current: current.version });
        }
        if current.settings == *settings && current.person_level == person_level {
            return Ok(KpiSettingsSet::Set(current));
        }
        let set: KpiSettingsRow = sqlx::query_as(
            "insert into kpi_settings (org_id, version, settings, person_level, created_by) values ($1, $2, $3, $4, $5)
             returning version, settings, person_level, created_by, created_at",
        )
        .bind(org.0)
        .bind(current.version + 1)
        .bind(settings)
        .bind(person_level)
        .bind(by)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        self.audit(
            org,
            by,
            "kpi_settings.set",
            ("kpi_settings", &set.version.to_string()),
            json!({"settings": settings, "person_level": person_level}),
        )
        .await?;
        Ok(KpiSettingsSet::Set(set))
    }
}

fn as_shipped() -> KpiSettingsRow {
    KpiSettingsRow { version: 0, settings: json!({}), person_level: false, created_by: None, created_at: None }
}
