//! Rows KPIs are computed from. All of them are read in one snapshot of the database, and streamed row by row into the caller's hands, so
//! that a million rows are never held twice.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use ovia_domain::OrgId;
use sqlx::{FromRow, Postgres, pool::PoolConnection};
use uuid::Uuid;

use super::copy_connection::CopyConnection;
use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// Longer than opening a connection takes on a busy machine.
const BESIDE_WAIT: Duration = Duration::from_secs(2);

/// A project, and what it is called.
#[derive(Debug, FromRow)]
pub struct ProjectRow {
    pub connection_id: Uuid,
    pub external_id: String,
    pub full_path: String,
}

#[derive(Debug, FromRow)]
pub struct VersionFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub released: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

/// An item came into a version or left it, or is in it now (`at` is `None` then).
#[derive(Debug, FromRow)]
pub struct VersionItemRow {
    pub version_id: i64,
    pub work_item_id: i64,
    pub at: Option<Time>,
    /// Whether it came.
    pub added: bool,
}

/// Whose account it is.
#[derive(Debug, FromRow)]
pub struct PersonLinkRow {
    pub connection_id: Uuid,
    pub external_id: String,
    pub person_id: Uuid,
    pub person_is_bot: bool,
}

#[derive(Debug, FromRow)]
pub struct TeamMembershipRow {
    pub team_id: Uuid,
    pub person_id: Uuid,
    pub from_date: NaiveDate,
    pub until_date: Option<NaiveDate>,
}

/// A person's word on an incident.
#[derive(Debug, FromRow)]
pub struct OverrideRow {
    /// `work_items` or `issues`.
    pub incident_table: String,
    pub incident_id: i64,
    pub deployment_id: Option<i64>,
}

/// One state of the database, for as long as it is read.
pub struct KpiReader {
    /// In a transaction that is never committed.
    connection: CopyConnection,
    org: OrgId,
    /// Live ones.
    connections: Vec<Uuid>,
}

impl Store {
    /// What every read through it sees is one moment.
    pub async fn kpi_reader(&self, org: OrgId) -> Result<KpiReader, StoreError> {
        let connection = begin(self.pool.acquire().await?).await?;
        let mut reader = KpiReader { connection, org, connections: Vec::new() };
        reader.prepare().await?;
        reader.connections = reader.connections_read().await?;
        Ok(reader)
    }

    /// A second one that sees the same moment, where a connection is free or can be opened: others' are not waited for.
    pub async fn kpi_reader_beside(&self, first: &mut KpiReader) -> Result<Option<KpiReader>, StoreError> {
        if self.pool.num_idle() == 0 && self.pool.size() >= self.pool.options().get_max_connections() {
            return Ok(None);
        }
        let Ok(Ok(connection)) = tokio::time::timeout(BESIDE_WAIT, self.pool.acquire()).await else { return Ok(None) };
        let moment: String = sqlx::query_scalar("select pg_export_snapshot()").fetch_one(&mut *first.connection).await?;
        let connection = begin(connection).await?;
        let mut reader = KpiReader { connection, org: first.org, connections: first.connections.clone() };
        // an id of Postgres' own making: digits and dashes
        let sql = format!("set transaction snapshot '{}'", moment.replace('\'', ""));
        // never again the same: not to be kept with the connection
        sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false).execute(&mut *reader.connection).await?;
        reader.prepare().await?;
        Ok(Some(reader))
    }
}

async fn begin(connection: PoolConnection<Postgres>) -> Result<CopyConnection, StoreError> {
    let mut connection = CopyConnection::new(connection);
    sqlx::query("begin isolation level repeatable read read only").execute(&mut *connection).await?;
    Ok(connection)
}

/// Streams `$sql`, with the organisation as `$1` and the other arguments after it, into `$each`.
macro_rules! stream {
    ($self:ident, $row:ty, $sql:expr, [$($arg:expr),*], $each:ident) => {{
        let mut rows = sqlx::query_as::<_, $row>($sql).bind($self.org.0)$(.bind($arg))*.fetch(&mut *$self.connection);
        while let Some(row) = rows.try_next().await? {
            $each(row);
        }
        Ok(())
    }};
}

impl KpiReader {
    /// Nothing more is read: the connection, which knows its way by now, is for others. That of a reader that is only dropped is closed.
    pub async fn finish(mut self) {
        if sqlx::query("rollback").execute(&mut *self.connection).await.is_ok() {
            self.connection.give_back();
        }
    }

    pub(super) fn org(&self) -> OrgId {
        self.org
    }

    /// Whether rows of the connection count.
    pub fn is_live(&self, connection: Uuid) -> bool {
        self.connections.contains(&connection)
    }

    pub(super) fn connections(&self) -> &[Uuid] {
        &self.connections
    }

    async fn prepare(&mut self) -> Result<(), StoreError> {
        // sorting and hashing a million rows on disk would take longer than reading them, and compiling these queries longer than running them
        sqlx::query("set local work_mem = '64MB'").execute(&mut *self.connection).await?;
        sqlx::query("set local jit = off").execute(&mut *self.connection).await?;
        // the rows of a quarter lie together, and were read a minute ago
        sqlx::query("set local random_page_cost = 1.1").execute(&mut *self.connection).await?;
        // two of them read at once; a third process would cost more than it brings
        sqlx::query("set local max_parallel_workers_per_gather = 0").execute(&mut *self.connection).await?;
        Ok(())
    }

    pub(super) fn connection(&mut self) -> &mut sqlx::PgConnection {
        &mut self.connection
    }

    /// Every live project of a live connection, oldest first.
    pub async fn projects(&mut self) -> Result<Vec<ProjectRow>, StoreError> {
        let sql = "select p.connection_id, p.external_id, p.full_path
            from projects p join connections c on c.id = p.connection_id and c.deleted_at is null
            where p.org_id = $1 and p.deleted_at is null order by p.id";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.connection).await?)
    }

    /// Versions in use, of projects in use, that are not released, or were on `from` or later.
    pub async fn versions(&mut self, from: Option<NaiveDate>) -> Result<Vec<VersionFactRow>, StoreError> {
        let sql = "select v.id, v.connection_id, v.project_external_id, v.released, v.start_on, v.release_on
            from versions v join connections c on c.id = v.connection_id and c.deleted_at is null
            left join projects p on p.connection_id = v.connection_id and p.external_id = v.project_external_id
            where v.org_id = $1 and v.deleted_at is null and not v.archived and p.archived is not true and p.deleted_at is null
                and (not v.released or $2::date is null or v.release_on >= $2)
            order by v.id";
        Ok(sqlx::query_as(sql).bind(self.org.0).bind(from).fetch_all(&mut *self.connection).await?)
    }

    /// Of these versions: by version and item, in the order of time, what is so now last.
    pub async fn version_items(&mut self, versions: &[i64], mut each: impl FnMut(VersionItemRow)) -> Result<(), StoreError> {
        stream!(self, VersionItemRow, include_str!("facts_version_items.sql"), [versions], each)
    }

    /// Merge requests of the same project that name these issues (`issues.id`), as (issue, merge request): by `#12` in the title, or by a
    /// branch that begins with `12-`, as the code host calls the branch it makes for an issue.
    pub async fn issue_merge_requests(&mut self, issues: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = "select distinct s.id, m.id
            from issues s
            join merge_requests m on m.connection_id = s.connection_id and m.project_external_id = s.project_external_id
            cross join lateral (
                select substring(m.source_branch from '^([0-9]{1,9})-') as number
                union all
                select n[1] from regexp_matches(m.title, '(?:^|[^[:alnum:]/])#([0-9]{1,9})(?![0-9])', 'g') n
            ) n
            where s.org_id = $1 and s.id = any($2) and m.deleted_at is null and (m.title like '%#%' or m.source_branch ~ '^[0-9]+-')
                and n.number::bigint = s.number
            order by 1, 2";
        Ok(sqlx::query_as(sql).bind(self.org.0).bind(issues).fetch_all(&mut *self.connection).await?)
    }

    /// Accounts that are certainly somebody's.
    pub async fn person_links(&mut self, mut each: impl FnMut(PersonLinkRow)) -> Result<(), StoreError> {
        stream!(
            self,
            PersonLinkRow,
            "select i.connection_id, i.external_id, p.id as person_id, p.is_bot as person_is_bot
             from person_identity_links l
             join identities i on i.id = l.identity_id
             join people p on p.id = l.person_id
             where l.org_id = $1 and l.status in ('auto', 'confirmed')
             order by p.id, i.id",
            [],
            each
        )
    }

    /// Who was in which team when, of teams that are in use.
    pub async fn team_memberships(&mut self) -> Result<Vec<TeamMembershipRow>, StoreError> {
        let sql = "select m.team_id, m.person_id, m.from_date, m.until_date
            from team_memberships m join teams t on t.id = m.team_id and t.archived_at is null
            where m.org_id = $1 order by m.team_id, m.person_id, m.from_date";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.connection).await?)
    }

    pub async fn overrides(&mut self) -> Result<Vec<OverrideRow>, StoreError> {
        let sql = "select incident_table, incident_id, deployment_id from kpi_incident_overrides
            where org_id = $1 and ended_at is null order by id";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.connection).await?)
    }
}
