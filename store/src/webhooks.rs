//! The webhook of a connection: the secret its source proves itself with, and what has come in.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, Source};
use rand::{TryRngCore, rngs::OsRng};
use secrecy::SecretString;
use serde_json::json;

use crate::{Sealer, Store, StoreError, audit::audit_in_txn, seal::Sealed};

/// What the secret is sealed for.
const PURPOSE: &str = "webhook";

/// A webhook as a delivery finds it.
pub struct WebhookOpened {
    pub org_id: OrgId,
    pub source: Source,
    pub secret: SecretString,
}

impl fmt::Debug for WebhookOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookOpened").field("org_id", &self.org_id).field("source", &self.source).finish_non_exhaustive()
    }
}

/// A webhook as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    pub created_at: DateTime<Utc>,
    /// When its secret was last set.
    pub updated_at: DateTime<Utc>,
}

/// Deliveries of one kind in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCount {
    pub kind: String,
    /// `pending`, `done`, `ignored`, `failed`.
    pub state: String,
    pub deliveries: i64,
    pub last_received_at: DateTime<Utc>,
}

/// A new secret of 256 random bits, `whsec_…`: good as a GitLab secret token, as a GitLab signing token and as a Jira secret.
pub fn webhook_secret_generate() -> Result<SecretString, StoreError> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| StoreError::Seal(format!("the system has no random numbers: {error}")))?;
    Ok(SecretString::from(format!("whsec_{}", STANDARD.encode(bytes))))
}

impl Store {
    /// Sets the secret; deliveries proved with an earlier one are refused from now on. `None` if there is no such connection.
    pub async fn webhook_put(
        &self,
        org: OrgId,
        connection: ConnectionId,
        secret: &SecretString,
        sealer: &Sealer,
        actor: &str,
    ) -> Result<Option<WebhookRow>, StoreError> {
        let sealed = sealer.seal_as(PURPOSE, org, connection, secret)?;
        let mut txn = self.pool.begin().await?;
        let row = sqlx::query_as!(
            WebhookRow,
            // the connection's row is held, so that it is not deleted meanwhile
            r#"insert into webhooks (connection_id, org_id, secret_sealed, secret_key_id)
               select id, org_id, $3, $4 from connections where org_id = $1 and id = $2 and deleted_at is null for key share
               on conflict (connection_id) do update
               set secret_sealed = excluded.secret_sealed, secret_key_id = excluded.secret_key_id, updated_at = now()
               returning created_at, updated_at"#,
            org.0,
            connection.0,
            sealed.bytes,
            sealed.key_id
        );
        let row = row.fetch_optional(&mut *txn).await?;
        if row.is_some() {
            audit_in_txn(&mut txn, org, actor, "webhook.set", ("connection", &connection.to_string()), json!({})).await?;
        }
        txn.commit().await?;
        Ok(row)
    }

    /// Forgets the secret: every delivery is refused from now on. False if there was none.
    pub async fn webhook_remove(&self, org: OrgId, connection: ConnectionId, actor: &str) -> Result<bool, StoreError> {
        let mut txn = self.pool.begin().await?;
        let removed = sqlx::query!("delete from webhooks where org_id = $1 and connection_id = $2", org.0, connection.0);
        let removed = removed.execute(&mut *txn).await?.rows_affected() > 0;
        if removed {
            audit_in_txn(&mut txn, org, actor, "webhook.remove", ("connection", &connection.to_string()), json!({})).await?;
        }
        txn.commit().await?;
        Ok(removed)
    }

    /// The webhook of a connection that is not deleted.
    pub async fn webhook_fetch(&self, org: OrgId, connection: ConnectionId) -> Result<Option<WebhookRow>, StoreError> {
        let row = sqlx::query_as!(
            WebhookRow,
            "select w.created_at, w.updated_at from webhooks w join connections c on c.id = w.connection_id
            where w.org_id = $1 and w.connection_id = $2 and c.deleted_at is null",
            org.0,
            connection.0
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// The webhook a delivery is for, with its secret. Whose it is follows from the connection: a source has no token of ours.
    pub async fn webhook_open(&self, connection: ConnectionId, sealer: &Sealer) -> Result<Option<WebhookOpened>, StoreError> {
        let row = sqlx::query!(
            "select w.org_id, c.source, w.secret_sealed, w.secret_key_id from webhooks w join connections c on c.id = w.connection_id
            where w.connection_id = $1 and c.org_id = w.org_id and c.deleted_at is null",
            connection.0
        );
        let Some(row) = row.fetch_optional(&self.pool).await? else { return Ok(None) };
        let Some(source) = Source::parse(&row.source) else { return Ok(None) };
        let org_id = OrgId(row.org_id);
        let sealed = Sealed { key_id: row.secret_key_id, bytes: row.secret_sealed };
        Ok(Some(WebhookOpened { org_id, source, secret: sealer.open_as(PURPOSE, org_id, connection, &sealed)? }))
    }

    /// What has come in over the last days, by kind and state.
    pub async fn webhook_counts(&self, org: OrgId, connection: ConnectionId) -> Result<Vec<DeliveryCount>, StoreError> {
        let rows = sqlx::query_as!(
            DeliveryCount,
            r#"select kind, state, count(*) as "deliveries!", max(received_at) as "last_received_at!" from webhook_deliveries
               where org_id = $1 and connection_id = $2 group by kind, state order by kind, state"#,
            org.0,
            connection.0
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
