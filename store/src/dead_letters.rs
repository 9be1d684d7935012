//! Records that could not be read or stored. The same payload seen again raises `attempts` instead of adding a row.

use ovia_domain::{ConnectionId, DeadLetter, OrgId, RunId};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::StoreError;

/// Longest payload kept, in bytes.
const PAYLOAD_MAX: usize = 64 * 1024;

pub(crate) struct DeadLetterScope {
    pub org: OrgId,
    pub connection: ConnectionId,
    pub run: RunId,
}

pub(crate) async fn dead_letters_insert_in_txn(
    tx: &mut PgConnection,
    scope: &DeadLetterScope,
    stream: &str,
    letters: &[DeadLetter],
) -> Result<(), StoreError> {
    for letter in letters {
        let payload = cut(&letter.payload.replace('\0', "\u{fffd}"));
        sqlx::query!(
            r#"insert into dead_letters (org_id, connection_id, run_id, stream, external_id, payload, payload_hash, reason)
               values ($1, $2, $3, $4, $5, $6, $7, $8)
               on conflict (connection_id, stream, payload_hash) do update
               set attempts = dead_letters.attempts + 1, last_seen_at = now(), run_id = excluded.run_id, reason = excluded.reason, resolved_at = null"#,
            scope.org.0,
            scope.connection.0,
            scope.run.0,
            stream,
            letter.external_id.as_ref().map(|id| id.replace('\0', "")),
            payload,
            &Sha256::digest(letter.payload.as_bytes())[..],
            letter.reason.replace('\0', ""),
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// `text`, cut to what is kept of a payload, at a character boundary.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(PAYLOAD_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
