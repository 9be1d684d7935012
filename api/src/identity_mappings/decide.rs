//! `POST /team/identity-mappings/confirm|remap|split|merge|never|undo|bulk-confirm`: what people decide about accounts.

use ovia_domain::{IdentityId, PersonId, RunKind};
use ovia_store::decisions::{AccountSeen, Decided, Decider, Decision, DecisionError, PersonSeen, RemapTo, Side};
use poem_openapi::{OpenApi, payload::Json};
use serde_json::json;
use uuid::Uuid;

use super::{
    decide_types::{BulkConfirmIn, BulkConfirmOut, ConfirmIn, DecidedOut, MergeIn, NeverIn, RemapIn, SplitIn, UndoIn},
    problems,
};
use crate::{
    auth::Caller,
    body::Body,
    problem::Problem,
    runs_start::{new_run, queued_start},
    service::Tag,
    state::ApiState,
};

/// Longest sentence or name, in characters.
const TEXT_MAX: usize = 1_000;
/// Most accounts split off at once.
const SPLIT_MAX: usize = 200;

pub(crate) struct DecideApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl DecideApi {
    /// An account is this person's
    ///
    /// No run changes it after that. An account in conflict that is confirmed to the person it has refuses its candidates.
    #[oai(path = "/team/identity-mappings/confirm", method = "post", operation_id = "mapping_confirm")]
    async fn confirm(&self, caller: Caller, body: Body<ConfirmIn>) -> Result<Json<DecidedOut>, Problem> {
        let body = body.0;
        let account = seen_account(body.identity_id, body.expected_version);
        self.decide(&caller, body.reason, &Decision::Confirm { account, person: PersonId(body.person_id) }).await
    }

    /// An account is another person's
    ///
    /// It is never together again with the accounts it leaves. Name the person, or say `new_person` for one that is not known yet.
    #[oai(path = "/team/identity-mappings/remap", method = "post", operation_id = "mapping_remap")]
    async fn remap(&self, caller: Caller, body: Body<RemapIn>) -> Result<Json<DecidedOut>, Problem> {
        let body = body.0;
        let to = match (body.person_id, body.new_person) {
            (Some(person), None) => RemapTo::Person(PersonId(person)),
            (None, Some(new)) => RemapTo::New { display_name: text("new_person.display_name", new.display_name)? },
            _ => return Err(Problem::field("person_id", "either this or `new_person` has to be there")),
        };
        let account = seen_account(body.identity_id, body.expected_version);
        self.decide(&caller, body.reason, &Decision::Remap { account, to }).await
    }

    /// Some of a person's accounts are another person
    ///
    /// They become a new one, and are never together again with those that stay.
    #[oai(path = "/team/identity-mappings/split", method = "post", operation_id = "mapping_split")]
    async fn split(&self, caller: Caller, body: Body<SplitIn>) -> Result<Json<DecidedOut>, Problem> {
        let body = body.0;
        if !(1..=SPLIT_MAX).contains(&body.identity_ids.len()) {
            return Err(Problem::field("identity_ids", format!("1 to {SPLIT_MAX} accounts are expected")));
        }
        let decision = Decision::Split {
            person: seen_person(body.person_id, body.expected_version),
            accounts: body.identity_ids.into_iter().map(IdentityId).collect(),
            display_name: text("display_name", body.display_name)?,
        };
        self.decide(&caller, body.reason, &decision).await
    }

    /// Two people are one
    ///
    /// For ever. The other is retired, and its accounts and memberships are the first one's.
    #[oai(path = "/team/identity-mappings/merge", method = "post", operation_id = "mapping_merge")]
    async fn merge(&self, caller: Caller, body: Body<MergeIn>) -> Result<Json<DecidedOut>, Problem> {
        let body = body.0;
        let decision = Decision::Merge {
            into: seen_person(body.person_id, body.expected_version),
            from: seen_person(body.other_person_id, body.expected_other_version),
        };
        self.decide(&caller, body.reason, &decision).await
    }

    /// Two accounts, or two people, are never one person
    #[oai(path = "/team/identity-mappings/never", method = "post", operation_id = "mapping_never")]
    async fn never(&self, caller: Caller, body: Body<NeverIn>) -> Result<Json<DecidedOut>, Problem> {
        let body = body.0;
        let versions = [body.expected_version, body.expected_other_version];
        let [one, other] = match (body.identity_ids.as_deref(), body.person_ids.as_deref()) {
            (Some(&[a, b]), None) => [(a, versions[0]), (b, versions[1])].map(|(id, version)| Side::Account(seen_account(id, version))),
            (None, Some(&[a, b])) => [(a, versions[0]), (b, versions[1])].map(|(id, version)| Side::Person(seen_person(id, version))),
            (None, _) => return Err(Problem::field("person_ids", "two people are expected, or two accounts as `identity_ids`")),
            _ => return Err(Problem::field("identity_ids", "two accounts are expected, or two people as `person_ids`")),
        };
        self.decide(&caller, body.reason, &Decision::Never { one, other }).await
    }

    /// Take a decision back
    ///
    /// What it changed is what it was before. A conflict while later decisions about the same accounts build on it; they are named.
    #[oai(path = "/team/identity-mappings/undo", method = "post", operation_id = "mapping_undo")]
    async fn undo(&self, caller: Caller, body: Body<UndoIn>) -> Result<Json<DecidedOut>, Problem> {
        self.decide(&caller, body.0.reason, &Decision::Undo { decision: body.0.decision_id }).await
    }

    /// Confirm every link that is sure enough
    ///
    /// First a dry run, which says what would be confirmed and gives a `token`; then the same with `dry_run` false and that token, which does
    /// exactly this, or is a conflict if it has become something else. At most 5,000 accounts at a time.
    #[oai(path = "/team/identity-mappings/bulk-confirm", method = "post", operation_id = "mappings_bulk_confirm")]
    async fn bulk_confirm(&self, caller: Caller, body: Body<BulkConfirmIn>) -> Result<Json<BulkConfirmOut>, Problem> {
        let (wanted, body) = (body.0.wanted(), body.0);
        let store = &self.0.config.store;
        if body.dry_run.unwrap_or(true) {
            let plan = store.bulk_confirm_plan(caller.org_id(), &wanted).await.map_err(problems::decision)?;
            return Ok(Json(BulkConfirmOut::planned(plan)));
        }
        let token = body.token.ok_or_else(|| Problem::field("token", "it is missing: do a dry run first, which gives one"))?;
        let by = decider(&caller, body.reason)?;
        let decided = store.bulk_confirm(caller.org_id(), &by, &wanted, &token).await;
        let decided = self.decided("bulk_confirm", decided).await?;
        Ok(Json(BulkConfirmOut::done(decided)))
    }
}

impl DecideApi {
    async fn decide(&self, caller: &Caller, reason: Option<String>, decision: &Decision) -> Result<Json<DecidedOut>, Problem> {
        let by = decider(caller, reason)?;
        let decided = self.0.config.store.decide(caller.org_id(), &by, decision).await;
        Ok(Json(self.decided(kind(decision), decided).await?))
    }

    /// Counts the outcome, and starts the run that follows.
    async fn decided(&self, kind: &str, decided: Result<Decided, DecisionError>) -> Result<DecidedOut, Problem> {
        self.0.metrics.decision(kind, problems::outcome(&decided));
        let decided = decided.map_err(problems::decision)?;
        if let Some(run) = &decided.follow_up {
            queued_start(&self.0, run).await;
        }
        Ok(decided.into())
    }
}

/// Who decides, why, and the matching run that is to follow.
pub(super) fn decider(caller: &Caller, reason: Option<String>) -> Result<Decider, Problem> {
    let reason = text("reason", reason)?;
    Ok(Decider { actor: caller.requested_by(), reason, follow_up: new_run(caller, RunKind::Matching, None, json!({})) })
}

pub(super) fn seen_account(id: Uuid, expected_version: Option<i64>) -> AccountSeen {
    AccountSeen { identity: IdentityId(id), expected_version }
}

pub(super) fn seen_person(id: Uuid, expected_version: Option<i64>) -> PersonSeen {
    PersonSeen { person: PersonId(id), expected_version }
}

pub(super) fn kind(decision: &Decision) -> &'static str {
    match decision {
        Decision::Confirm { .. } => "confirm",
        Decision::Remap { .. } => "remap",
        Decision::Split { .. } => "split",
        Decision::Merge { .. } => "merge",
        Decision::Never { .. } => "never",
        Decision::Undo { .. } => "undo",
    }
}

/// A text that says something, if it is there.
pub(crate) fn text(field: &str, given: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = given.map(|text| text.trim().to_owned()) else { return Ok(None) };
    if !(1..=TEXT_MAX).contains(&text.chars().count()) {
        return Err(Problem::field(field, format!("it is not 1 to {TEXT_MAX} characters")));
    }
    Ok(Some(text))
}
