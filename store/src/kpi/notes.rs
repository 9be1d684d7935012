//! What notes next to figures are told from, in one query for all figures of a page.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, OrgId,
    quality::{CheckFact, InputFacts, QualityCheck, QualityStatus, StreamFact},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// A stream (without `check_key`), or a check that did not pass.
#[derive(Debug, FromRow)]
struct Flat {
    connection_id: Uuid,
    connection_name: String,
    source: String,
    stream: Option<String>,
    last_success_at: Option<Time>,
    created_at: Time,
    interval_seconds: Option<i64>,
    cron: Option<String>,
    time_zone: Option<String>,
    check_key: Option<String>,
    status: Option<String>,
    subject_table: Option<String>,
    detail: Option<String>,
    since: Option<Time>,
    checked_at: Option<Time>,
}

impl Store {
    /// The streams of the organisation's connections (those that a source does not offer are left out), and what the newest `quality` run has
    /// against the data; in order of connection.
    pub async fn kpi_note_inputs(&self, org: OrgId) -> Result<InputFacts, StoreError> {
        let rows: Vec<Flat> = sqlx::query_as(include_str!("notes.sql")).bind(org.0).fetch_all(&self.pool).await?;
        let mut facts = InputFacts::default();
        for row in rows {
            match row.check_key {
                None => facts.streams.push(row.into()),
                Some(_) => facts.checks.extend(check(row)),
            }
        }
        Ok(facts)
    }
}

impl From<Flat> for StreamFact {
    fn from(row: Flat) -> Self {
        Self {
            connection: ConnectionId(row.connection_id),
            connection_name: row.connection_name,
            source: row.source,
            stream: row.stream,
            last_success_at: row.last_success_at,
            created_at: row.created_at,
            interval_seconds: row.interval_seconds,
            cron: row.cron,
            time_zone: row.time_zone,
        }
    }
}

/// `None` of a check that this build does not know.
fn check(row: Flat) -> Option<CheckFact> {
    Some(CheckFact {
        connection: ConnectionId(row.connection_id),
        connection_name: row.connection_name,
        check: QualityCheck::parse(&row.check_key?)?,
        status: QualityStatus::parse(&row.status?)?,
        table: row.subject_table?,
        detail: row.detail?,
        since: row.since.or(row.checked_at),
        checked_at: row.checked_at?,
    })
}
