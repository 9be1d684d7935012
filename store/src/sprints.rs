//! Reading sprints.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId};

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LIST: &str = "sprints";

/// One sprint with its board. Columns are documented on `ovia_domain::Sprint`.
#[derive(Clone, Debug)]
pub struct SprintRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub board_external_id: Option<String>,
    pub board: Option<String>,
    pub name: String,
    pub state: String,
    pub goal: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// Which sprints to list.
#[derive(Clone, Debug, Default)]
pub struct SprintFilter {
    /// The source's word.
    pub state: Option<String>,
    /// The board's external id or name.
    pub board: Option<String>,
    pub connection_id: Option<ConnectionId>,
}

impl Store {
    /// Sprints, those that begin last first; those without a beginning come before all others.
    pub async fn sprints_list(&self, org_id: OrgId, filter: &SprintFilter, page: &PageToken) -> Result<PageOf<SprintRow>, StoreError> {
        let key: Option<(Option<CursorTime>, i64)> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            SprintRow,
            r#"select s.id, s.connection_id, c.source, s.external_id, s.board_external_id, b.name as "board?", s.name, s.state, s.goal,
                s.starts_at, s.ends_at, s.completed_at
            from sprints s
            join connections c on c.id = s.connection_id
            left join boards b on b.connection_id = s.connection_id and b.external_id = s.board_external_id
            where s.org_id = $1 and s.deleted_at is null
                and ($2::text is null or s.state = $2)
                and ($3::text is null or s.board_external_id = $3 or b.name = $3)
                and ($4::uuid is null or s.connection_id = $4)
                and (
                    $6::bigint is null
                    or ($5::timestamptz is null and (s.starts_at is not null or s.id < $6))
                    or (s.starts_at, s.id) < ($5, $6)
                )
            order by s.starts_at desc, s.id desc limit $7"#,
            org_id.0,
            filter.state,
            filter.board,
            filter.connection_id.map(|id| id.0),
            key.and_then(|key| key.0).map(|time| time.0),
            key.map(|key| key.1),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.starts_at.map(CursorTime), row.id))
    }
}
