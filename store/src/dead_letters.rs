//! Records that could not be read or stored. The same payload seen again raises `attempts` instead of adding a row.
//!
//! A letter is `open` until it is replayed or a person drops it. A dropped payload that is seen again stays dropped: somebody has decided
//! about this very payload. A replayed one that is seen again is open again.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DeadLetter, OrgId, RunId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "dead_letters";
/// Longest payload kept, in bytes.
const PAYLOAD_MAX: usize = 64 * 1024;
/// Groups that `dead_letters_count` answers, the largest.
const GROUPS_MAX: i64 = 200;

/// One letter; the payload is with `dead_letter_fetch` only.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetterRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub connection_name: Option<String>,
    /// The run that saw it last.
    pub run_id: Uuid,
    pub stream: String,
    pub partition: Option<String>,
    pub external_id: Option<String>,
    pub reason: String,
    pub attempts: i32,
    /// `open`, `replayed`, `dropped`.
    pub status: String,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
    pub resolution: Option<String>,
    /// As received, cut to 64 KiB.
    pub payload: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterStatus {
    Open,
    /// Read and stored later, or overtaken by something newer.
    Replayed,
    /// A person decided that it will not be read.
    Dropped,
}

impl LetterStatus {
    pub const ALL: [LetterStatus; 3] = [Self::Open, Self::Replayed, Self::Dropped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Dropped => "dropped",
        }
    }
}

/// Which letters to list.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    pub connection_id: Option<ConnectionId>,
    pub stream: Option<String>,
    pub reason: Option<ReasonFilter>,
    pub status: Option<LetterStatus>,
    /// Last seen at or after.
    pub since: Option<DateTime<Utc>>,
}

/// A reason as it stands, or its beginning followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReasonFilter(pub String);

/// Open letters to be replayed or dropped: every field that is set narrows it down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LetterSelection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonFilter>,
    /// Letters that came later are not meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to_id: Option<i64>,
}

/// Open letters of one connection and stream with one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetterCount {
    pub connection_id: ConnectionId,
    pub connection_name: Option<String>,
    pub stream: String,
    pub reason: String,
    pub letters: i64,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl Store {
    /// Letters, newest first, without their payloads.
    pub async fn dead_letters_list(
        &self,
        org: OrgId,
        filter: &DeadLetterFilter,
        page: &PageToken,
    ) -> Result<PageOf<DeadLetterRow>, StoreError> {
        let key: Option<i64> = page.key(LIST)?;
        let (exact, prefix) = ReasonFilter::parts(filter.reason.as_ref());
        let rows = sqlx::query_as!(
            DeadLetterRow,
            r#"select d.id, d.connection_id, c.name as "connection_name?", d.run_id, d.stream, d.partition, d.external_id, d.reason, d.attempts,
                d.status, d.created_at, d.last_seen_at, d.resolved_at, d.resolved_by, d.resolution, null::text as payload
            from dead_letters d left join connections c on c.id = d.connection_id
            where d.org_id = $1 and ($2::uuid is null or d.connection_id = $2) and ($3::text is null or d.stream = $3)
                and ($4::text is null or d.reason = $4) and ($5::text is null or starts_with(d.reason, $5))
                and ($6::text is null or d.status = $6) and ($7::timestamptz is null or d.last_seen_at >= $7)
                and ($8::bigint is null or d.id < $8)
            order by d.id desc limit $9"#,
            org.0,
            filter.connection_id.map(|id| id.0),
            filter.stream,
            exact,
            prefix,
            filter.status.map(LetterStatus::as_str),
            filter.since,
            key,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }

    /// One letter with its payload.
    pub async fn dead_letter_fetch(&self, org: OrgId, id: i64) -> Result<Option<DeadLetterRow>, StoreError> {
        let row = sqlx::query_as!(
            DeadLetterRow,
            r#"select d.id, d.connection_id, c.name as "connection_name?", d.run_id, d.stream, d.partition, d.external_id, d.reason, d.attempts,
                d.status, d.created_at, d.last_seen_at, d.resolved_at, d.resolved_by, d.resolution, d.payload as "payload?"
            from dead_letters d left join connections c on c.id = d.connection_id where d.org_id = $1 and d.id = $2"#,
            org.0,
            id
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Open letters by connection, stream and reason: the largest groups first.
    pub async fn dead_letters_count(&self, org: OrgId, connection: Option<ConnectionId>) -> Result<Vec<DeadLetterCount>, StoreError> {
        let rows = sqlx::query_as!(
            DeadLetterCount,
            r#"select d.connection_id, c.name as "connection_name?", d.stream, d.reason, count(*) as "letters!",
                min(d.created_at) as "first_seen_at!", max(d.last_seen_at) as "last_seen_at!"
            from dead_letters d left join connections c on c.id = d.connection_id
            where d.org_id = $1 and d.status = 'open' and ($2::uuid is null or d.connection_id = $2)
            group by d.connection_id, c.name, d.stream, d.reason order by 5 desc, 1, 3, 4 limit $3"#,
            org.0,
            connection.map(|id| id.0),
            GROUPS_MAX
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Of `ids`, those that are no letters of the organisation.
    pub async fn dead_letters_unknown(&self, org: OrgId, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar!(
            r#"select id as "id!" from unnest($2::bigint[]) as wanted (id)
               where not exists (select from dead_letters d where d.org_id = $1 and d.id = wanted.id) order by 1"#,
            org.0,
            ids
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

impl ReasonFilter {
    /// What to compare the reason with, and what it has to start with: one of them at most.
    pub(crate) fn parts(filter: Option<&Self>) -> (Option<&str>, Option<&str>) {
        match filter.map(|filter| (filter.0.as_str(), filter.0.strip_suffix('*'))) {
            None => (None, None),
            Some((_, Some(prefix))) => (None, Some(prefix)),
            Some((exact, None)) => (Some(exact), None),
        }
    }
}

pub(crate) struct DeadLetterScope {
    pub org: OrgId,
    pub connection: ConnectionId,
    pub run: RunId,
}

pub(crate) async fn dead_letters_insert_in_txn(
    tx: &mut PgConnection,
    scope: &DeadLetterScope,
    stream: &str,
    partition: Option<&str>,
    letters: &[DeadLetter],
) -> Result<(), StoreError> {
    for letter in letters {
        let payload = cut(&letter.payload.replace('\0', "\u{fffd}"));
        sqlx::query!(
            r#"insert into dead_letters as d (org_id, connection_id, run_id, stream, partition, external_id, payload, payload_hash, reason)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               on conflict (connection_id, stream, payload_hash) do update
               set attempts = d.attempts + 1, last_seen_at = now(), run_id = excluded.run_id, reason = excluded.reason,
                   partition = coalesce(excluded.partition, d.partition),
                   status = case d.status when 'dropped' then 'dropped' else 'open' end,
                   resolved_at = case d.status when 'dropped' then d.resolved_at end,
                   resolved_by = case d.status when 'dropped' then d.resolved_by end,
                   resolution = case d.status when 'dropped' then d.resolution end"#,
            scope.org.0,
            scope.connection.0,
            scope.run.0,
            stream,
            letter.partition.as_deref().or(partition),
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
