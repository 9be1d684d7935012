//! Storing what a batch of checks found: new anomalies, those seen again, those that are gone, and which release each item goes out with.

use ovia_domain::integrity::{Finding, SubjectTable};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use super::{Changes, IntegrityAttempt, Place, Step, lease_check, place_in_txn};
use crate::{Store, StoreError};

/// What a batch looked at and what it found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything that was looked at, whatever was found.
    pub external_ids: Vec<String>,
    /// Each with the external id of what it is about.
    pub findings: Vec<(String, Finding)>,
    /// Of work items: the release of each that names one or ought to.
    pub memberships: Vec<Membership>,
}

/// A row of `release_memberships`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Membership {
    pub work_item_external_id: String,
    pub version_external_id: Option<String>,
    pub rule: &'static str,
    pub candidates: Vec<String>,
    pub expected: bool,
    pub unambiguous: bool,
}

/// Findings as columns.
#[derive(Default)]
struct Columns {
    rules: Vec<String>,
    severities: Vec<String>,
    external_ids: Vec<String>,
    explanations: Vec<String>,
}

impl Columns {
    fn of(findings: &[(String, Finding)]) -> Self {
        let mut columns = Self::default();
        for (external_id, finding) in findings {
            columns.rules.push(finding.rule.as_str().to_owned());
            columns.severities.push(finding.rule.severity().as_str().to_owned());
            columns.external_ids.push(external_id.clone());
            columns.explanations.push(finding.explanation.clone());
        }
        columns
    }
}

impl Store {
    /// Stores a batch about rows of `table`, and that the pass is at `place` now. Twice: the second finds everything stored already.
    pub async fn integrity_apply(
        &self,
        attempt: &IntegrityAttempt,
        table: SubjectTable,
        checked: &Checked,
        place: &Place,
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let found = Columns::of(&checked.findings);
        let reopened = reopen(&mut tx, attempt, table, &found).await?;
        let opened = upsert(&mut tx, attempt, table, &found).await?;
        let resolved = resolve(&mut tx, attempt, table, &checked.external_ids, &found).await?;
        if table == SubjectTable::WorkItems {
            memberships_store(&mut tx, attempt, checked).await?;
            review_mark(&mut tx, attempt, &checked.external_ids).await?;
        }
        let changes = Changes { checked: checked.external_ids.len() as i64, opened, reopened, resolved };
        place_in_txn(&mut tx, attempt, place, changes).await?;
        lease_check(&mut tx, attempt).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The next `limit` anomalies that this run has not come by: they are as they were, or, where it has looked at everything, what they
    /// were about is gone. Answers how many there were.
    pub async fn integrity_rest(&self, attempt: &IntegrityAttempt, everything: bool, limit: i64) -> Result<usize, StoreError> {
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query!(
            r#"update anomalies a set
                   status = case when $4 then 'resolved' else status end, resolved_at = case when $4 then now() end,
                   last_seen_at = case when $4 then last_seen_at else now() end, last_run_id = case when $4 then last_run_id else $3 end
               from (
                   select id from anomalies
                   where org_id = $1 and connection_id = $2 and status <> 'resolved' and last_run_id <> $3 and id > coalesce((
                       select (cursor ->> 'id')::bigint from integrity_passes where org_id = $1 and run_id = $3), 0)
                   order by id limit $5
               ) n
               where a.id = n.id returning a.id, a.subject_table, a.external_id"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            everything,
            limit
        )
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = rows.iter().map(|row| row.id).max() else { return Ok(0) };
        if everything {
            let items = rows.iter().filter(|row| row.subject_table == SubjectTable::WorkItems.as_str());
            let items: Vec<String> = items.map(|row| row.external_id.clone()).collect();
            items_lock(&mut tx, attempt, &items).await?;
            review_mark(&mut tx, attempt, &items).await?;
        }
        let resolved = if everything { rows.len() as i64 } else { 0 };
        let place = Place { step: Step::Rest, cursor: Some(json!({"id": last})) };
        place_in_txn(&mut tx, attempt, &place, Changes { resolved, ..Changes::default() }).await?;
        lease_check(&mut tx, attempt).await?;
        tx.commit().await?;
        Ok(rows.len())
    }
}

/// What was resolved and is there again is open again; whoever acknowledged it before did not mean this time.
async fn reopen(tx: &mut PgConnection, attempt: &IntegrityAttempt, table: SubjectTable, found: &Columns) -> Result<i64, StoreError> {
    let reopened = sqlx::query!(
        r#"update anomalies a set status = 'open', reopened_at = now(), resolved_at = null, acknowledged_at = null, acknowledged_by = null,
               note = null
           from unnest($4::text[], $5::text[]) as f (rule, external_id)
           where a.org_id = $1 and a.connection_id = $2 and a.subject_table = $3 and a.rule = f.rule and a.external_id = f.external_id
               and a.status = 'resolved'"#,
        attempt.org.0,
        attempt.connection.0,
        table.as_str(),
        &found.rules,
        &found.external_ids
    );
    Ok(reopened.execute(tx).await?.rows_affected() as i64)
}

/// Answers how many are new.
async fn upsert(tx: &mut PgConnection, attempt: &IntegrityAttempt, table: SubjectTable, found: &Columns) -> Result<i64, StoreError> {
    let new = sqlx::query_scalar!(
        r#"insert into anomalies as a (org_id, connection_id, subject_table, first_run_id, last_run_id, rule, severity, external_id, explanation)
           select $1, $2, $3, $4, $4, f.* from unnest($5::text[], $6::text[], $7::text[], $8::text[]) as f
           on conflict (connection_id, rule, subject_table, external_id) do update
           set last_seen_at = now(), last_run_id = excluded.last_run_id, severity = excluded.severity, explanation = excluded.explanation
           returning xmax = 0 as "new!""#,
        attempt.org.0,
        attempt.connection.0,
        table.as_str(),
        attempt.run.0,
        &found.rules,
        &found.severities,
        &found.external_ids,
        &found.explanations
    );
    Ok(new.fetch_all(tx).await?.into_iter().filter(|new| *new).count() as i64)
}

/// What was looked at and is not wrong any more.
async fn resolve(
    tx: &mut PgConnection,
    attempt: &IntegrityAttempt,
    table: SubjectTable,
    checked: &[String],
    found: &Columns,
) -> Result<i64, StoreError> {
    let resolved = sqlx::query!(
        r#"update anomalies a set status = 'resolved', resolved_at = now()
           where a.org_id = $1 and a.connection_id = $2 and a.subject_table = $3 and a.external_id = any($4) and a.status <> 'resolved'
               and not exists (
                   select from unnest($5::text[], $6::text[]) as f (rule, external_id)
                   where f.rule = a.rule and f.external_id = a.external_id
               )"#,
        attempt.org.0,
        attempt.connection.0,
        table.as_str(),
        checked,
        &found.rules,
        &found.external_ids
    );
    Ok(resolved.execute(tx).await?.rows_affected() as i64)
}

async fn memberships_store(tx: &mut PgConnection, attempt: &IntegrityAttempt, checked: &Checked) -> Result<(), StoreError> {
    let named: Vec<String> = checked.memberships.iter().map(|membership| membership.work_item_external_id.clone()).collect();
    sqlx::query!(
        "delete from release_memberships
         where org_id = $1 and connection_id = $2 and work_item_external_id = any($3) and work_item_external_id <> all($4)",
        attempt.org.0,
        attempt.connection.0,
        &checked.external_ids,
        &named
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"insert into release_memberships as m
               (org_id, connection_id, work_item_external_id, version_external_id, rule, candidates, expected, unambiguous)
           select $1, $2, r.* from json_to_recordset($3::json) as r (work_item_external_id text, version_external_id text, rule text,
               candidates text[], expected boolean, unambiguous boolean)
           on conflict (connection_id, work_item_external_id) do update
           set version_external_id = excluded.version_external_id, rule = excluded.rule, candidates = excluded.candidates,
               expected = excluded.expected, unambiguous = excluded.unambiguous, changed_at = now()
           where (m.version_external_id, m.rule, m.candidates, m.expected, m.unambiguous)
               is distinct from (excluded.version_external_id, excluded.rule, excluded.candidates, excluded.expected, excluded.unambiguous)"#,
        attempt.org.0,
        attempt.connection.0,
        serde_json::to_value(&checked.memberships)?
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks those of these work items that have an open anomaly, and no others.
async fn review_mark(tx: &mut PgConnection, attempt: &IntegrityAttempt, external_ids: &[String]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update work_items w set needs_review = r.needed
           from (
               select i.external_id, exists (
                   select from anomalies a
                   where a.org_id = $1 and a.connection_id = $2 and a.subject_table = 'work_items' and a.external_id = i.external_id
                       and a.status = 'open'
               ) as needed
               from unnest($3::text[]) as i (external_id)
           ) r
           where w.org_id = $1 and w.connection_id = $2 and w.external_id = r.external_id and w.needs_review <> r.needed"#,
        attempt.org.0,
        attempt.connection.0,
        external_ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Waits for whoever decides about another anomaly of these items. A batch of checks holds all their anomalies and needs no such wait.
async fn items_lock(tx: &mut PgConnection, attempt: &IntegrityAttempt, external_ids: &[String]) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        "select id from work_items where org_id = $1 and connection_id = $2 and external_id = any($3) order by id for no key update",
        attempt.org.0,
        attempt.connection.0,
        external_ids
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}
