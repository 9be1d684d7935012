//! Dropping dead letters: a person decides that they will not be read, and says why. They stay, closed, until retention removes them.

use ovia_domain::OrgId;
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    Store, StoreError,
    dead_letters::{LetterSelection, ReasonFilter},
};

/// Letters closed in one transaction.
const BATCH: i64 = 5_000;
/// Letters closed by one call: a person waits for it.
const CALL_MAX: i64 = 100_000;

/// What a call of `dead_letters_drop` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub letters: i64,
    /// There may be more: call again.
    pub more: bool,
}

impl Store {
    /// Closes open letters that `selection` means as dropped by `actor`, at most a hundred thousand. One audit event tells how many; it
    /// grows with each batch's transaction.
    pub async fn dead_letters_drop(&self, org: OrgId, actor: &str, selection: &LetterSelection, why: &str) -> Result<Dropped, StoreError> {
        let mut dropped = Dropped::default();
        let (mut after, mut event) = (0, None);
        loop {
            let mut tx = self.pool.begin().await?;
            let ids = batch_drop(&mut tx, org, actor, selection, why, after).await?;
            let Some(last) = ids.iter().max() else { return Ok(dropped) };
            after = *last;
            dropped.letters += ids.len() as i64;
            event = Some(audit(&mut tx, org, actor, selection, why, dropped.letters, event).await?);
            tx.commit().await?;
            if (ids.len() as i64) < BATCH {
                return Ok(dropped);
            }
            if dropped.letters >= CALL_MAX {
                return Ok(Dropped { more: true, ..dropped });
            }
        }
    }
}

async fn batch_drop(
    tx: &mut PgConnection,
    org: OrgId,
    actor: &str,
    selection: &LetterSelection,
    why: &str,
    after: i64,
) -> Result<Vec<i64>, StoreError> {
    let (exact, prefix) = ReasonFilter::parts(selection.reason.as_ref());
    let ids = sqlx::query_scalar!(
        r#"with picked as (
               select id from dead_letters
               where org_id = $1 and status = 'open' and id > $2 and ($3::bigint[] is null or id = any($3))
                   and ($4::uuid is null or connection_id = $4) and ($5::text is null or stream = $5)
                   and ($6::text is null or reason = $6) and ($7::text is null or starts_with(reason, $7))
               order by id limit $8 for update
           )
           update dead_letters d set status = 'dropped', resolved_at = now(), resolved_by = $9, resolution = $10
           from picked where d.id = picked.id returning d.id"#,
        org.0,
        after,
        selection.ids.as_deref(),
        selection.connection_id.map(|id| id.0),
        selection.stream,
        exact,
        prefix,
        BATCH,
        actor,
        why
    );
    Ok(ids.fetch_all(tx).await?)
}

/// Writes the act's event, or brings it up to date. Answers its id.
async fn audit(
    tx: &mut PgConnection,
    org: OrgId,
    actor: &str,
    selection: &LetterSelection,
    why: &str,
    letters: i64,
    event: Option<i64>,
) -> Result<i64, StoreError> {
    if let Some(event) = event {
        let grown = sqlx::query!(
            "update audit_events set data = jsonb_set(data, '{letters}', to_jsonb($3::bigint)) where org_id = $1 and id = $2",
            org.0,
            event,
            letters
        );
        grown.execute(tx).await?;
        return Ok(event);
    }
    let (kind, subject) = match (&selection.ids.as_deref(), selection.connection_id) {
        (Some([id]), _) => ("dead_letter", id.to_string()),
        (_, Some(connection)) => ("connection", connection.to_string()),
        _ => ("organisation", org.to_string()),
    };
    let written = sqlx::query_scalar!(
        "insert into audit_events (org_id, actor, action, subject_kind, subject_id, data) values ($1, $2, 'dead_letter.drop', $3, $4, $5) returning id",
        org.0,
        actor,
        kind,
        subject,
        json!({"selection": selection, "why": why, "letters": letters})
    );
    Ok(written.fetch_one(tx).await?)
}
