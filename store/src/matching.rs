//! Identities in, links out: one transaction that holds the organisation's matching lock from reading to writing, so that two
//! matching runs never interleave.

use ovia_domain::{OrgId, RunId};
use serde::Serialize;
use serde_json::Value;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use crate::{Store, StoreError};

/// An account with its present link.
#[derive(Debug)]
pub struct MatchingIdentityRow {
    pub id: Uuid,
    pub source: String,
    /// The connection's base URL: accounts of one host share an id space.
    pub base_url: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub is_bot: Option<bool>,
    pub person_id: Option<Uuid>,
    pub link_status: Option<String>,
}

/// A person as matching wants them.
#[derive(Debug, Serialize)]
pub struct PersonWrite {
    pub id: Uuid,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_bot: bool,
}

/// A link as matching wants it.
#[derive(Debug, Serialize)]
pub struct LinkWrite {
    pub identity_id: Uuid,
    pub person_id: Uuid,
    /// `auto` or `conflict`.
    pub status: &'static str,
    pub confidence: f64,
    pub rule: String,
    pub trace: Value,
}

/// What a matching run changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MatchingApplied {
    pub people_written: u64,
    pub people_removed: u64,
    pub links_written: u64,
    pub identity_epoch: i64,
}

/// A matching run in progress. Dropping it changes nothing.
pub struct Matching {
    tx: Transaction<'static, Postgres>,
    org: OrgId,
}

impl Store {
    /// Begins matching; waits while another matching run of the organisation goes on.
    pub async fn matching_begin(&self, org: OrgId) -> Result<Matching, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended('matching:' || $1::text, 0))", org.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(Matching { tx, org })
    }
}

impl Matching {
    /// Every live account of the organisation, in the order of its id.
    pub async fn identities(&mut self) -> Result<Vec<MatchingIdentityRow>, StoreError> {
        let rows = sqlx::query_as!(
            MatchingIdentityRow,
            r#"select i.id, i.source, c.base_url, i.external_id, i.username, i.display_name, i.email, i.is_bot,
                      l.person_id as "person_id?", l.status as "link_status?"
               from identities i
               join connections c on c.id = i.connection_id
               left join person_identity_links l on l.identity_id = i.id
               where i.org_id = $1 and i.deleted_at is null
               order by i.id"#,
            self.org.0
        );
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }

    /// Writes what differs, removes people nobody is linked to any more, and raises the identity epoch if any link changed.
    pub async fn apply(
        mut self,
        run: RunId,
        rule_set_version: i32,
        people: &[PersonWrite],
        links: &[LinkWrite],
    ) -> Result<MatchingApplied, StoreError> {
        let org = self.org.0;
        let people_written =
            sqlx::query_file!("src/matching_people_upsert.sql", org, serde_json::to_value(people)?).execute(&mut *self.tx).await?;
        let links_written = sqlx::query_file!("src/matching_links_upsert.sql", org, run.0, rule_set_version, serde_json::to_value(links)?)
            .execute(&mut *self.tx)
            .await?
            .rows_affected();
        let removed = sqlx::query!(
            "delete from people p where p.org_id = $1 and not exists (select from person_identity_links l where l.person_id = p.id)",
            org
        )
        .execute(&mut *self.tx)
        .await?;
        let epoch = sqlx::query!(
            "update organisations set identity_epoch = identity_epoch + $2 where id = $1 returning identity_epoch",
            org,
            i64::from(links_written > 0),
        )
        .fetch_one(&mut *self.tx)
        .await?;
        self.tx.commit().await?;
        Ok(MatchingApplied {
            people_written: people_written.rows_affected(),
            people_removed: removed.rows_affected(),
            links_written,
            identity_epoch: epoch.identity_epoch,
        })
    }
}
