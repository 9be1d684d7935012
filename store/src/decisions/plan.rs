//! The transaction of a decision: what it is to change is collected first and written in one place.

use std::collections::{BTreeMap, BTreeSet};

use ovia_domain::{IdentityId, OrgId, PersonId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Decided, Decider, DecisionError,
    account::{self, Account},
    before::{Before, before_in_txn},
    pair,
    read::{decision_fetch_in_txn, decisions_brief_in_txn},
};
use crate::{
    StoreError,
    audit::audit_in_txn,
    identity_events::{NewEvent, events_insert_in_txn},
    links::{LinkStatus, LinkWrite, Origin, epoch_raise_in_txn, links_write_in_txn, people_settle_in_txn},
    membership_moves::memberships_move_in_txn,
    runs::{NewRun, run_create_in_txn},
};

/// Pairs one decision may add: two people of a hundred accounts each.
const MOST_PAIRS: usize = 10_000;

/// A person to be made.
pub(super) struct NewPerson {
    pub id: Uuid,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_bot: bool,
    /// Somebody said what they are called.
    pub is_named: bool,
}

/// A decision on its way.
pub(super) struct Deciding<'a> {
    pub tx: &'a mut PgConnection,
    pub org: OrgId,
    by: &'a Decider,
    kind: &'static str,
    input: Value,
    /// Accounts it says something about.
    identities: BTreeSet<Uuid>,
    people: BTreeSet<Uuid>,
    links: BTreeMap<Uuid, LinkWrite>,
    never: BTreeSet<(Uuid, Uuid)>,
    /// (account, person refused).
    rejected: BTreeSet<(Uuid, Uuid)>,
    new_people: Vec<NewPerson>,
    /// (retired, where its accounts are).
    merged: Option<(Uuid, Uuid)>,
    events: Vec<NewEvent>,
    /// Earlier decisions by which accounts were confirmed to whom they leave now.
    overruled: BTreeSet<i64>,
    /// Who answers for the outcome.
    pub person: Option<Uuid>,
    pub undo: Option<super::undo::Undo>,
}

impl<'a> Deciding<'a> {
    pub fn new(tx: &'a mut PgConnection, org: OrgId, by: &'a Decider, kind: &'static str, input: Value) -> Self {
        Self {
            tx,
            org,
            by,
            kind,
            input,
            identities: BTreeSet::new(),
            people: BTreeSet::new(),
            links: BTreeMap::new(),
            never: BTreeSet::new(),
            rejected: BTreeSet::new(),
            new_people: Vec::new(),
            merged: None,
            events: Vec::new(),
            overruled: BTreeSet::new(),
            person: None,
            undo: None,
        }
    }

    /// The decision says something about these accounts.
    pub fn concerns(&mut self, identities: impl IntoIterator<Item = Uuid>) {
        self.identities.extend(identities);
    }

    pub fn concerns_person(&mut self, person: Option<Uuid>) {
        self.people.extend(person);
    }

    /// Links the account to the person by decision.
    pub fn confirm(&mut self, account: &Account, person: Uuid) {
        self.link(account, person, LinkStatus::Confirmed, "confirmed by a person");
    }

    /// Links the account by decision. Nothing happens where the link is so already.
    pub fn link(&mut self, account: &Account, person: Uuid, status: LinkStatus, detail: &str) {
        self.identities.insert(account.id);
        if account.person == Some(person) && account.is(status) {
            return;
        }
        self.people.extend(account.person);
        self.people.insert(person);
        if account.is(LinkStatus::Confirmed) && account.person != Some(person) {
            self.overruled.extend(account.decision_id);
        }
        let event = match (self.kind, status) {
            (_, LinkStatus::Auto) => "conflict_settled",
            ("remap", _) => "remapped",
            ("split", _) => "split",
            ("merge", _) => "merged",
            _ => "confirmed",
        };
        let state = |person: Uuid, status: &str, confidence: f64, rule: &str| json!({"person_id": person, "status": status, "confidence": confidence, "rule": rule});
        let before = account.person.zip(account.status()).map(|(person, status)| {
            state(person, status.as_str(), account.confidence.unwrap_or_default(), account.rule.as_deref().unwrap_or_default())
        });
        self.event(event, Some(account.id), Some(person), before, Some(state(person, status.as_str(), 1.0, RULE)));
        let trace = json!([{"rule": RULE, "family": RULE, "detail": detail, "with": null, "log_odds": 0.0}]);
        let write = LinkWrite {
            identity_id: account.id,
            person_id: person,
            status,
            confidence: 1.0,
            rule: RULE.to_owned(),
            trace,
            sentence: format!("{}{}.", detail[..1].to_uppercase(), &detail[1..]),
            candidates: Vec::new(),
            nearly: None,
            contradicts: json!([]),
        };
        self.links.insert(account.id, write);
    }

    /// No account of the one side is ever together with one of the other.
    pub fn never(&mut self, one: &[Uuid], other: &[Uuid]) -> Result<(), DecisionError> {
        if one.len().saturating_mul(other.len()) + self.never.len() > MOST_PAIRS {
            let message = format!("{} accounts against {} are more pairs than one decision takes.", one.len(), other.len());
            return Err(DecisionError::refused(message, "Name the accounts that matter, a few at a time."));
        }
        self.identities.extend(one.iter().chain(other).copied());
        self.never.extend(one.iter().flat_map(|a| other.iter().map(|b| pair(*a, *b))));
        Ok(())
    }

    /// The account is not this person's.
    pub fn reject(&mut self, account: &Account, person: Uuid) {
        self.identities.insert(account.id);
        self.people.insert(person);
        if self.rejected.insert((account.id, person)) {
            self.event("refused", Some(account.id), Some(person), None, None);
        }
    }

    pub fn person_create(&mut self, person: NewPerson) {
        self.people.insert(person.id);
        self.person = Some(person.id);
        self.new_people.push(person);
    }

    /// `from` is retired in favour of `into`.
    pub fn merge(&mut self, from: Uuid, into: Uuid) {
        self.people.extend([from, into]);
        self.merged = Some((from, into));
    }

    pub fn event(
        &mut self,
        kind: &'static str,
        identity_id: Option<Uuid>,
        person_id: Option<Uuid>,
        before: Option<Value>,
        after: Option<Value>,
    ) {
        self.events.push(NewEvent { kind, identity_id, person_id, reason: self.by.reason.clone(), before, after });
    }

    /// Writes everything.
    pub async fn finish(mut self) -> Result<Decided, DecisionError> {
        let identities: Vec<Uuid> = self.identities.iter().copied().collect();
        let people: Vec<Uuid> = self.people.iter().copied().collect();
        let before = match self.undo.as_mut() {
            Some(undo) => std::mem::take(&mut undo.before),
            None => self.before().await?,
        };
        let decision = sqlx::query_scalar!(
            "insert into identity_decisions (org_id, kind, actor, reason, input, identities, people, before, undoes, identity_epoch)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, identity_epoch + 1 from organisations where id = $1 returning id",
            self.org.0,
            self.kind,
            self.by.actor,
            self.by.reason,
            self.input,
            &identities,
            &people,
            serde_json::to_value(&before)?,
            self.undo.as_ref().map(|undo| undo.target)
        )
        .fetch_one(&mut *self.tx)
        .await?;
        sqlx::query!("update identity_decisions set effective_from = id where id = $1", decision).execute(&mut *self.tx).await?;
        match self.undo.take() {
            Some(undo) => undo.write(&mut self, decision).await?,
            None => self.write(decision).await?,
        }
        let (retired, restored) = people_settle_in_txn(self.tx, self.org, &people).await?;
        for (kind, people) in [("person_retired", retired), ("person_restored", restored)] {
            for person in people {
                self.event(kind, None, Some(person), None, None);
            }
        }
        events_insert_in_txn(self.tx, self.org, &self.by.actor, Some(decision), None, &self.events).await?;
        let reason = format!("decision:{}", self.kind);
        let identity_epoch = epoch_raise_in_txn(self.tx, self.org, &people, &reason, Some(decision), None).await?;
        let data = json!({"input": self.input, "reason": self.by.reason, "accounts": identities.len()});
        let action = format!("identity.{}", self.kind);
        audit_in_txn(self.tx, self.org, &self.by.actor, &action, ("identity_decision", &decision.to_string()), data).await?;
        let follow_up = follow_up_in_txn(self.tx, self.org, &self.by.follow_up).await?;
        let row = decision_fetch_in_txn(self.tx, self.org, decision).await?.ok_or(sqlx::Error::RowNotFound)?;
        let overruled: Vec<i64> = self.overruled.into_iter().collect();
        Ok(Decided {
            decision: row,
            overruled: decisions_brief_in_txn(self.tx, self.org, &overruled).await?,
            people_changed: people.into_iter().map(account::person).collect(),
            person: self.person.map(account::person),
            identity_epoch,
            follow_up,
        })
    }

    async fn before(&mut self) -> Result<Before, StoreError> {
        let written: Vec<Uuid> = self.links.keys().copied().collect();
        let people: Vec<Uuid> = self.people.iter().copied().collect();
        let mut before = before_in_txn(self.tx, self.org, &written, &people).await?;
        for (from, into) in self.followed().await? {
            before.team_memberships.extend(memberships_move_in_txn(self.tx, self.org, &self.by.actor, from, into).await?);
        }
        Ok(before)
    }

    /// Who loses the last account to one other person, and to whom: team memberships follow. People that were imported stay what they are,
    /// unless they are merged.
    async fn followed(&mut self) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        if let Some(merged) = self.merged {
            return Ok(vec![merged]);
        }
        let people: Vec<Uuid> = self.people.iter().copied().collect();
        let now = sqlx::query!(
            r#"select p.id, array_agg(l.identity_id) as "identities!" from people p
            join person_identity_links l on l.person_id = p.id and l.status in ('auto', 'conflict', 'confirmed')
            where p.org_id = $1 and p.id = any($2) and p.imported_at is null group by p.id order by p.id"#,
            self.org.0,
            &people
        );
        let now = now.fetch_all(&mut *self.tx).await?;
        let to = |identity: &Uuid| self.links.get(identity).map(|link| link.person_id);
        let followed = now.iter().filter_map(|person| {
            let into = person.identities.first().and_then(to).filter(|into| *into != person.id)?;
            person.identities.iter().all(|identity| to(identity) == Some(into)).then_some((person.id, into))
        });
        Ok(followed.collect())
    }

    async fn write(&mut self, decision: i64) -> Result<(), StoreError> {
        for person in &self.new_people {
            sqlx::query!(
                "insert into people (id, org_id, display_name, primary_email, is_bot) values ($1, $2, $3, $4, $5)",
                person.id,
                self.org.0,
                person.display_name,
                person.primary_email,
                person.is_bot
            )
            .execute(&mut *self.tx)
            .await?;
        }
        let named: Vec<Uuid> = self.new_people.iter().filter(|person| person.is_named).map(|person| person.id).collect();
        if !named.is_empty() {
            let sql = "update people set named_at = now() where org_id = $1 and id = any($2)";
            sqlx::query(sql).bind(self.org.0).bind(&named).execute(&mut *self.tx).await?;
        }
        let links: Vec<LinkWrite> = std::mem::take(&mut self.links).into_values().collect();
        let origin = Origin { decided_by: Some(self.by.actor.clone()), decision_id: Some(decision), ..Origin::default() };
        links_write_in_txn(self.tx, self.org, &links, &origin).await?;
        let (a, b): (Vec<Uuid>, Vec<Uuid>) = self.never.iter().copied().unzip();
        never_insert_in_txn(self.tx, self.org, decision, &a, &b).await?;
        self.rejected_insert(decision).await?;
        if let Some((from, into)) = self.merged {
            sqlx::query!("update people set merged_into = $3 where org_id = $1 and id = $2", self.org.0, from, into)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    /// Refusals that are not on record yet, as history of the account.
    async fn rejected_insert(&mut self, decision: i64) -> Result<(), StoreError> {
        let (identities, people): (Vec<Uuid>, Vec<Uuid>) = self.rejected.iter().copied().unzip();
        sqlx::query_file!("src/decisions/rejected_insert.sql", self.org.0, &identities, &people, self.by.actor, decision)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

/// What stands in the rule column of links that people decided.
pub(super) const RULE: &str = "human decision";

pub(super) async fn never_insert_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    decision: i64,
    a: &[Uuid],
    b: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into never_together (org_id, a, b, decision_id) select $1, n.a, n.b, $4 from unnest($2::uuid[], $3::uuid[]) as n (a, b)",
        org.0,
        a,
        b,
        decision
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Queues the run, unless one of its kind waits to begin: that one reads what was decided here.
pub(crate) async fn follow_up_in_txn(tx: &mut PgConnection, org: OrgId, run: &NewRun) -> Result<Option<NewRun>, StoreError> {
    let queued = sqlx::query_scalar!(
        "select id from runs where org_id = $1 and kind = $2 and connection_id is null and status = 'queued' and params -> 'preview' is null
        for update limit 1",
        org.0,
        run.kind.as_str()
    );
    if queued.fetch_optional(&mut *tx).await?.is_some() {
        return Ok(None);
    }
    run_create_in_txn(tx, run).await?;
    Ok(Some(run.clone()))
}

/// Ids of accounts.
pub(super) fn ids(accounts: &[Account]) -> Vec<Uuid> {
    accounts.iter().map(|account| account.id).collect()
}

/// As people read them.
pub(super) fn new_person(account: &Account, display_name: Option<&str>) -> NewPerson {
    let given = display_name.map(str::trim).filter(|name| !name.is_empty());
    NewPerson {
        id: PersonId::generate().0,
        display_name: given.unwrap_or(&account.name).to_owned(),
        primary_email: account.email.clone(),
        is_bot: account.is_bot,
        is_named: given.is_some(),
    }
}

/// Ids as the decision's caller gave them.
pub(super) fn raw(ids: &[IdentityId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}
