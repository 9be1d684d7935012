//! The kill switch of an organisation: while it is on, scheduled and background work of it stops.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use serde_json::json;

use crate::{Store, StoreError, audit::audit_in_txn};

/// How the switch stands, and who set it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillSwitchRow {
    pub engaged: bool,
    pub reason: Option<String>,
    /// `token:<name>`.
    pub changed_by: String,
    pub changed_at: DateTime<Utc>,
}

impl Store {
    /// Whether scheduled and background work of the organisation has to stop.
    pub async fn kill_switch_engaged(&self, org: OrgId) -> Result<bool, StoreError> {
        let engaged = sqlx::query_scalar!("select engaged from kill_switches where org_id = $1", org.0);
        Ok(engaged.fetch_optional(&self.pool).await?.unwrap_or(false))
    }

    /// The switch, or `None` if it was never touched.
    pub async fn kill_switch_fetch(&self, org: OrgId) -> Result<Option<KillSwitchRow>, StoreError> {
        let row =
            sqlx::query_as!(KillSwitchRow, "select engaged, reason, changed_by, changed_at from kill_switches where org_id = $1", org.0);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Sets the switch. Setting it as it stands keeps who changed it last.
    pub async fn kill_switch_set(&self, org: OrgId, engaged: bool, reason: Option<&str>, actor: &str) -> Result<KillSwitchRow, StoreError> {
        let mut txn = self.pool.begin().await?;
        let row = sqlx::query_as!(
            KillSwitchRow,
            "insert into kill_switches (org_id, engaged, reason, changed_by) values ($1, $2, $3, $4)
            on conflict (org_id) do update
            set engaged = excluded.engaged, reason = excluded.reason, changed_by = excluded.changed_by, changed_at = now()
            where (kill_switches.engaged, kill_switches.reason) is distinct from (excluded.engaged, excluded.reason)
            returning engaged, reason, changed_by, changed_at",
            org.0,
            engaged,
            reason,
            actor
        );
        let Some(row) = row.fetch_optional(&mut *txn).await? else {
            let stands = sqlx::query_as!(
                KillSwitchRow,
                "select engaged, reason, changed_by, changed_at from kill_switches where org_id = $1",
                org.0
            );
            return Ok(stands.fetch_one(&mut *txn).await?);
        };
        let data = json!({"engaged": engaged, "reason": reason});
        audit_in_txn(&mut txn, org, actor, "kill_switch.set", ("organisation", &org.to_string()), data).await?;
        txn.commit().await?;
        Ok(row)
    }
}
