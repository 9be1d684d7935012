//! The configuration of matching, by version. What it may say is the matching crate's to judge: here it is JSON.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use serde_json::{Value, json};

use crate::{
    PageOf, PageToken, Store, StoreError,
    audit::audit_in_txn,
    decisions::{Decider, follow_up_in_txn},
    links::epoch_raise_in_txn,
    runs::NewRun,
};

const LIST: &str = "matching_configs";

#[derive(Clone, Debug, PartialEq)]
pub struct MatchingConfigRow {
    /// From 1; 0 is the configuration as shipped, which is not stored.
    pub version: i32,
    pub config: Value,
    pub note: Option<String>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}

/// What became of a new configuration.
#[derive(Clone, Debug)]
pub enum ConfigPut {
    /// With the queued matching run, for the caller to start. `None`: one that was queued before follows the configuration too.
    Written(MatchingConfigRow, Option<NewRun>),
    /// It is the one in force already; nothing was written.
    Unchanged(MatchingConfigRow),
    /// Another version is in force than was expected; `None`: the one as shipped.
    Stale(Option<MatchingConfigRow>),
}

impl Store {
    /// The configuration in force; `None`: as shipped (version 0).
    pub async fn matching_config_fetch(&self, org: OrgId) -> Result<Option<MatchingConfigRow>, StoreError> {
        config_fetch(&mut *self.pool.acquire().await?, org).await
    }

    /// Versions, newest first.
    pub async fn matching_configs_list(&self, org: OrgId, page: &PageToken) -> Result<PageOf<MatchingConfigRow>, StoreError> {
        let key: Option<i32> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            MatchingConfigRow,
            "select version, config, note, created_by, created_at from matching_configs
            where org_id = $1 and ($2::int is null or version < $2) order by version desc limit $3",
            org.0,
            key,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.version)
    }

    /// Puts a configuration in force (validated by the caller) as the next version, if `expected_version` (0: as shipped) is in force now. A
    /// run under way reads again and follows it, and one more is queued. The reason of `by` is kept as the note.
    pub async fn matching_config_put(
        &self,
        org: OrgId,
        expected_version: Option<i32>,
        config: &Value,
        by: &Decider,
    ) -> Result<ConfigPut, StoreError> {
        let mut tx = self.pool.begin().await?;
        crate::links::matching_lock_in_txn(&mut tx, org).await?;
        let current = config_fetch(&mut tx, org).await?;
        let version = current.as_ref().map_or(0, |current| current.version);
        if expected_version.is_some_and(|expected| expected != version) {
            return Ok(ConfigPut::Stale(current));
        }
        if let Some(current) = current.filter(|current| current.config == *config) {
            return Ok(ConfigPut::Unchanged(current));
        }
        let row = sqlx::query_as!(
            MatchingConfigRow,
            "insert into matching_configs (org_id, version, config, note, created_by) values ($1, $2, $3, $4, $5)
            returning version, config, note, created_by, created_at",
            org.0,
            version + 1,
            config,
            by.reason,
            by.actor
        )
        .fetch_one(&mut *tx)
        .await?;
        let data = json!({"version": row.version, "note": by.reason});
        audit_in_txn(&mut tx, org, &by.actor, "matching_config.put", ("matching_config", &row.version.to_string()), data).await?;
        epoch_raise_in_txn(&mut tx, org, &[], "matching_config", None, None).await?;
        let follow_up = follow_up_in_txn(&mut tx, org, &by.follow_up).await?;
        tx.commit().await?;
        Ok(ConfigPut::Written(row, follow_up))
    }
}

pub(crate) async fn config_fetch(tx: &mut sqlx::PgConnection, org: OrgId) -> Result<Option<MatchingConfigRow>, StoreError> {
    let row = sqlx::query_as!(
        MatchingConfigRow,
        "select version, config, note, created_by, created_at from matching_configs where org_id = $1 order by version desc limit 1",
        org.0
    );
    Ok(row.fetch_optional(tx).await?)
}
