//! API tokens: 256 random bits, shown once, stored as SHA-256.
//!
//! A fast hash is enough because the token is random, not chosen by a person: there is nothing to guess offline.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ovia_domain::{OrgId, schedule::shipped};
use rand::{TryRngCore, rngs::OsRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{Store, StoreError, schedules::schedule_insert_in_txn};

const PREFIX: &str = "ovia_";
/// Base64url of 32 bytes.
const SECRET_CHARS: usize = 43;
/// Taken while the first token is made, so that two processes starting at once make one.
const FIRST_TOKEN_LOCK: i64 = 0x6f76_6961_0001;

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub org_id: OrgId,
    pub token_id: Uuid,
    /// The token's name.
    pub name: String,
}

impl Store {
    /// Makes organisation `org_name` and its first token, named `first`, if there is no token at all yet; else `None`.
    pub async fn first_token_create(&self, org_name: &str) -> Result<Option<(OrgId, SecretString)>, StoreError> {
        self.organisation_first(org_name, false).await
    }

    /// The same, with the schedules that an organisation begins with (`ovia_domain::schedule::shipped`).
    pub async fn organisation_first_create(&self, org_name: &str) -> Result<Option<(OrgId, SecretString)>, StoreError> {
        self.organisation_first(org_name, true).await
    }

    async fn organisation_first(&self, org_name: &str, scheduled: bool) -> Result<Option<(OrgId, SecretString)>, StoreError> {
        let mut txn = self.pool.begin().await?;
        sqlx::query!("select pg_advisory_xact_lock($1)", FIRST_TOKEN_LOCK).fetch_one(&mut *txn).await?;
        if sqlx::query_scalar!(r#"select exists (select 1 from api_tokens) as "exists!""#).fetch_one(&mut *txn).await? {
            return Ok(None);
        }
        let org_id = OrgId::generate();
        sqlx::query!("insert into organisations (id, name) values ($1, $2)", org_id.0, org_name).execute(&mut *txn).await?;
        let token = token_generate()?;
        token_insert(&mut txn, org_id, "first", &token).await?;
        // the reconciler tells Temporal
        for schedule in shipped(org_id).iter().filter(|_| scheduled) {
            schedule_insert_in_txn(&mut txn, schedule).await?;
        }
        txn.commit().await?;
        Ok(Some((org_id, token)))
    }

    /// Makes a token for an organisation that exists. The only time the token is seen.
    pub async fn token_create(&self, org_id: OrgId, name: &str) -> Result<SecretString, StoreError> {
        let token = token_generate()?;
        token_insert(&mut *self.pool.acquire().await?, org_id, name, &token).await?;
        Ok(token)
    }

    /// Organisations with this name or id.
    pub async fn organisations_named(&self, name_or_id: &str) -> Result<Vec<OrgId>, StoreError> {
        let found =
            sqlx::query_scalar!("select id from organisations where name = $1 or id::text = $1 order by created_at, id", name_or_id);
        Ok(found.fetch_all(&self.pool).await?.into_iter().map(OrgId).collect())
    }

    /// The organisation that was made first; `None` in a new database.
    pub async fn organisation_oldest(&self) -> Result<Option<OrgId>, StoreError> {
        let id = sqlx::query_scalar!("select id from organisations order by created_at, id limit 1").fetch_optional(&self.pool).await?;
        Ok(id.map(OrgId))
    }

    /// Ends a token. Whether it was there and still good.
    pub async fn token_revoke(&self, org_id: OrgId, token_id: Uuid) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "update api_tokens set revoked_at = now() where org_id = $1 and id = $2 and revoked_at is null",
            org_id.0,
            token_id
        );
        Ok(done.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Whether a token that was good still is.
    pub async fn token_is_good(&self, org_id: OrgId, token_id: Uuid) -> Result<bool, StoreError> {
        let good = sqlx::query_scalar!(
            r#"select exists (select from api_tokens where org_id = $1 and id = $2 and revoked_at is null) as "good!""#,
            org_id.0,
            token_id
        );
        Ok(good.fetch_one(&self.pool).await?)
    }

    /// Whether the token may see figures of single people, where its organisation has them.
    pub async fn token_may_see_people(&self, org_id: OrgId, token_id: Uuid) -> Result<bool, StoreError> {
        let may = sqlx::query_scalar("select may_see_people from api_tokens where org_id = $1 and id = $2 and revoked_at is null");
        Ok(may.bind(org_id.0).bind(token_id).fetch_optional(&self.pool).await?.unwrap_or(false))
    }

    /// Lets tokens of a name see figures of single people, or not. How many there are.
    pub async fn token_people_set(&self, org_id: OrgId, name: &str, may: bool) -> Result<u64, StoreError> {
        let set = sqlx::query("update api_tokens set may_see_people = $3 where org_id = $1 and name = $2 and revoked_at is null");
        Ok(set.bind(org_id.0).bind(name).bind(may).execute(&self.pool).await?.rows_affected())
    }

    /// Whose token this is; `None` if it is malformed, unknown or revoked. Notes the use at most once a minute.
    pub async fn token_authenticate(&self, token: &str) -> Result<Option<Caller>, StoreError> {
        if token.strip_prefix(PREFIX).is_none_or(|rest| rest.len() != SECRET_CHARS) {
            return Ok(None);
        }
        let hash = token_hash(token);
        let row = sqlx::query!(
            r#"select id, org_id, name, token_hash, coalesce(last_used_at < now() - interval '1 minute', true) as "stale!"
            from api_tokens where token_hash = $1 and revoked_at is null"#,
            &hash[..]
        );
        let Some(row) = row.fetch_optional(&self.pool).await? else { return Ok(None) };
        if !bool::from(row.token_hash.ct_eq(&hash)) {
            return Ok(None);
        }
        if row.stale {
            sqlx::query!("update api_tokens set last_used_at = now() where id = $1", row.id).execute(&self.pool).await?;
        }
        Ok(Some(Caller { org_id: OrgId(row.org_id), token_id: row.id, name: row.name }))
    }
}

async fn token_insert(connection: &mut sqlx::PgConnection, org_id: OrgId, name: &str, token: &SecretString) -> Result<(), StoreError> {
    let hash = token_hash(token.expose_secret());
    sqlx::query!(
        "insert into api_tokens (id, org_id, name, token_hash) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        org_id.0,
        name,
        &hash[..]
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn token_generate() -> Result<SecretString, StoreError> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| StoreError::Seal(format!("the system has no random numbers: {error}")))?;
    Ok(SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tokens_have_a_fixed_shape_and_differ() {
        let (one, two) = (token_generate().unwrap(), token_generate().unwrap());
        assert_eq!(one.expose_secret().len(), PREFIX.len() + SECRET_CHARS);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
