//! Reading versions: what projects plan and release, and what is in each.

use chrono::{DateTime, NaiveDate, Utc};
use ovia_domain::{ConnectionId, OrgId};
use sqlx::types::Json;

use crate::{PageOf, PageToken, Store, StoreError, accounts::AccountRow, page::contains_pattern, places::Places, work_items::NamedRow};

const LIST: &str = "versions";
const MEMBERS: &str = "version_members";

/// One version with its project. Columns are documented on `ovia_domain::Version`.
#[derive(Clone, Debug)]
pub struct VersionRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub url: Option<String>,
    pub project_external_id: String,
    /// The project's full path.
    pub project: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub released: bool,
    pub archived: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

/// Which versions to list.
#[derive(Clone, Debug, Default)]
pub struct VersionFilter {
    /// Found in the name.
    pub q: Option<String>,
    pub connection_id: Option<ConnectionId>,
    /// Full path or external id.
    pub project: Option<String>,
    pub released: Option<bool>,
    pub archived: Option<bool>,
}

/// Work items of one kind and status category that one rule put into a version.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeRow {
    pub kind: String,
    pub status_category: Option<String>,
    /// What chose the version for them.
    pub rule: String,
    pub unambiguous: bool,
    pub items: i64,
    /// Of those that have points; `None` where none has.
    pub points: Option<f64>,
}

/// A work item that goes out with a version, why, and since when.
#[derive(Clone, Debug)]
pub struct MemberRow {
    pub id: i64,
    pub key: String,
    pub title: String,
    pub external_id: String,
    pub kind: String,
    pub status_category: Option<String>,
    /// What chose this version for it.
    pub rule: String,
    pub unambiguous: bool,
    /// Versions that were to choose from, this one first.
    pub candidates: Json<Vec<NamedRow>>,
    /// The last change that put it there; `None` where it was there from the beginning or its changelog is not known.
    pub added_at: Option<DateTime<Utc>>,
    pub added_by_external_id: Option<String>,
}

/// A member and who put it there.
#[derive(Clone, Debug)]
pub struct MemberListed {
    pub member: MemberRow,
    pub added_by: Option<AccountRow>,
}

impl Store {
    /// Versions, those seen last first.
    pub async fn versions_list(&self, org_id: OrgId, filter: &VersionFilter, page: &PageToken) -> Result<PageOf<VersionRow>, StoreError> {
        let after: Option<i64> = page.key(LIST)?;
        let projects = match &filter.project {
            Some(project) => Some(self.project_places(org_id, project).await?),
            None => None,
        };
        let rows = self.version_rows(org_id, None, filter, projects, after, page.fetch()).await?;
        page.page(LIST, rows, |row| row.id)
    }

    /// One version.
    pub async fn version_fetch(&self, org_id: OrgId, id: i64) -> Result<Option<VersionRow>, StoreError> {
        Ok(self.version_rows(org_id, Some(id), &VersionFilter::default(), None, None, 1).await?.pop())
    }

    async fn version_rows(
        &self,
        org_id: OrgId,
        id: Option<i64>,
        filter: &VersionFilter,
        projects: Option<Places>,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<VersionRow>, StoreError> {
        let (connections, projects) = Places::parts(projects);
        let rows = sqlx::query_as!(
            VersionRow,
            r#"select v.id, v.connection_id, c.source, v.external_id, v.url, v.project_external_id, pr.full_path as "project?",
                v.name, v.description, v.released, v.archived, v.start_on, v.release_on
            from versions v
            join connections c on c.id = v.connection_id
            left join projects pr on pr.connection_id = v.connection_id and pr.external_id = v.project_external_id
            where v.org_id = $1 and v.deleted_at is null
                and ($2::bigint is null or v.id = $2)
                and ($3::text is null or v.name ilike $3)
                and ($4::uuid is null or v.connection_id = $4)
                and ($5::uuid[] is null or (v.connection_id, v.project_external_id) in (select * from unnest($5, $6::text[])))
                and ($7::bool is null or v.released = $7)
                and ($8::bool is null or v.archived = $8)
                and ($9::bigint is null or v.id < $9)
            order by v.id desc limit $10"#,
            org_id.0,
            id,
            filter.q.as_deref().map(contains_pattern),
            filter.connection_id.map(|id| id.0),
            connections.as_deref(),
            projects.as_deref(),
            filter.released,
            filter.archived,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// How many work items of which kind and status category go out with a version, and what chose it for them.
    pub async fn version_scope(&self, org_id: OrgId, version: &VersionRow) -> Result<Vec<ScopeRow>, StoreError> {
        let rows = sqlx::query_as!(
            ScopeRow,
            r#"select w.kind, w.status_category, m.rule, m.unambiguous, count(*) as "items!", sum(w.story_points) as points
            from release_memberships m
            join work_items w on w.connection_id = m.connection_id and w.external_id = m.work_item_external_id and w.deleted_at is null
            where m.org_id = $1 and m.connection_id = $2 and m.version_external_id = $3
            group by 1, 2, 3, 4 order by 1, 2, 3, 4"#,
            org_id.0,
            version.connection_id.0,
            version.external_id
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The work items in a version, those seen last first.
    pub async fn version_members_list(
        &self,
        org_id: OrgId,
        version: &VersionRow,
        page: &PageToken,
    ) -> Result<PageOf<MemberListed>, StoreError> {
        let after: Option<i64> = page.key(MEMBERS)?;
        let rows = sqlx::query_as!(
            MemberRow,
            r#"select w.id, w.external_id, w.key, w.title, w.kind, w.status_category,
                m.rule, m.unambiguous,
                coalesce((
                    select jsonb_agg(jsonb_build_object('id', v.id, 'external_id', x.external_id, 'name', v.name) order by x.place)
                    from unnest(m.candidates) with ordinality as x (external_id, place)
                    left join versions v on v.connection_id = m.connection_id and v.external_id = x.external_id and v.deleted_at is null
                ), '[]') as "candidates!: Json<Vec<NamedRow>>",
                h.created_at as "added_at?", h.author_external_id as "added_by_external_id?"
            from release_memberships m
            join work_items w on w.connection_id = m.connection_id and w.external_id = m.work_item_external_id and w.deleted_at is null
            left join lateral (
                select created_at, author_external_id from work_item_changes
                where org_id = $1 and connection_id = $2 and work_item_external_id = w.external_id and field = 'Fix Version'
                    and to_value = $3 and deleted_at is null
                order by created_at desc, id desc limit 1
            ) h on true
            where m.org_id = $1 and m.connection_id = $2 and m.version_external_id = $3
                and ($4::bigint is null or w.id < $4)
            order by w.id desc limit $5"#,
            org_id.0,
            version.connection_id.0,
            version.external_id,
            after,
            page.fetch()
        );
        let rows = page.page(MEMBERS, rows.fetch_all(&self.pool).await?, |row| row.id)?;
        let named = rows.items.iter().map(|row| (version.connection_id, row.added_by_external_id.as_ref()));
        let accounts = self.accounts_named(org_id, named).await?;
        let listed =
            |member: MemberRow| MemberListed { added_by: accounts.of(version.connection_id, member.added_by_external_id.as_ref()), member };
        Ok(PageOf { items: rows.items.into_iter().map(listed).collect(), next_cursor: rows.next_cursor })
    }
}
