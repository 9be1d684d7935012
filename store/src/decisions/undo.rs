//! A decision taken back: the rows it changed are what they were before it, its pairs and refusals are gone.
//!
//! What runs did in between to other rows stays, and the run that follows weighs everything again. An undo can be undone, which brings
//! the decision back; from then on it is younger than what was decided meanwhile.

use ovia_domain::OrgId;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    DecisionError,
    before::{Before, LinkBefore, PersonBefore, before_in_txn},
    plan::{Deciding, never_insert_in_txn},
    read::{DecisionBrief, decisions_built_on_in_txn},
};
use crate::{
    StoreError,
    membership_moves::{memberships_now_in_txn, memberships_restore_in_txn},
};

/// What an undo is about to write.
pub(super) struct Undo {
    pub target: i64,
    /// Of an undo: the decision that it had taken back.
    brings_back: Option<i64>,
    /// Rows of the target as they were before it.
    restore: Before,
    /// Rows as they are now.
    pub before: Before,
    /// Refusals of the decision that are on record now.
    refusals: Vec<i64>,
    /// Of a merge, or of the undo of one: whom it retires. Nobody else was merged by it.
    merged: Option<Uuid>,
}

struct Target {
    kind: String,
    identities: Vec<Uuid>,
    people: Vec<Uuid>,
    before: Value,
    undone_by: Option<i64>,
    undoes: Option<i64>,
    effective_from: Option<i64>,
}

pub(super) async fn undo(deciding: &mut Deciding<'_>, id: i64) -> Result<(), DecisionError> {
    let (org, decision) = (deciding.org, id);
    let target = sqlx::query_as!(
        Target,
        "select kind, identities, people, before, undone_by, undoes, effective_from from identity_decisions where org_id = $1 and id = $2",
        org.0,
        id
    );
    let target = target.fetch_optional(&mut *deciding.tx).await?;
    let target = target.ok_or_else(|| DecisionError::NotFound { what: "decision", id: id.to_string() })?;
    if let Some(by) = target.undone_by {
        let hint = format!("Undo decision {by} to bring it back.");
        return Err(DecisionError::refused(format!("Decision {id} is undone already."), hint));
    }
    undoable(deciding, id, &target).await?;
    let later = decisions_built_on_in_txn(deciding.tx, org, &target.identities, target.effective_from.unwrap_or(id), id).await?;
    if !later.is_empty() {
        return Err(DecisionError::BuiltOn { decision, later });
    }
    let restore: Before = serde_json::from_value(target.before)?;
    in_the_way(deciding, id, &restore).await?;
    let identities: Vec<Uuid> = restore.links.iter().map(|link| link.identity).collect();
    let mut before = before_in_txn(deciding.tx, org, &identities, &target.people).await?;
    let source = target.undoes.unwrap_or(id);
    before.never = sqlx::query!("select a, b from never_together where org_id = $1 and decision_id = $2 order by a, b", org.0, source)
        .map(|row| (row.a, row.b))
        .fetch_all(&mut *deciding.tx)
        .await?;
    before.rejected = sqlx::query_scalar!(
        "select id from person_identity_links where org_id = $1 and decision_id = $2 and status = 'rejected' order by id",
        org.0,
        source
    )
    .fetch_all(&mut *deciding.tx)
    .await?;
    before.team_memberships = memberships_now_in_txn(deciding.tx, org, &restore.team_memberships).await?;
    events(deciding, &before, &restore);
    deciding.concerns(target.identities.iter().copied());
    for person in target.people {
        deciding.concerns_person(Some(person));
    }
    // a run may have moved them meanwhile: whom they leave has fewer accounts now
    for link in before.links.iter().chain(&restore.links) {
        deciding.concerns_person(person_of(&link.row));
    }
    let refusals = before.rejected.clone();
    let merged = merged_by_in_txn(deciding.tx, org, source).await?;
    deciding.undo = Some(Undo { target: id, brings_back: target.undoes, restore, before, refusals, merged });
    Ok(())
}

/// An undo of an undo brings the decision back; what comes after that is undone by naming the decision itself.
async fn undoable(deciding: &mut Deciding<'_>, id: i64, target: &Target) -> Result<(), DecisionError> {
    let Some(undoes) = target.undoes.filter(|_| target.kind == "undo") else { return Ok(()) };
    let source = sqlx::query!("select kind, undoes from identity_decisions where org_id = $1 and id = $2", deciding.org.0, undoes);
    match source.fetch_one(&mut *deciding.tx).await?.undoes {
        Some(decision) => {
            let message = format!("Decision {id} brought decision {decision} back.");
            Err(DecisionError::refused(message, format!("Undo decision {decision} itself.")))
        }
        None => Ok(()),
    }
}

/// The person that a merge retires.
async fn merged_by_in_txn(tx: &mut PgConnection, org: OrgId, decision: i64) -> Result<Option<Uuid>, StoreError> {
    let from = sqlx::query_scalar!(
        "select (input ->> 'from')::uuid from identity_decisions where org_id = $1 and id = $2 and kind = 'merge'",
        org.0,
        decision
    );
    Ok(from.fetch_optional(tx).await?.flatten())
}

/// A person the accounts would go back to may have been merged since, without these accounts.
async fn in_the_way(deciding: &mut Deciding<'_>, id: i64, restore: &Before) -> Result<(), DecisionError> {
    let wanted: Vec<Uuid> = restore.links.iter().filter_map(|link| person_of(&link.row)).collect();
    let later = sqlx::query_as!(
        DecisionBrief,
        "select d.id, d.kind, d.actor, d.decided_at from identity_decisions d
        join people p on p.org_id = d.org_id and p.id = any($2) and p.merged_into is not null
        where d.org_id = $1 and d.kind = 'merge' and d.undone_by is null and d.id <> $3 and d.input ->> 'from' = p.id::text
        order by d.id",
        deciding.org.0,
        &wanted,
        id
    )
    .fetch_all(&mut *deciding.tx)
    .await?;
    if later.is_empty() { Ok(()) } else { Err(DecisionError::BuiltOn { decision: id, later }) }
}

fn events(deciding: &mut Deciding<'_>, now: &Before, restore: &Before) {
    for (now, then) in now.links.iter().zip(&restore.links) {
        let kind = if then.row.is_null() { "released" } else { "restored" };
        let person = person_of(&then.row).or_else(|| person_of(&now.row));
        deciding.event(kind, Some(then.identity), person, brief(&now.row), brief(&then.row));
    }
}

fn brief(row: &Value) -> Option<Value> {
    (!row.is_null())
        .then(|| json!({"person_id": row["person_id"], "status": row["status"], "confidence": row["confidence"], "rule": row["rule"]}))
}

fn person_of(row: &Value) -> Option<Uuid> {
    row["person_id"].as_str().and_then(|id| Uuid::parse_str(id).ok())
}

impl Undo {
    pub async fn write(self, deciding: &mut Deciding<'_>, decision: i64) -> Result<(), StoreError> {
        let org = deciding.org;
        let source = self.brings_back.unwrap_or(self.target);
        self.links(deciding).await?;
        // pairs and refusals: those of the decision go, or come back with it
        if self.brings_back.is_some() {
            let (a, b): (Vec<Uuid>, Vec<Uuid>) = self.restore.never.iter().copied().unzip();
            never_insert_in_txn(deciding.tx, org, source, &a, &b).await?;
        } else {
            sqlx::query!("delete from never_together where org_id = $1 and decision_id = $2", org.0, source)
                .execute(&mut *deciding.tx)
                .await?;
        }
        let (rows, status) = match self.brings_back {
            Some(_) => (&self.restore.rejected, "rejected"),
            None => (&self.refusals, "superseded"),
        };
        sqlx::query!(
            "update person_identity_links set status = $3, ended_at = case when $3 = 'superseded' then now() end, updated_at = now()
            where org_id = $1 and id = any($2)",
            org.0,
            rows,
            status
        )
        .execute(&mut *deciding.tx)
        .await?;
        self.versions_raise(deciding, rows).await?;
        self.people(deciding).await?;
        sqlx::query!("update identity_decisions set undone_by = $3 where org_id = $1 and id = $2", org.0, self.target, decision)
            .execute(&mut *deciding.tx)
            .await?;
        if let Some(back) = self.brings_back {
            // it holds again, as of now, and its next undo goes back to now
            sqlx::query!(
                "update identity_decisions d set undone_by = null, effective_from = $3, before = u.before
                from identity_decisions u where d.org_id = $1 and d.id = $2 and u.id = $3",
                org.0,
                back,
                decision
            )
            .execute(&mut *deciding.tx)
            .await?;
        }
        Ok(())
    }

    async fn links(&self, deciding: &mut Deciding<'_>) -> Result<(), StoreError> {
        let identities: Vec<Uuid> = self.restore.links.iter().map(|link| link.identity).collect();
        let rows: Vec<&Value> = self.restore.links.iter().map(|LinkBefore { row, .. }| row).filter(|row| !row.is_null()).collect();
        let rows = serde_json::to_value(rows)?;
        sqlx::query_file!("src/decisions/undo_supersede.sql", deciding.org.0, &identities, rows).execute(&mut *deciding.tx).await?;
        sqlx::query_file!("src/decisions/undo_restore.sql", deciding.org.0, rows).execute(&mut *deciding.tx).await?;
        Ok(())
    }

    /// A refusal more or less is a change of the account's link, also where its current row stays as it is.
    async fn versions_raise(&self, deciding: &mut Deciding<'_>, refusals: &[i64]) -> Result<(), StoreError> {
        let restored: Vec<Uuid> = self.restore.links.iter().map(|link| link.identity).collect();
        sqlx::query!(
            "update person_identity_links l
            set version = 1 + (select max(h.version) from person_identity_links h where h.identity_id = l.identity_id), updated_at = now()
            where l.org_id = $1 and l.status in ('auto', 'conflict', 'confirmed') and l.identity_id <> all($3)
                and l.identity_id = any(array(select r.identity_id from person_identity_links r where r.org_id = $1 and r.id = any($2)))",
            deciding.org.0,
            refusals,
            &restored
        )
        .execute(&mut *deciding.tx)
        .await?;
        Ok(())
    }

    async fn people(&self, deciding: &mut Deciding<'_>) -> Result<(), StoreError> {
        for PersonBefore { id, merged_into } in self.restore.people.iter().filter(|person| Some(person.id) == self.merged) {
            sqlx::query!(
                "update people set merged_into = $3 where org_id = $1 and id = $2 and merged_into is distinct from $3",
                deciding.org.0,
                id,
                *merged_into
            )
            .execute(&mut *deciding.tx)
            .await?;
        }
        memberships_restore_in_txn(deciding.tx, deciding.org, &self.restore.team_memberships).await?;
        Ok(())
    }
}
