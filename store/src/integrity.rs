//! The checks of a run: how far they have come, and what they came to. `facts` reads the rows to look at, `findings` stores what was found.
//!
//! A pass looks at what has changed since shortly before the last one began, and at what depends on that: items below a changed item, of a project whose
//! versions changed, in a changed sprint. Rows are read in the order of keys, a batch at a time; a batch and where the pass stands are
//! stored in one transaction, under the connection's lease, so that an attempt that died is repeated from there.

mod facts;
mod findings;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId, integrity::SubjectTable};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use crate::{Store, StoreError, leases, run_log::event_insert_in_txn};

pub use facts::{ItemKeys, StoredItem, StoredSprint, StoredVersion};
pub use findings::{Checked, Membership};

/// Everything is looked at again after so many days, in case something was missed.
const FULL_AFTER_DAYS: i32 = 7;
/// A pass looks back so many minutes before the last one began: `changed_at` is when a transaction began, and an item that a webhook named
/// may be committed after the last pass came by.
const LOOK_BACK_MINUTES: i32 = 5;
/// Which stream brings the rows of a table.
const STREAMS: [(&str, SubjectTable); 3] =
    [("issues", SubjectTable::WorkItems), ("versions", SubjectTable::Versions), ("sprints", SubjectTable::Sprints)];

/// Whose pass it is: an attempt that holds the lease.
#[derive(Clone, Copy, Debug)]
pub struct IntegrityAttempt {
    pub org: OrgId,
    pub connection: ConnectionId,
    pub run: RunId,
    /// From `lease_acquire`.
    pub fence: i64,
}

/// What a pass does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Items that changed, and those below them.
    Items,
    /// Items of projects whose versions changed.
    Projects,
    /// Items in sprints that changed.
    SprintItems,
    Versions,
    Sprints,
    /// Anomalies of what nobody had to look at.
    Rest,
    Figures,
}

impl Step {
    const ALL: [Step; 7] = [Self::Items, Self::Projects, Self::SprintItems, Self::Versions, Self::Sprints, Self::Rest, Self::Figures];

    /// What comes after it; the figures are the end.
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|step| *step == self).unwrap_or_default();
        Self::ALL.get(place + 1).copied().unwrap_or(Self::Figures)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Projects => "projects",
            Self::SprintItems => "sprint_items",
            Self::Versions => "versions",
            Self::Sprints => "sprints",
            Self::Rest => "rest",
            Self::Figures => "figures",
        }
    }
}

/// Where a pass stands.
#[derive(Clone, Debug)]
pub struct IntegrityPass {
    /// `None`: it looks at everything.
    pub since: Option<DateTime<Utc>>,
    pub step: Step,
    /// Within the step; what was stored with the last batch.
    pub cursor: Option<Value>,
    pub finished: bool,
}

/// Where a batch leaves its pass.
#[derive(Clone, Debug)]
pub struct Place {
    pub step: Step,
    pub cursor: Option<Value>,
}

impl Store {
    /// The run's pass; begins it the first time. `basis` says what the rules depend on beside the rows: when it is not that of the last
    /// pass, everything is looked at.
    pub async fn integrity_begin(&self, attempt: &IntegrityAttempt, basis: &str) -> Result<IntegrityPass, StoreError> {
        sqlx::query!(
            r#"insert into integrity_passes (run_id, org_id, connection_id, basis, since, full_began_at)
               select $3, $1, $2, $4, p.began_at - make_interval(mins => $6), coalesce(p.full_began_at, now())
               from (select) as one left join (
                   select began_at, full_began_at from (
                       select began_at, full_began_at, basis from integrity_passes
                       where org_id = $1 and connection_id = $2 and finished_at is not null order by began_at desc limit 1
                   ) last
                   where basis = $4 and full_began_at > now() - make_interval(days => $5)
               ) p on true
               on conflict (run_id) do nothing"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            basis,
            FULL_AFTER_DAYS,
            LOOK_BACK_MINUTES
        )
        .execute(&self.pool)
        .await?;
        let row = sqlx::query!(
            r#"select since, step, cursor, finished_at is not null as "finished!" from integrity_passes where org_id = $1 and run_id = $2"#,
            attempt.org.0,
            attempt.run.0
        )
        .fetch_one(&self.pool)
        .await?;
        // the table's check holds it to these names
        let step = Step::ALL.into_iter().find(|step| step.as_str() == row.step).unwrap_or(Step::Items);
        Ok(IntegrityPass { since: row.since, step, cursor: row.cursor, finished: row.finished })
    }

    /// The pass goes on with the next step; nothing was found in between.
    pub async fn integrity_move(&self, attempt: &IntegrityAttempt, place: &Place) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        place_in_txn(&mut tx, attempt, place, Changes::default()).await?;
        lease_check(&mut tx, attempt).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends the pass: its figures become the run's `result.integrity` and an event, and each stream's count of rows that break a rule.
    /// Ending it twice changes nothing.
    pub async fn integrity_finish(&self, attempt: &IntegrityAttempt) -> Result<(), StoreError> {
        // counted before anything is locked: it can take seconds, and who cancels the run waits for its row
        let Figures { mut shown, flagged } = self.figures_of(attempt).await?;
        let mut tx = self.pool.begin().await?;
        // the lease before the run, as page commits lock them
        lease_check(&mut tx, attempt).await?;
        let ended = sqlx::query!(
            r#"update integrity_passes set finished_at = now() where org_id = $1 and run_id = $2 and finished_at is null
               returning checked, opened, reopened, resolved, since is null as "everything!""#,
            attempt.org.0,
            attempt.run.0
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(ended) = ended else { return Ok(()) };
        let counted = [("checked", ended.checked), ("opened", ended.opened), ("reopened", ended.reopened), ("resolved", ended.resolved)];
        shown.extend(counted.map(|(name, count)| (name.to_owned(), json!(count))));
        shown.insert("everything".to_owned(), json!(ended.everything));
        flagged_set(&mut tx, attempt, &flagged).await?;
        sqlx::query!(
            "update runs set result = coalesce(result, '{}') || jsonb_build_object('integrity', $3::jsonb) where org_id = $1 and id = $2",
            attempt.org.0,
            attempt.run.0,
            json!(shown)
        )
        .execute(&mut *tx)
        .await?;
        event_insert_in_txn(&mut tx, attempt.org, attempt.run, "integrity_checked", json!(shown)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How the connection stands: anomalies by status and by rule, and how many releases could be told.
    async fn figures_of(&self, attempt: &IntegrityAttempt) -> Result<Figures, StoreError> {
        let (org, connection) = (attempt.org.0, attempt.connection.0);
        let rules = sqlx::query!(
            r#"select rule, count(*) filter (where status = 'open') as "open!", count(*) filter (where status = 'acknowledged') as "acknowledged!"
               from anomalies where org_id = $1 and connection_id = $2 and status <> 'resolved' group by rule order by rule"#,
            org,
            connection
        )
        .fetch_all(&self.pool)
        .await?;
        let flagged = sqlx::query!(
            r#"select subject_table, count(distinct external_id) as "rows!" from anomalies
               where org_id = $1 and connection_id = $2 and status <> 'resolved' group by subject_table"#,
            org,
            connection
        )
        .fetch_all(&self.pool)
        .await?;
        let releases = sqlx::query!(
            r#"select count(*) as "expected!", count(*) filter (where unambiguous) as "unambiguous!"
               from release_memberships where org_id = $1 and connection_id = $2 and expected"#,
            org,
            connection
        )
        .fetch_one(&self.pool)
        .await?;
        let by_rule: Map<String, Value> = rules.iter().map(|row| (row.rule.clone(), json!(row.open + row.acknowledged))).collect();
        // no data is not 0
        let accuracy = (releases.expected > 0).then(|| releases.unambiguous as f64 / releases.expected as f64);
        let shown = [
            ("open", json!(rules.iter().map(|row| row.open).sum::<i64>())),
            ("acknowledged", json!(rules.iter().map(|row| row.acknowledged).sum::<i64>())),
            ("by_rule", json!(by_rule)),
            ("releases_expected", json!(releases.expected)),
            ("releases_unambiguous", json!(releases.unambiguous)),
            ("release_mapping_accuracy", json!(accuracy)),
        ];
        Ok(Figures {
            shown: shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            flagged: flagged.into_iter().map(|row| (row.subject_table, row.rows)).collect(),
        })
    }
}

/// What a connection's anomalies and releases come to.
struct Figures {
    shown: Map<String, Value>,
    /// Rows that break a rule, by their table.
    flagged: HashMap<String, i64>,
}

/// What one batch changed.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    checked: i64,
    opened: i64,
    reopened: i64,
    resolved: i64,
}

async fn place_in_txn(tx: &mut PgConnection, attempt: &IntegrityAttempt, place: &Place, changes: Changes) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update integrity_passes set step = $3, cursor = $4, checked = checked + $5, opened = opened + $6, reopened = reopened + $7,
               resolved = resolved + $8
           where org_id = $1 and run_id = $2"#,
        attempt.org.0,
        attempt.run.0,
        place.step.as_str(),
        place.cursor,
        changes.checked,
        changes.opened,
        changes.reopened,
        changes.resolved
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn lease_check(tx: &mut PgConnection, attempt: &IntegrityAttempt) -> Result<(), StoreError> {
    leases::lease_check_in_txn(tx, attempt.org, attempt.connection, attempt.run, attempt.fence).await
}

async fn flagged_set(tx: &mut PgConnection, attempt: &IntegrityAttempt, flagged: &HashMap<String, i64>) -> Result<(), StoreError> {
    for (stream, table) in STREAMS {
        sqlx::query!(
            "update run_streams set flagged = $4 where org_id = $1 and run_id = $2 and stream = $3",
            attempt.org.0,
            attempt.run.0,
            stream,
            flagged.get(table.as_str()).copied().unwrap_or_default()
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
