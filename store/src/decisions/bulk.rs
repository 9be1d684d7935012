//! Many suggestions confirmed at once, by how sure they are: first a plan, then the plan and nothing else.

use std::collections::BTreeMap;

use ovia_domain::{IdentityId, OrgId, PersonId};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Decided, Decider, DecisionError,
    account::{Account, accounts_of_people_in_txn},
    confirm::anchor,
    plan::Deciding,
};
use crate::{Store, StoreError, links::matching_lock_in_txn};

/// Accounts one decision confirms.
const MOST: i64 = 5_000;

/// Which suggestions.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkConfirm {
    /// Links by rules (`auto`) at least this sure, 0 to 1. Accounts that are alone are nobody's suggestion and left out, and so are conflicts:
    /// somebody has to look at each.
    pub min_confidence: f64,
    /// Only accounts of this kind of source.
    pub source: Option<String>,
}

/// One account that would be confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkPlanned {
    pub identity: IdentityId,
    pub person: PersonId,
    pub person_name: String,
    pub account_name: String,
    pub source: String,
    pub confidence: f64,
    pub rule: String,
}

/// What would be confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkPlan {
    /// Accounts, at most 5,000 at a time.
    pub accounts: Vec<BulkPlanned>,
    /// How many people they belong to.
    pub people: usize,
    /// More than 5,000 match: repeat it for the rest.
    pub more: bool,
    /// Stands for exactly this plan; `bulk_confirm` wants it.
    pub token: String,
}

impl Store {
    /// What confirming would do. Writes nothing.
    pub async fn bulk_confirm_plan(&self, org: OrgId, wanted: &BulkConfirm) -> Result<BulkPlan, DecisionError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
        plan_in_txn(&mut connection, org, wanted).await
    }

    /// Does what the plan with this token said, as one decision; `PlanChanged` when it would be anything else by now.
    pub async fn bulk_confirm(&self, org: OrgId, by: &Decider, wanted: &BulkConfirm, token: &str) -> Result<Decided, DecisionError> {
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        let plan = plan_in_txn(&mut tx, org, wanted).await?;
        if plan.token != token {
            return Err(DecisionError::PlanChanged);
        }
        if plan.accounts.is_empty() {
            return Err(DecisionError::refused("No suggestion is that sure.", "Lower the threshold, or take another source."));
        }
        let input = json!({"min_confidence": wanted.min_confidence, "source": wanted.source, "accounts": plan.accounts.len()});
        let mut deciding = Deciding::new(&mut tx, org, by, "bulk_confirm", input);
        confirm_all(&mut deciding, &plan).await?;
        let decided = deciding.finish().await?;
        tx.commit().await?;
        Ok(decided)
    }
}

async fn confirm_all(deciding: &mut Deciding<'_>, plan: &BulkPlan) -> Result<(), DecisionError> {
    let mut people: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for planned in &plan.accounts {
        people.entry(planned.person.0).or_default().push(planned.identity.0);
    }
    let ids: Vec<Uuid> = people.keys().copied().collect();
    let mut members: BTreeMap<Uuid, Vec<Account>> = BTreeMap::new();
    for account in accounts_of_people_in_txn(deciding.tx, deciding.org, &ids).await? {
        let Some(person) = account.person else { continue };
        members.entry(person).or_default().push(account);
    }
    for (person, wanted) in people {
        let members = members.remove(&person).unwrap_or_default();
        let (accounts, others): (Vec<Account>, Vec<Account>) = members.into_iter().partition(|member| wanted.contains(&member.id));
        for account in &accounts {
            deciding.confirm(account, person);
        }
        // one account by itself is confirmed together with another
        let alone: Option<&Account> = accounts.first().filter(|_| accounts.len() == 1);
        if let Some(anchor) = alone.and_then(|account| anchor(account, &others)) {
            deciding.confirm(anchor, person);
        }
    }
    Ok(())
}

async fn plan_in_txn(tx: &mut PgConnection, org: OrgId, wanted: &BulkConfirm) -> Result<BulkPlan, DecisionError> {
    if !(0.0..=1.0).contains(&wanted.min_confidence) {
        return Err(DecisionError::Invalid { field: "min_confidence", message: "it is a share from 0 to 1".into() });
    }
    let rows =
        sqlx::query_file!("src/decisions/bulk_plan.sql", org.0, wanted.min_confidence, wanted.source, MOST + 1).fetch_all(tx).await?;
    let more = rows.len() as i64 > MOST;
    let mut digest = Sha256::new();
    digest.update(json!([wanted.min_confidence, wanted.source]).to_string());
    let mut people = std::collections::BTreeSet::new();
    let mut accounts = Vec::with_capacity(rows.len());
    for row in rows.into_iter().take(MOST as usize) {
        digest.update(row.identity);
        digest.update(row.person);
        digest.update(row.version.to_be_bytes());
        people.insert(row.person);
        accounts.push(BulkPlanned {
            identity: IdentityId(row.identity),
            person: PersonId(row.person),
            person_name: row.person_name,
            account_name: row.account_name,
            source: row.source,
            confidence: row.confidence,
            rule: row.rule,
        });
    }
    Ok(BulkPlan { accounts, people: people.len(), more, token: hex::encode(digest.finalize()) })
}
