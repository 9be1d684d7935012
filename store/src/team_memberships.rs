//! Who was in which team when. Dates are half-open: `from` is included, `until` is not.

use chrono::NaiveDate;
use ovia_domain::{OrgId, PersonId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, audit::audit_in_txn, links::matching_lock_in_txn, page::CursorDate};

const LIST: &str = "team_memberships";

#[derive(Clone, Debug, PartialEq)]
pub struct TeamMembershipRow {
    pub id: i64,
    pub team_id: Uuid,
    pub team_name: String,
    pub person_id: Uuid,
    pub person_name: String,
    pub role: Option<String>,
    pub from_date: NaiveDate,
    /// `None`: until further notice.
    pub until_date: Option<NaiveDate>,
    pub created_by: String,
}

/// A stretch of time in a team.
#[derive(Clone, Debug)]
pub struct NewTeamMembership {
    pub team_id: Uuid,
    pub person: PersonId,
    pub role: Option<String>,
    pub from_date: NaiveDate,
    /// After `from_date`.
    pub until_date: Option<NaiveDate>,
}

/// Which memberships to list.
#[derive(Clone, Debug, Default)]
pub struct TeamMembershipFilter {
    pub team: Option<Uuid>,
    pub person: Option<PersonId>,
    /// Only those that hold on this day.
    pub on: Option<NaiveDate>,
}

/// What became of a new membership.
#[derive(Clone, Debug, PartialEq)]
pub enum MembershipOutcome {
    Written(TeamMembershipRow),
    NoTeam,
    NoPerson,
    /// `until` is not after the first day, which is this one.
    EndsBeforeItBegins(NaiveDate),
    /// The person is in the team at that time already.
    Overlap,
}

impl Store {
    /// Memberships by team, date and id.
    pub async fn team_memberships_list(
        &self,
        org: OrgId,
        filter: &TeamMembershipFilter,
        page: &PageToken,
    ) -> Result<PageOf<TeamMembershipRow>, StoreError> {
        let key: Option<(Uuid, CursorDate, i64)> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            TeamMembershipRow,
            "select m.id, m.team_id, t.name as team_name, m.person_id, p.display_name as person_name, m.role, m.from_date, m.until_date, m.created_by
            from team_memberships m join teams t on t.id = m.team_id join people p on p.id = m.person_id
            where m.org_id = $1 and ($2::uuid is null or m.team_id = $2) and ($3::uuid is null or m.person_id = $3)
                and ($4::date is null or m.from_date <= $4 and (m.until_date is null or m.until_date > $4))
                and ($5::uuid is null or (m.team_id, m.from_date, m.id) > ($5, $6::date, $7::bigint))
            order by m.team_id, m.from_date, m.id limit $8",
            org.0,
            filter.team,
            filter.person.map(|id| id.0),
            filter.on,
            key.map(|key| key.0),
            key.map(|key| key.1.0),
            key.map(|key| key.2),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.team_id, CursorDate(row.from_date), row.id))
    }

    pub(crate) async fn team_memberships_of_person(&self, org: OrgId, person: PersonId) -> Result<Vec<TeamMembershipRow>, StoreError> {
        let rows = sqlx::query_as!(
            TeamMembershipRow,
            "select m.id, m.team_id, t.name as team_name, m.person_id, p.display_name as person_name, m.role, m.from_date, m.until_date, m.created_by
            from team_memberships m join teams t on t.id = m.team_id join people p on p.id = m.person_id
            where m.org_id = $1 and m.person_id = $2 order by m.from_date, m.id",
            org.0,
            person.0
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Puts a person in a team for a while.
    pub async fn team_membership_create(&self, org: OrgId, new: &NewTeamMembership, actor: &str) -> Result<MembershipOutcome, StoreError> {
        if new.until_date.is_some_and(|until| until <= new.from_date) {
            return Ok(MembershipOutcome::EndsBeforeItBegins(new.from_date));
        }
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        if !team_exists_in_txn(&mut tx, org, new.team_id).await? {
            return Ok(MembershipOutcome::NoTeam);
        }
        if !person_is_live_in_txn(&mut tx, org, new.person).await? {
            return Ok(MembershipOutcome::NoPerson);
        }
        let inserted = sqlx::query_scalar!(
            "insert into team_memberships (org_id, team_id, person_id, role, from_date, until_date, created_by)
            values ($1, $2, $3, $4, $5, $6, $7) returning id",
            org.0,
            new.team_id,
            new.person.0,
            new.role,
            new.from_date,
            new.until_date,
            actor
        );
        let id = match inserted.fetch_one(&mut *tx).await {
            Ok(id) => id,
            Err(error) if is_refused(&error) => return Ok(MembershipOutcome::Overlap),
            Err(error) => return Err(error.into()),
        };
        let data = json!({"person": new.person, "from": new.from_date, "until": new.until_date, "role": new.role});
        audit_in_txn(&mut tx, org, actor, "team.member_add", ("team", &new.team_id.to_string()), data).await?;
        let row = membership_fetch_in_txn(&mut tx, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        tx.commit().await?;
        Ok(MembershipOutcome::Written(row))
    }

    /// Ends a membership, or opens it again (`None`). `None` in answer: there is none.
    pub async fn team_membership_end(
        &self,
        org: OrgId,
        id: i64,
        until: Option<NaiveDate>,
        actor: &str,
    ) -> Result<Option<MembershipOutcome>, StoreError> {
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        let from: Option<NaiveDate> = sqlx::query_scalar("select from_date from team_memberships where org_id = $1 and id = $2 for update")
            .bind(org.0)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(from) = from else { return Ok(None) };
        if until.is_some_and(|until| until <= from) {
            return Ok(Some(MembershipOutcome::EndsBeforeItBegins(from)));
        }
        let ended = sqlx::query_scalar!(
            "update team_memberships set until_date = $3, updated_at = now() where org_id = $1 and id = $2 returning team_id",
            org.0,
            id,
            until
        );
        let team = match ended.fetch_one(&mut *tx).await {
            Ok(team) => team,
            Err(error) if is_refused(&error) => return Ok(Some(MembershipOutcome::Overlap)),
            Err(error) => return Err(error.into()),
        };
        let data = json!({"membership": id, "until": until});
        audit_in_txn(&mut tx, org, actor, "team.member_end", ("team", &team.to_string()), data).await?;
        let row = membership_fetch_in_txn(&mut tx, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        tx.commit().await?;
        Ok(Some(MembershipOutcome::Written(row)))
    }

    pub async fn team_membership_fetch(&self, org: OrgId, id: i64) -> Result<Option<TeamMembershipRow>, StoreError> {
        membership_fetch_in_txn(&mut *self.pool.acquire().await?, org, id).await
    }

    /// Takes a membership away that never was. Whether there was one.
    pub async fn team_membership_delete(&self, org: OrgId, id: i64, actor: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        let row = sqlx::query!(
            "delete from team_memberships where org_id = $1 and id = $2 returning team_id, person_id, from_date, until_date",
            org.0,
            id
        );
        let Some(row) = row.fetch_optional(&mut *tx).await? else { return Ok(false) };
        let data = json!({"person": row.person_id, "from": row.from_date, "until": row.until_date});
        audit_in_txn(&mut tx, org, actor, "team.member_delete", ("team", &row.team_id.to_string()), data).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn membership_fetch_in_txn(tx: &mut PgConnection, org: OrgId, id: i64) -> Result<Option<TeamMembershipRow>, StoreError> {
    let row = sqlx::query_as!(
        TeamMembershipRow,
        "select m.id, m.team_id, t.name as team_name, m.person_id, p.display_name as person_name, m.role, m.from_date, m.until_date, m.created_by
        from team_memberships m join teams t on t.id = m.team_id join people p on p.id = m.person_id
        where m.org_id = $1 and m.id = $2",
        org.0,
        id
    );
    Ok(row.fetch_optional(tx).await?)
}

async fn team_exists_in_txn(tx: &mut PgConnection, org: OrgId, id: Uuid) -> Result<bool, StoreError> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from teams where org_id = $1 and id = $2 and archived_at is null) as "exists!""#,
        org.0,
        id
    );
    Ok(exists.fetch_one(tx).await?)
}

async fn person_is_live_in_txn(tx: &mut PgConnection, org: OrgId, id: PersonId) -> Result<bool, StoreError> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from people where org_id = $1 and id = $2 and retired_at is null) as "exists!""#,
        org.0,
        id.0
    );
    Ok(exists.fetch_one(tx).await?)
}

/// The overlap trigger; what is asked for has been checked to end after it begins.
pub(crate) fn is_refused(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("23P01")))
}
