//! People and teams from a table: each row names a person, perhaps a team, and from when until when.
//!
//! All rows or none. The same table twice changes nothing the second time: a person is found by id, else by e-mail (its own, or that of
//! one account of exactly one person); a stretch that begins on the same day in the same team is changed, not added.

use chrono::NaiveDate;
use ovia_domain::{OrgId, PersonId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Store, StoreError, audit::audit_in_txn, team_memberships::is_refused};

/// One line of the table, in its order.
#[derive(Clone, Debug, Default)]
pub struct PersonImport {
    /// Where it stands, for messages.
    pub line: u64,
    pub person: Option<PersonId>,
    pub email: Option<String>,
    /// Required for somebody not known yet; of somebody known it becomes the name.
    pub display_name: Option<String>,
    pub team: Option<String>,
    pub role: Option<String>,
    /// Required with a team.
    pub from_date: Option<NaiveDate>,
    pub until_date: Option<NaiveDate>,
}

/// A line that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProblem {
    pub line: u64,
    pub field: &'static str,
    pub message: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    pub people_created: u64,
    pub people_updated: u64,
    pub teams_created: u64,
    pub memberships_created: u64,
    pub memberships_updated: u64,
    pub unchanged: u64,
    /// Not empty: nothing was written.
    pub problems: Vec<ImportProblem>,
}

impl Store {
    /// Imports all lines, or none where one has a problem; with `dry_run` none in any case.
    pub async fn people_import(&self, org: OrgId, rows: &[PersonImport], actor: &str, dry_run: bool) -> Result<ImportOutcome, StoreError> {
        let mut tx = self.pool.begin().await?;
        crate::links::matching_lock_in_txn(&mut tx, org).await?;
        let mut outcome = ImportOutcome::default();
        for row in rows {
            import_row(&mut tx, org, row, actor, &mut outcome).await?;
        }
        if dry_run || !outcome.problems.is_empty() {
            return Ok(outcome);
        }
        let data = json!({
            "lines": rows.len(),
            "people_created": outcome.people_created,
            "people_updated": outcome.people_updated,
            "teams_created": outcome.teams_created,
            "memberships_created": outcome.memberships_created,
            "memberships_updated": outcome.memberships_updated,
        });
        audit_in_txn(&mut tx, org, actor, "people.import", ("organisation", &org.to_string()), data).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

async fn import_row(tx: &mut PgConnection, org: OrgId, row: &PersonImport, actor: &str, outcome: &mut ImportOutcome) -> Result<(), StoreError> {
    let problem = |field: &'static str, message: String| ImportProblem { line: row.line, field, message };
    let before = (outcome.people_created, outcome.people_updated, outcome.memberships_created, outcome.memberships_updated);
    let person = match person_import(tx, org, row, outcome).await? {
        Ok(person) => person,
        Err((field, message)) => {
            outcome.problems.push(problem(field, message));
            return Ok(());
        }
    };
    if let Some(team) = text(row.team.as_deref()) {
        match row.from_date {
            None => outcome.problems.push(problem("from", "a team needs the day from which on".into())),
            Some(from) if row.until_date.is_some_and(|until| until <= from) => {
                outcome.problems.push(problem("until", "it is not after `from`".into()));
            }
            Some(from) => {
                let team_id = team_import(tx, org, team, outcome).await?;
                if !membership_import(tx, org, row, (team_id, person, from), actor, outcome).await? {
                    outcome.problems.push(problem("from", format!("the person is in `{team}` at that time already, from another day on")));
                }
            }
        }
    }
    let after = (outcome.people_created, outcome.people_updated, outcome.memberships_created, outcome.memberships_updated);
    outcome.unchanged += u64::from(before == after);
    Ok(())
}

/// The person of a line: known, renamed, or made.
async fn person_import(
    tx: &mut PgConnection,
    org: OrgId,
    row: &PersonImport,
    outcome: &mut ImportOutcome,
) -> Result<Result<Uuid, (&'static str, String)>, StoreError> {
    let (email, name) = (text(row.email.as_deref()), text(row.display_name.as_deref()));
    let known = match (row.person, email) {
        (Some(id), _) => match person_by_id(tx, org, id).await? {
            Some(id) => Some(id),
            None => return Ok(Err(("person_id", format!("there is no person {id}")))),
        },
        (None, Some(email)) => match people_by_email(tx, org, email).await?.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => return Ok(Err(("email", "several people have this address: give the person's id".into()))),
        },
        (None, None) => return Ok(Err(("email", "a line needs a person's id or an e-mail".into()))),
    };
    let Some(id) = known else {
        let Some(name) = name else { return Ok(Err(("name", "nobody has this address, and somebody new needs a name".into()))) };
        let id = PersonId::generate().0;
        sqlx::query!(
            "insert into people (id, org_id, display_name, primary_email, imported_at) values ($1, $2, $3, $4, now())",
            id,
            org.0,
            name,
            email
        )
        .execute(tx)
        .await?;
        outcome.people_created += 1;
        return Ok(Ok(id));
    };
    let updated = sqlx::query!(
        "update people set display_name = coalesce($3, display_name), primary_email = coalesce($4, primary_email), imported_at = now(),
            updated_at = now(), version = version + 1
        where org_id = $1 and id = $2 and (
            display_name is distinct from coalesce($3, display_name) or lower(primary_email) is distinct from lower(coalesce($4, primary_email))
            or imported_at is null and ($3::text is not null))",
        org.0,
        id,
        name,
        email
    )
    .execute(tx)
    .await?;
    outcome.people_updated += updated.rows_affected();
    Ok(Ok(id))
}

async fn person_by_id(tx: &mut PgConnection, org: OrgId, id: PersonId) -> Result<Option<Uuid>, StoreError> {
    let row = sqlx::query_scalar!("select id from people where org_id = $1 and id = $2 and retired_at is null", org.0, id.0);
    Ok(row.fetch_optional(tx).await?)
}

/// People with this address, their own or an account's.
async fn people_by_email(tx: &mut PgConnection, org: OrgId, email: &str) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"select p.id as "id!" from people p where p.org_id = $1 and lower(p.primary_email) = lower($2) and p.retired_at is null
        union
        select p.id from identities i
        join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
        join people p on p.id = l.person_id
        where i.org_id = $1 and lower(i.email) = lower($2) and i.deleted_at is null"#,
        org.0,
        email
    );
    Ok(rows.fetch_all(tx).await?)
}

async fn team_import(tx: &mut PgConnection, org: OrgId, name: &str, outcome: &mut ImportOutcome) -> Result<Uuid, StoreError> {
    let known =
        sqlx::query_scalar!("select id from teams where org_id = $1 and lower(name) = lower($2) and archived_at is null", org.0, name);
    if let Some(id) = known.fetch_optional(&mut *tx).await? {
        return Ok(id);
    }
    let id = Uuid::now_v7();
    sqlx::query!("insert into teams (id, org_id, name) values ($1, $2, $3)", id, org.0, name).execute(tx).await?;
    outcome.teams_created += 1;
    Ok(id)
}

/// Whether the stretch could be written.
async fn membership_import(
    tx: &mut PgConnection,
    org: OrgId,
    row: &PersonImport,
    (team, person, from): (Uuid, Uuid, NaiveDate),
    actor: &str,
    outcome: &mut ImportOutcome,
) -> Result<bool, StoreError> {
    let role = text(row.role.as_deref());
    let known = sqlx::query!(
        "select id, role, until_date from team_memberships where org_id = $1 and team_id = $2 and person_id = $3 and from_date = $4",
        org.0,
        team,
        person,
        from
    );
    let known = known.fetch_optional(&mut *tx).await?;
    if known.as_ref().is_some_and(|known| known.role.as_deref() == role && known.until_date == row.until_date) {
        return Ok(true);
    }
    // an overlap must not end the transaction: the other lines' problems are wanted too
    sqlx::query!("savepoint membership").execute(&mut *tx).await?;
    let written = match &known {
        Some(known) => {
            sqlx::query!("update team_memberships set role = $2, until_date = $3, updated_at = now() where id = $1", known.id, role, row.until_date)
                .execute(&mut *tx)
                .await
        }
        None => {
            sqlx::query!(
                "insert into team_memberships (org_id, team_id, person_id, role, from_date, until_date, created_by)
                values ($1, $2, $3, $4, $5, $6, $7)",
                org.0,
                team,
                person,
                role,
                from,
                row.until_date,
                actor
            )
            .execute(&mut *tx)
            .await
        }
    };
    match written {
        Ok(_) => {
            sqlx::query!("release savepoint membership").execute(tx).await?;
            *(if known.is_some() { &mut outcome.memberships_updated } else { &mut outcome.memberships_created }) += 1;
            Ok(true)
        }
        Err(error) if is_refused(&error) => {
            sqlx::query!("rollback to savepoint membership").execute(tx).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn text(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}
