//! Connections: one configured source each. Deleting keeps the row, for its runs' sake, but forgets the credentials.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId, Source};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    PageOf, PageToken, Sealer, Store, StoreError,
    audit::audit_in_txn,
    page::CursorTime,
    seal::Sealed,
    webhook_deliveries::{Settled, settle_all_in_txn},
};

const LIST: &str = "connections";

/// A connection without its credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionRow {
    pub id: ConnectionId,
    pub org_id: OrgId,
    pub source: String,
    pub name: String,
    pub base_url: String,
    pub settings: Value,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Since when its runs are held, and who said so.
    pub paused_at: Option<DateTime<Utc>>,
    pub paused_by: Option<String>,
}

/// A connection to be made. Everything in it has been validated.
pub struct NewConnection {
    pub source: Source,
    pub name: String,
    pub base_url: String,
    pub settings: Value,
    /// The `credentials` object, as JSON text.
    pub credentials: SecretString,
}

/// What to change; `None` leaves a field as it is.
#[derive(Default)]
pub struct ConnectionPatch {
    pub name: Option<String>,
    pub base_url: Option<String>,
    pub settings: Option<Value>,
    /// The new `credentials` object, as JSON text, and the sealer for it.
    pub credentials: Option<(SecretString, Sealer)>,
}

/// What a delete came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionDeletion {
    Deleted,
    NotFound,
    /// This run is reading or writing the connection.
    Busy(RunId),
}

impl Store {
    /// Stores a connection with its credentials sealed. A name in use is a violation of `connections_name_unique`. `actor` is who asks.
    pub async fn connection_create(
        &self,
        org_id: OrgId,
        new: NewConnection,
        sealer: &Sealer,
        actor: &str,
    ) -> Result<ConnectionRow, StoreError> {
        let mut txn = self.pool.begin().await?;
        let id = ConnectionId::generate();
        let sealed = sealer.seal(org_id, id, &new.credentials)?;
        let row = sqlx::query_as!(
            ConnectionRow,
            "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            returning id, org_id, source, name, base_url, settings, created_at, updated_at, paused_at, paused_by",
            id.0,
            org_id.0,
            new.source.as_str(),
            new.name,
            new.base_url,
            new.settings,
            sealed.bytes,
            sealed.key_id
        );
        let row = row.fetch_one(&mut *txn).await?;
        let data = json!({"source": row.source, "name": row.name, "base_url": row.base_url, "settings": row.settings});
        audit_in_txn(&mut txn, org_id, actor, "connection.create", ("connection", &id.to_string()), data).await?;
        txn.commit().await?;
        Ok(row)
    }

    /// Connections that are not deleted, oldest first.
    pub async fn connections_list(&self, org_id: OrgId, page: &PageToken) -> Result<PageOf<ConnectionRow>, StoreError> {
        let key: Option<(CursorTime, ConnectionId)> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            ConnectionRow,
            "select id, org_id, source, name, base_url, settings, created_at, updated_at, paused_at, paused_by from connections
            where org_id = $1 and deleted_at is null
                and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
            order by created_at, id limit $4",
            org_id.0,
            key.map(|key| key.0.0),
            key.map(|key| key.1.0),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (CursorTime(row.created_at), row.id))
    }

    /// A connection that is not deleted.
    pub async fn connection_fetch(&self, org_id: OrgId, id: ConnectionId) -> Result<Option<ConnectionRow>, StoreError> {
        let row = sqlx::query_as!(
            ConnectionRow,
            "select id, org_id, source, name, base_url, settings, created_at, updated_at, paused_at, paused_by from connections
            where org_id = $1 and id = $2 and deleted_at is null",
            org_id.0,
            id.0
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Changes a connection; `None` if there is none. A name in use is a violation of `connections_name_unique`.
    pub async fn connection_patch(
        &self,
        org_id: OrgId,
        id: ConnectionId,
        patch: ConnectionPatch,
        actor: &str,
    ) -> Result<Option<ConnectionRow>, StoreError> {
        let mut txn = self.pool.begin().await?;
        let credentials = patch.credentials;
        // that there are new ones is told, never what they are
        let data =
            json!({"name": patch.name, "base_url": patch.base_url, "settings": patch.settings, "credentials": credentials.is_some()});
        let sealed = credentials.map(|(credentials, sealer)| sealer.seal(org_id, id, &credentials)).transpose()?;
        let (bytes, key_id) = sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip();
        let row = sqlx::query_as!(
            ConnectionRow,
            "update connections set name = coalesce($3, name), base_url = coalesce($4, base_url), settings = coalesce($5, settings),
                credentials_sealed = coalesce($6, credentials_sealed), credentials_key_id = coalesce($7, credentials_key_id),
                updated_at = now()
            where org_id = $1 and id = $2 and deleted_at is null
            returning id, org_id, source, name, base_url, settings, created_at, updated_at, paused_at, paused_by",
            org_id.0,
            id.0,
            patch.name,
            patch.base_url,
            patch.settings,
            bytes,
            key_id
        );
        let row = row.fetch_optional(&mut *txn).await?;
        if row.is_some() {
            audit_in_txn(&mut txn, org_id, actor, "connection.update", ("connection", &id.to_string()), data).await?;
        }
        txn.commit().await?;
        Ok(row)
    }

    /// Deletes a connection unless a sync or backfill of it is open. Its name becomes free and its credentials are forgotten;
    /// what was synced stays.
    pub async fn connection_delete(&self, org_id: OrgId, id: ConnectionId, actor: &str) -> Result<ConnectionDeletion, StoreError> {
        let mut txn = self.pool.begin().await?;
        // a run of this connection cannot be inserted while the row is locked: its foreign key waits for us
        let found =
            sqlx::query!("select name from connections where org_id = $1 and id = $2 and deleted_at is null for update", org_id.0, id.0);
        let Some(found) = found.fetch_optional(&mut *txn).await? else { return Ok(ConnectionDeletion::NotFound) };
        if let Some(run_id) = Self::ingest_open_in_txn(&mut txn, org_id, id).await? {
            return Ok(ConnectionDeletion::Busy(run_id));
        }
        sqlx::query!("update connections set deleted_at = now(), credentials_sealed = '' where org_id = $1 and id = $2", org_id.0, id.0)
            .execute(&mut *txn)
            .await?;
        // nobody looks at a deleted connection's deliveries again: what is pending now would stay so
        settle_all_in_txn(&mut txn, org_id, id, Settled::Ignored, "Its connection was deleted.").await?;
        sqlx::query!("delete from webhooks where org_id = $1 and connection_id = $2", org_id.0, id.0).execute(&mut *txn).await?;
        audit_in_txn(&mut txn, org_id, actor, "connection.delete", ("connection", &id.to_string()), json!({"name": found.name})).await?;
        txn.commit().await?;
        Ok(ConnectionDeletion::Deleted)
    }

    /// A connection and what was sealed for it, opened: the `credentials` object as JSON text. For activities only: the API never needs it.
    pub async fn connection_open_secret(
        &self,
        org_id: OrgId,
        id: ConnectionId,
        sealer: &Sealer,
    ) -> Result<Option<(ConnectionRow, SecretString)>, StoreError> {
        let Some(row) = self.connection_fetch(org_id, id).await? else { return Ok(None) };
        let sealed =
            sqlx::query!("select credentials_sealed, credentials_key_id from connections where org_id = $1 and id = $2", org_id.0, id.0);
        let sealed = sealed.fetch_one(&self.pool).await?;
        let sealed = Sealed { key_id: sealed.credentials_key_id, bytes: sealed.credentials_sealed };
        Ok(Some((row, sealer.open(org_id, id, &sealed)?)))
    }

    /// How many connections there are per source.
    pub async fn connections_count(&self, org_id: OrgId) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"select source, count(*) as "count!" from connections where org_id = $1 and deleted_at is null group by source"#,
            org_id.0
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.source, row.count)).collect())
    }
}
