//! A plan written: each table once, and what changed of whom into the audit.

use chrono::NaiveDate;
use ovia_domain::OrgId;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::plan::{Person, Plan, Terms};
use crate::StoreError;

#[derive(Serialize)]
struct PersonOut<'a> {
    id: Uuid,
    display_name: &'a str,
    primary_email: Option<&'a str>,
    is_imported: bool,
}

#[derive(Serialize)]
struct StretchOut<'a> {
    id: Option<i64>,
    team_id: Uuid,
    person_id: Uuid,
    role: Option<&'a str>,
    from_date: NaiveDate,
    until_date: Option<NaiveDate>,
}

pub(super) async fn write(tx: &mut PgConnection, org: OrgId, actor: &str, mut plan: Plan) -> Result<(), StoreError> {
    people(tx, org, &plan).await?;
    teams(tx, org, &mut plan).await?;
    memberships(tx, org, actor, &plan).await?;
    audit(tx, org, actor, &plan).await
}

async fn people(tx: &mut PgConnection, org: OrgId, plan: &Plan) -> Result<(), StoreError> {
    let out = |(id, person): (&Uuid, &'_ Person)| {
        json!(PersonOut {
            id: *id,
            display_name: &person.display_name,
            primary_email: person.primary_email.as_deref(),
            is_imported: person.is_imported,
        })
    };
    let (known, new): (Vec<_>, Vec<_>) =
        plan.people.iter().filter(|(id, _)| plan.is_changed(id)).partition(|(id, _)| plan.before.contains_key(*id));
    sqlx::query!(
        "insert into people (id, org_id, display_name, primary_email, imported_at)
        select r.id, $1, r.display_name, r.primary_email, now()
        from jsonb_to_recordset($2) as r (id uuid, display_name text, primary_email text)",
        org.0,
        Value::Array(new.into_iter().map(out).collect())
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update people p set display_name = r.display_name, primary_email = r.primary_email,
            imported_at = case when r.is_imported then now() else p.imported_at end, updated_at = now(), version = p.version + 1
        from jsonb_to_recordset($2) as r (id uuid, display_name text, primary_email text, is_imported boolean)
        where p.org_id = $1 and p.id = r.id",
        org.0,
        Value::Array(known.into_iter().map(out).collect())
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes those that are not there. Somebody may make the same one at this moment: then it is theirs.
async fn teams(tx: &mut PgConnection, org: OrgId, plan: &mut Plan) -> Result<(), StoreError> {
    for (key, name) in &plan.new_teams {
        sqlx::query!(
            "insert into teams (id, org_id, name) values ($1, $2, $3) on conflict (org_id, lower(name)) where archived_at is null do nothing",
            Uuid::now_v7(),
            org.0,
            name
        )
        .execute(&mut *tx)
        .await?;
        let team =
            sqlx::query_scalar!("select id from teams where org_id = $1 and lower(name) = lower($2) and archived_at is null", org.0, name);
        plan.teams.insert(key.clone(), team.fetch_one(&mut *tx).await?);
    }
    Ok(())
}

/// First those that end otherwise, which makes room for the new ones.
async fn memberships(tx: &mut PgConnection, org: OrgId, actor: &str, plan: &Plan) -> Result<(), StoreError> {
    let (mut known, mut new) = (Vec::new(), Vec::new());
    for (team_id, person_id, from_date, id, _, (role, until_date)) in changed(plan) {
        let out = StretchOut { id, team_id, person_id, role: role.as_deref(), from_date, until_date: *until_date };
        if id.is_some() { known.push(json!(out)) } else { new.push(json!(out)) }
    }
    sqlx::query!(
        "update team_memberships m set role = r.role, until_date = r.until_date, updated_at = now()
        from jsonb_to_recordset($2) as r (id bigint, role text, until_date date) where m.org_id = $1 and m.id = r.id",
        org.0,
        Value::Array(known)
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into team_memberships (org_id, team_id, person_id, role, from_date, until_date, created_by)
        select $1, r.team_id, r.person_id, r.role, r.from_date, r.until_date, $3
        from jsonb_to_recordset($2) as r (team_id uuid, person_id uuid, role text, from_date date, until_date date)",
        org.0,
        Value::Array(new),
        actor
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Team, person, first day, id, terms before and after of stretches that are made or changed.
fn changed(plan: &Plan) -> impl Iterator<Item = (Uuid, Uuid, NaiveDate, Option<i64>, &Option<Terms>, &Terms)> {
    plan.stretches.iter().flat_map(|((team, person), stretches)| {
        let team = plan.teams.get(team);
        let changed = stretches.iter().filter(|(_, one)| one.before.as_ref() != Some(&one.after));
        changed.filter_map(move |(from, one)| Some((*team?, *person, *from, one.id, &one.before, &one.after)))
    })
}

/// An event for each person and stretch that is another than before.
async fn audit(tx: &mut PgConnection, org: OrgId, actor: &str, plan: &Plan) -> Result<(), StoreError> {
    let state = |person: &Person| json!({"display_name": person.display_name, "primary_email": person.primary_email});
    let person = |(id, after): (&Uuid, &Person)| {
        let data = json!({"before": plan.before.get(id).map(state), "after": state(after)});
        json!({"action": "person.import", "kind": "person", "id": id, "data": data})
    };
    let terms = |(role, until): &Terms| json!({"role": role, "until": until});
    let mut events: Vec<Value> = plan.people.iter().filter(|(id, _)| plan.is_changed(id)).map(person).collect();
    events.extend(changed(plan).map(|(team, person, from, _, before, after)| {
        let data = json!({"person": person, "from": from, "before": before.as_ref().map(terms), "after": terms(after)});
        json!({"action": "team.member_import", "kind": "team", "id": team, "data": data})
    }));
    sqlx::query!(
        "insert into audit_events (org_id, actor, action, subject_kind, subject_id, data)
        select $1, $2, e.action, e.kind, e.id, e.data from jsonb_to_recordset($3) as e (action text, kind text, id text, data jsonb)",
        org.0,
        actor,
        Value::Array(events)
    )
    .execute(tx)
    .await?;
    Ok(())
}
