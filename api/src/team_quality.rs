//! `/team/quality`: whether the data can be trusted.

use ovia_domain::{
    ConnectionId,
    quality::{QualityCheck, QualityStatus},
};
use ovia_store::quality::{QualityFilter, QualityResultRow};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// What one check came to. docs/quality.md says what each check looks at.
#[derive(Object)]
#[oai(rename = "QualityResult")]
struct QualityOut {
    id: i64,
    check: Name<QualityCheck>,
    /// What the value is, in words.
    words: String,
    status: Name<QualityStatus>,
    value: f64,
    /// `ratio` or `intervals`.
    unit: String,
    /// Beyond it the status is `warn`. Of a drop, what is lower is beyond.
    warn_beyond: f64,
    /// Beyond it the status is `fail`.
    fail_beyond: f64,
    connection_id: Uuid,
    connection_name: String,
    /// The stream, of freshness; else the table.
    scope: String,
    /// The table whose figures it is about.
    table: String,
    /// What was found, as a sentence.
    detail: String,
    /// Rows that were looked at.
    row_count: Option<i64>,
    /// Up to ten of those that are wrong.
    sample_row_ids: Vec<i64>,
    /// Since when it has not passed; null where it passes.
    since: Option<Time>,
    checked_at: Time,
    run_id: Uuid,
}

pub(crate) struct TeamQualityApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl TeamQualityApi {
    /// Whether the data can be trusted
    ///
    /// What the newest `quality` run found: one result per check, connection and stream or table. A check that had no rows to look at has
    /// no result.
    #[oai(path = "/team/quality", method = "get", operation_id = "quality_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn latest(
        &self,
        caller: Caller,
        check: Query<Option<Name<QualityCheck>>>,
        status: Query<Option<Name<QualityStatus>>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// A stream or table.
        scope: Query<Option<String>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<QualityOut>>, Problem> {
        let filter = QualityFilter {
            latest: true,
            check: check.0.map(|check| check.0),
            status: status.0.map(|status| status.0),
            connection_id: connection.0.map(ConnectionId),
            scope: scope.0,
            ..QualityFilter::default()
        };
        let rows = self.0.config.store.quality_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, QualityOut::from))
    }

    /// A check over time, newest first
    #[oai(path = "/team/quality/:check/history", method = "get", operation_id = "quality_history")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn history(
        &self,
        caller: Caller,
        /// A check's key, as `freshness`.
        check: Path<String>,
        status: Query<Option<Name<QualityStatus>>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// A stream or table.
        scope: Query<Option<String>>,
        /// Checked at or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<QualityOut>>, Problem> {
        let check = QualityCheck::parse(&check.0).ok_or_else(|| unknown(&check.0))?;
        let filter = QualityFilter {
            check: Some(check),
            status: status.0.map(|status| status.0),
            connection_id: connection.0.map(ConnectionId),
            scope: scope.0,
            since: since.0.map(|time| time.0),
            ..QualityFilter::default()
        };
        let rows = self.0.config.store.quality_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, QualityOut::from))
    }
}

fn unknown(check: &str) -> Problem {
    let known = QualityCheck::ALL.map(QualityCheck::as_str).join(", ");
    Problem::parameter("check", &format!("`{check}` is not one of {known}"))
}

impl From<QualityResultRow> for QualityOut {
    fn from(row: QualityResultRow) -> Self {
        // results are only written with keys of the registry
        let check = QualityCheck::parse(&row.check_key).unwrap_or(QualityCheck::Freshness);
        Self {
            id: row.id,
            check: Name(check),
            words: check.definition().words.to_owned(),
            status: Name(QualityStatus::parse(&row.status).unwrap_or(QualityStatus::Fail)),
            value: row.value,
            unit: row.unit,
            warn_beyond: row.warn_beyond,
            fail_beyond: row.fail_beyond,
            connection_id: row.connection_id,
            connection_name: row.connection_name,
            scope: row.scope,
            table: row.subject_table,
            detail: row.detail,
            row_count: row.row_count,
            sample_row_ids: row.sample_row_ids,
            since: row.since.map(Time),
            checked_at: row.checked_at.into(),
            run_id: row.run_id,
        }
    }
}
