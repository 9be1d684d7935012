//! What came, changed or went since the figures were made, as spans of time.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use super::facts::KpiReader;
use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// A person whose accounts changed, as `changed_people` has it.
#[derive(Clone, Debug, FromRow)]
pub struct ChangedPersonRow {
    pub id: i64,
    pub person_id: Uuid,
    /// `decision:<kind>` or `matching`.
    pub reason: String,
    pub decision_id: Option<i64>,
}

/// A closed span, `[from, to]`, in which rows count, counted or may have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow, Serialize, Deserialize)]
pub struct TouchedSpan {
    pub from: Time,
    pub to: Time,
}

/// What the organisation's settings say about rows.
#[derive(Clone, Debug, Default)]
pub struct TouchedMeaning {
    /// Types of incidents, in lower case.
    pub incident_types: Vec<String>,
    /// Labels of incidents, in lower case.
    pub incident_labels: Vec<String>,
    /// `jsonpath` of what else are incidents, as `item_matches` takes it.
    pub incident_filter: Option<String>,
    /// Tiers of environments that count as production, as `environments.tier` has them.
    pub production_tiers: Vec<String>,
}

/// Later than any row.
const NEVER: Time = DateTime::<Utc>::from_timestamp_nanos(i64::MAX);

impl Store {
    /// Summarises new pages in the indexes of `changed_at`. Until then every look-up reads all their rows, and autovacuum comes only when a
    /// fifth of a table is new. Indexes that belong to another role, and those of tables that somebody has locked, stay as they are.
    pub async fn kpi_changes_summarise(&self) -> Result<(), StoreError> {
        sqlx::raw_sql(include_str!("changes_summarise.sql")).execute(&self.pool).await?;
        Ok(())
    }
}

impl KpiReader {
    /// Of rows whose `changed_at` is `since` or later: the time in which each may count, from its creation (or from what waited for it) to
    /// `as_of`, or to its end where it is known to be over. Merge requests also for their notes, approvals and commits, for what they
    /// mention and for what their deployments and incidents say. `people` are those whose accounts changed: every row by them counts as
    /// changed; without `since` only theirs. One span per hour of beginning.
    pub async fn touched(
        &mut self,
        since: Option<Time>,
        as_of: Time,
        people: &[Uuid],
        meaning: &TouchedMeaning,
    ) -> Result<Vec<TouchedSpan>, StoreError> {
        let org = self.org();
        let sql = include_str!("touched.sql");
        let rows = sqlx::query_as(sql)
            .bind(org.0)
            .bind(since.unwrap_or(NEVER))
            .bind(as_of)
            .bind(people)
            .bind(&meaning.incident_types)
            .bind(&meaning.incident_labels)
            .bind(&meaning.production_tiers)
            .bind(&meaning.incident_filter);
        Ok(rows.fetch_all(self.connection()).await?)
    }

    /// People whose accounts changed after `after`, in that order.
    pub async fn changed_people(&mut self, after: i64) -> Result<Vec<ChangedPersonRow>, StoreError> {
        let org = self.org();
        let sql = "select id, person_id, reason, decision_id from changed_people where org_id = $1 and id > $2 order by id";
        Ok(sqlx::query_as(sql).bind(org.0).bind(after).fetch_all(self.connection()).await?)
    }

    /// The organisation's identity epoch.
    pub async fn identity_epoch(&mut self) -> Result<i64, StoreError> {
        let org = self.org();
        let sql = "select identity_epoch from organisations where id = $1";
        Ok(sqlx::query_scalar(sql).bind(org.0).fetch_one(self.connection()).await?)
    }

    /// A hash of what changes figures without a row of theirs changing: live connections, live projects, meanings of statuses, teams and
    /// their members.
    pub async fn basis(&mut self) -> Result<String, StoreError> {
        let org: OrgId = self.org();
        let parts: Vec<String> = sqlx::query_scalar(include_str!("basis.sql")).bind(org.0).fetch_all(self.connection()).await?;
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// The oldest last successful sync among live connections; `None` where one was never synced, or there is none.
    pub async fn inputs_at(&mut self) -> Result<Option<Time>, StoreError> {
        let org = self.org();
        let sql = "select case when bool_and(s.at is not null) then min(s.at) end
            from connections c
            cross join lateral (
                select max(r.ended_at) as at from runs r
                where r.connection_id = c.id and r.kind in ('sync', 'backfill') and r.status in ('succeeded', 'degraded')
            ) s
            where c.org_id = $1 and c.deleted_at is null";
        Ok(sqlx::query_scalar(sql).bind(org.0).fetch_one(self.connection()).await?)
    }
}
