//! What a matching run reads, and what it writes: batch by batch, each a transaction under the organisation's matching lock.
//!
//! A run computes outside of any transaction. So that it never writes over what it has not seen, every batch compares the identity epoch
//! with the one read: decisions and other runs raise it, and then nothing is written and the run reads again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ovia_domain::{OrgId, RunId};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    account_activity::{AccountActivityRow, account_activity_in_txn},
    identity_events::{NewEvent, events_insert_in_txn},
    links::{LinkStatus, LinkWrite, Origin, epoch_raise_in_txn, links_write_in_txn, matching_lock_in_txn, people_settle_in_txn},
    matching_config::{MatchingConfigRow, config_fetch},
    membership_moves::memberships_move_in_txn,
};

/// An account with its present link.
#[derive(Debug)]
pub struct MatchingIdentityRow {
    pub id: Uuid,
    pub source: String,
    /// The connection's base URL: accounts of one host share an id space.
    pub base_url: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub is_bot: Option<bool>,
    pub person_id: Option<Uuid>,
    /// `auto`, `conflict`, `confirmed`.
    pub link_status: Option<String>,
}

/// Two accounts that were at one piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoOccurrenceRow {
    pub a: Uuid,
    pub b: Uuid,
    /// `merge_request_commit`: the address of all commits of `a`'s merge requests is `b`'s. `issue_branch`: `a`'s branches name work items
    /// of `b`.
    pub kind: String,
    pub count: i64,
}

/// A person as the table has them, and as matching wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonWrite {
    pub id: Uuid,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_bot: bool,
}

/// Everything a run needs, of one moment.
#[derive(Debug)]
pub struct MatchingRead {
    /// What has been written since raises it.
    pub identity_epoch: i64,
    /// `None`: as shipped.
    pub config: Option<MatchingConfigRow>,
    /// Every live account, in the order of its id.
    pub identities: Vec<MatchingIdentityRow>,
    /// Pairs, the smaller id first.
    pub never_together: Vec<(Uuid, Uuid)>,
    /// (account, person) that somebody decided not to be one; of a person that was merged also with whom it is now.
    pub rejected: Vec<(Uuid, Uuid)>,
    pub co_occurrences: Vec<CoOccurrenceRow>,
    /// Of the accounts that are busy enough to tell, in the order of their ids.
    pub activity: Vec<AccountActivityRow>,
    /// Live people whose names matching may set.
    pub people: HashMap<Uuid, PersonWrite>,
    /// What somebody said live people are called: matching leaves it alone.
    pub named: HashMap<Uuid, String>,
    /// Live people who are more than what matching made of accounts, in the order of their ids.
    pub rooted: Vec<RootedPerson>,
}

/// A person who was imported, or is in a team: accounts come to this person, not the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootedPerson {
    pub id: Uuid,
    pub primary_email: Option<String>,
    /// Name and address are somebody's word.
    pub is_imported: bool,
    /// Whether any account is linked now.
    pub has_accounts: bool,
}

/// By what links are written.
#[derive(Clone, Copy, Debug)]
pub struct MatchingBy {
    pub run: RunId,
    pub rule_set_version: i32,
    pub config_version: i32,
}

/// What a batch, or a run, changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MatchingApplied {
    pub people_written: u64,
    pub people_removed: u64,
    pub links_written: u64,
    /// Whose accounts changed.
    pub people_changed: u64,
    pub identity_epoch: i64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    Written(MatchingApplied),
    /// Somebody wrote since it was read: nothing was written, and everything is to be read again.
    Outdated,
    /// The run is to stop, or over.
    Stop,
}

impl Store {
    /// Reads everything of one moment.
    pub async fn matching_read(&self, org: OrgId) -> Result<MatchingRead, StoreError> {
        let mut tx = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        let identity_epoch =
            sqlx::query_scalar!("select identity_epoch from organisations where id = $1", org.0).fetch_one(&mut *tx).await?;
        let config = config_fetch(&mut tx, org).await?;
        let identities = sqlx::query_file_as!(MatchingIdentityRow, "src/matching/identities.sql", org.0).fetch_all(&mut *tx).await?;
        let never_together = sqlx::query!("select distinct a, b from never_together where org_id = $1 order by a, b", org.0)
            .map(|row| (row.a, row.b))
            .fetch_all(&mut *tx)
            .await?;
        let co_occurrences = sqlx::query_file_as!(CoOccurrenceRow, "src/matching/co_occurrences.sql", org.0).fetch_all(&mut *tx).await?;
        let activity = account_activity_in_txn(&mut tx, org).await?;
        let people = sqlx::query_as!(
            PersonWrite,
            "select id, display_name, primary_email, is_bot from people where org_id = $1 and retired_at is null and imported_at is null",
            org.0
        );
        let people = people.fetch_all(&mut *tx).await?.into_iter().map(|person| (person.id, person)).collect();
        let named = sqlx::query_as("select id, display_name from people where org_id = $1 and retired_at is null and named_at is not null");
        let named: Vec<(Uuid, String)> = named.bind(org.0).fetch_all(&mut *tx).await?;
        let rejected =
            sqlx::query_file!("src/matching/rejected.sql", org.0).map(|row| (row.identity_id, row.person_id)).fetch_all(&mut *tx).await?;
        let rooted = sqlx::query_file_as!(RootedPerson, "src/matching/rooted.sql", org.0).fetch_all(&mut *tx).await?;
        Ok(MatchingRead {
            identity_epoch,
            config,
            identities,
            never_together,
            rejected,
            co_occurrences,
            activity,
            people,
            named: named.into_iter().collect(),
            rooted,
        })
    }

    /// Accounts whose current links are not as in `links`. Takes no lock.
    pub async fn matching_diff(&self, org: OrgId, links: &[LinkWrite]) -> Result<Vec<Uuid>, StoreError> {
        let rows = sqlx::query_file_scalar!("src/matching/diff.sql", org.0, serde_json::to_value(links)?);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Writes one batch if nobody has written since `identity_epoch`. What people decided is left as it is whatever `links` says.
    pub async fn matching_apply(
        &self,
        org: OrgId,
        by: MatchingBy,
        identity_epoch: i64,
        people: &[PersonWrite],
        links: &[LinkWrite],
    ) -> Result<BatchOutcome, StoreError> {
        let mut tx = self.pool.begin().await?;
        if let Some(outcome) = refused_in_txn(&mut tx, org, by.run, identity_epoch).await? {
            return Ok(outcome);
        }
        let mut applied = apply_in_txn(&mut tx, org, by, people, links).await?;
        applied.identity_epoch = applied.identity_epoch.max(identity_epoch);
        tx.commit().await?;
        Ok(BatchOutcome::Written(applied))
    }

    /// The end of a run: people that nobody is linked to are retired, if nobody has written since `identity_epoch`.
    pub async fn matching_sweep(&self, org: OrgId, run: RunId, identity_epoch: i64) -> Result<BatchOutcome, StoreError> {
        let mut tx = self.pool.begin().await?;
        if let Some(outcome) = refused_in_txn(&mut tx, org, run, identity_epoch).await? {
            return Ok(outcome);
        }
        let lone = sqlx::query_scalar!(
            "select id from people p where org_id = $1 and retired_at is null and imported_at is null and not exists (
                select from person_identity_links l where l.person_id = p.id and l.status in ('auto', 'conflict', 'confirmed'))
            order by id",
            org.0
        );
        let lone = lone.fetch_all(&mut *tx).await?;
        let (retired, _) = people_settle_in_txn(&mut tx, org, &lone).await?;
        events_insert_in_txn(&mut tx, org, &format!("run:{run}"), None, Some(run.0), &people_events("person_retired", &retired)).await?;
        tx.commit().await?;
        let people_removed = retired.len() as u64;
        Ok(BatchOutcome::Written(MatchingApplied { people_removed, identity_epoch, ..MatchingApplied::default() }))
    }
}

async fn refused_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, identity_epoch: i64) -> Result<Option<BatchOutcome>, StoreError> {
    matching_lock_in_txn(tx, org).await?;
    let status =
        sqlx::query_scalar!("select status from runs where org_id = $1 and id = $2", org.0, run.0).fetch_optional(&mut *tx).await?;
    if !matches!(status.as_deref(), Some("running" | "waiting")) {
        return Ok(Some(BatchOutcome::Stop));
    }
    let now = sqlx::query_scalar!("select identity_epoch from organisations where id = $1", org.0).fetch_one(tx).await?;
    Ok((now != identity_epoch).then_some(BatchOutcome::Outdated))
}

/// A current link before it is written.
struct Present {
    identity_id: Uuid,
    person_id: Option<Uuid>,
    status: String,
    confidence: f64,
    rule: String,
}

impl Present {
    fn counts(&self) -> bool {
        LinkStatus::parse(&self.status).is_some_and(LinkStatus::counts)
    }

    fn brief(&self) -> Value {
        json!({"person_id": self.person_id, "status": self.status, "confidence": self.confidence, "rule": self.rule})
    }
}

async fn apply_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    by: MatchingBy,
    people: &[PersonWrite],
    links: &[LinkWrite],
) -> Result<MatchingApplied, StoreError> {
    let identities: Vec<Uuid> = links.iter().map(|link| link.identity_id).collect();
    let present = sqlx::query_as!(
        Present,
        "select identity_id, person_id, status, confidence, rule from person_identity_links
        where org_id = $1 and identity_id = any($2) and status in ('auto', 'conflict', 'confirmed')",
        org.0,
        &identities
    );
    let present: HashMap<Uuid, Present> =
        present.fetch_all(&mut *tx).await?.into_iter().map(|present| (present.identity_id, present)).collect();
    let is_decided = |link: &&LinkWrite| {
        present.get(&link.identity_id).is_some_and(|present| {
            present.status == "confirmed" && (link.status != LinkStatus::Confirmed || present.person_id != Some(link.person_id))
        })
    };
    let links: Vec<LinkWrite> = links.iter().filter(|link| !is_decided(link)).cloned().collect();
    let people_written =
        sqlx::query_file!("src/matching/people_upsert.sql", org.0, serde_json::to_value(people)?).execute(&mut *tx).await?.rows_affected();
    let origin =
        Origin { rule_set_version: by.rule_set_version, config_version: by.config_version, run_id: Some(by.run.0), ..Origin::default() };
    let links_written = links_write_in_txn(tx, org, &links, &origin).await?;
    let change = changes(&links, &present);
    let touched: Vec<Uuid> = change.touched.into_iter().collect();
    let (retired, restored) = people_settle_in_txn(tx, org, &touched).await?;
    for (from, into) in followed(&links, &present, &retired) {
        memberships_move_in_txn(tx, org, &format!("run:{}", by.run), from, into).await?;
    }
    let mut events = change.events;
    events.extend(people_events("person_retired", &retired));
    events.extend(people_events("person_restored", &restored));
    events_insert_in_txn(tx, org, &format!("run:{}", by.run), None, Some(by.run.0), &events).await?;
    let counted: Vec<Uuid> = change.counted.into_iter().collect();
    let identity_epoch = match touched.is_empty() {
        true => 0,
        false => epoch_raise_in_txn(tx, org, &counted, "matching", None, Some(by.run.0)).await?,
    };
    Ok(MatchingApplied {
        people_written,
        people_removed: retired.len() as u64,
        links_written,
        people_changed: counted.len() as u64,
        identity_epoch,
    })
}

/// Of the people retired those whose accounts all went to one other person, and to whom: their team memberships follow.
fn followed(links: &[LinkWrite], present: &HashMap<Uuid, Present>, retired: &[Uuid]) -> Vec<(Uuid, Uuid)> {
    let mut to: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for link in links {
        if let Some(before) = present.get(&link.identity_id).and_then(|before| before.person_id).filter(|before| retired.contains(before)) {
            to.entry(before).or_default().insert(link.person_id);
        }
    }
    to.into_iter().filter_map(|(from, to)| (to.len() == 1).then(|| to.first().map(|into| (from, *into)))?).collect()
}

#[derive(Default)]
struct Changes {
    events: Vec<NewEvent>,
    /// People that have an account more or less, or one with another status.
    touched: BTreeSet<Uuid>,
    /// Those of them for whom another set of accounts counts.
    counted: BTreeSet<Uuid>,
}

fn changes(links: &[LinkWrite], present: &HashMap<Uuid, Present>) -> Changes {
    let mut changes = Changes::default();
    for link in links {
        let before = present.get(&link.identity_id);
        if before.is_some_and(|before| before.person_id == Some(link.person_id) && before.status == link.status.as_str()) {
            continue;
        }
        let was_conflict = before.is_some_and(|before| before.status == "conflict");
        let kind = match (before, link.status) {
            (_, LinkStatus::Conflict) if !was_conflict => "conflict_raised",
            (_, LinkStatus::Auto) if was_conflict => "conflict_settled",
            (None, _) => "linked",
            (Some(_), _) => "moved",
        };
        changes.touched.insert(link.person_id);
        changes.touched.extend(before.and_then(|before| before.person_id));
        changes.counted.extend(link.status.counts().then_some(link.person_id));
        changes.counted.extend(before.filter(|before| before.counts()).and_then(|before| before.person_id));
        changes.events.push(NewEvent {
            kind,
            identity_id: Some(link.identity_id),
            person_id: Some(link.person_id),
            reason: Some(link.rule.clone()),
            before: before.map(Present::brief),
            after: Some(json!({
                "person_id": link.person_id, "status": link.status, "confidence": link.confidence, "rule": link.rule,
            })),
        });
    }
    changes
}

fn people_events(kind: &'static str, people: &[Uuid]) -> Vec<NewEvent> {
    let event = |person: &Uuid| NewEvent { kind, identity_id: None, person_id: Some(*person), reason: None, before: None, after: None };
    people.iter().map(event).collect()
}

impl Store {
    /// The configuration a run is to try without writing, if it is one that only tries.
    pub async fn matching_preview_asked(&self, org: OrgId, run: RunId) -> Result<Option<Value>, StoreError> {
        let row = sqlx::query_scalar!(r#"select params -> 'preview' as "preview" from runs where org_id = $1 and id = $2"#, org.0, run.0);
        Ok(row.fetch_optional(&self.pool).await?.flatten().filter(|preview| !preview.is_null()))
    }
}
