//! Teams: made and kept by people, not read from sources.

use chrono::{DateTime, NaiveDate, Utc};
use ovia_domain::OrgId;
use serde_json::json;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, audit::audit_in_txn};

const LIST: &str = "teams";

#[derive(Clone, Debug, PartialEq)]
pub struct TeamRow {
    pub id: Uuid,
    pub name: String,
    pub description: Option<String>,
    /// People in it on the day asked about.
    pub members: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Closed: kept for the past.
    pub archived_at: Option<DateTime<Utc>>,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct TeamPatch {
    pub name: Option<String>,
    /// `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    pub archived: Option<bool>,
}

impl Store {
    /// Makes a team. `Conflict` where one has the name (in any case).
    pub async fn team_create(&self, org: OrgId, name: &str, description: Option<&str>, actor: &str) -> Result<TeamRow, StoreError> {
        let mut tx = self.pool.begin().await?;
        let id = Uuid::now_v7();
        sqlx::query!("insert into teams (id, org_id, name, description) values ($1, $2, $3, $4)", id, org.0, name, description)
            .execute(&mut *tx)
            .await
            .map_err(|error| name_taken(error, name))?;
        audit_in_txn(&mut tx, org, actor, "team.create", ("team", &id.to_string()), json!({"name": name})).await?;
        tx.commit().await?;
        self.team_fetch(org, id, Utc::now().date_naive()).await?.ok_or(sqlx::Error::RowNotFound.into())
    }

    /// Teams by name, with as many members as on `on`. Archived ones only where asked for.
    pub async fn teams_list(&self, org: OrgId, archived: bool, on: NaiveDate, page: &PageToken) -> Result<PageOf<TeamRow>, StoreError> {
        let key: Option<(String, Uuid)> = page.key(LIST)?;
        let (name, id) = key.unzip();
        let rows = sqlx::query_as!(
            TeamRow,
            r#"select t.id, t.name, t.description, t.created_at, t.updated_at, t.archived_at, (
                select count(*) from team_memberships m
                where m.team_id = t.id and m.from_date <= $3 and (m.until_date is null or m.until_date > $3)
            ) as "members!"
            from teams t
            where t.org_id = $1 and (t.archived_at is not null) = $2 and ($4::text is null or (t.name, t.id) > ($4, $5::uuid))
            order by t.name, t.id limit $6"#,
            org.0,
            archived,
            on,
            name,
            id,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.name.clone(), row.id))
    }

    pub async fn team_fetch(&self, org: OrgId, id: Uuid, on: NaiveDate) -> Result<Option<TeamRow>, StoreError> {
        let row = sqlx::query_as!(
            TeamRow,
            r#"select t.id, t.name, t.description, t.created_at, t.updated_at, t.archived_at, (
                select count(*) from team_memberships m
                where m.team_id = t.id and m.from_date <= $3 and (m.until_date is null or m.until_date > $3)
            ) as "members!"
            from teams t where t.org_id = $1 and t.id = $2"#,
            org.0,
            id,
            on
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Changes a team. `None`: there is none. `Conflict` where another has the name.
    pub async fn team_patch(&self, org: OrgId, id: Uuid, patch: &TeamPatch, actor: &str) -> Result<Option<TeamRow>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "update teams set name = coalesce($3, name), description = case when $4 then $5 else description end,
                archived_at = case when $6::bool is null then archived_at when $6 then coalesce(archived_at, now()) end, updated_at = now()
            where org_id = $1 and id = $2",
            org.0,
            id,
            patch.name,
            patch.description.is_some(),
            patch.description.clone().flatten(),
            patch.archived
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| name_taken(error, patch.name.as_deref().unwrap_or("of the team")))?;
        if changed.rows_affected() == 0 {
            return Ok(None);
        }
        let data = json!({"name": patch.name, "description": patch.description, "archived": patch.archived});
        audit_in_txn(&mut tx, org, actor, "team.update", ("team", &id.to_string()), data).await?;
        tx.commit().await?;
        self.team_fetch(org, id, Utc::now().date_naive()).await
    }
}

fn name_taken(error: sqlx::Error, name: &str) -> StoreError {
    let error = StoreError::from(error);
    if error.is_unique_violation("teams_name_unique") { StoreError::Conflict(format!("There is a team `{name}` already.")) } else { error }
}
