//! Mappings on the wire: which account is whose, how sure that is, and why.

use chrono::Utc;
use ovia_store::{
    identity_events::IdentityEventRow,
    links::LinkStatus,
    mappings::{ConflictCandidate, ConflictRow, MappingRow, MappingStats, SourceCoverage},
};
use poem_openapi::Object;
use serde_json::Value;
use uuid::Uuid;

use super::explain;
use crate::{names::Name, time::Time};

/// An account and whose it is.
#[derive(Object)]
#[oai(rename = "IdentityMapping")]
pub(crate) struct MappingOut {
    identity: MappedAccountOut,
    person: MappedPersonOut,
    /// `auto` and `confirmed` count. An account in `conflict` is with a person of its own and counts for nobody until somebody decides. A
    /// `rejected` person was refused for the account; a `superseded` link held once.
    status: Name<LinkStatus>,
    /// Raised with every change: what a decision takes as `expected_version`.
    version: i64,
    /// 0 to 1.
    confidence: f64,
    rule: String,
    /// The evidence as a sentence.
    explanation: String,
    /// The evidence: `rule`, `family`, `detail`, `with` (the other account), `log_odds` (what it added or took away).
    trace: Value,
    /// Of a conflict: who else it could be, best first.
    candidates: Vec<CandidateOut>,
    /// What would nearly have changed the class.
    nearly: Option<String>,
    /// Strong evidence against what somebody decided, as in `trace`. It is shown and never applied.
    contradicts: Value,
    rule_set_version: i32,
    /// 0: the configuration as shipped.
    config_version: i32,
    /// `token:<name>`.
    decided_by: Option<String>,
    decided_at: Option<Time>,
    decision_id: Option<i64>,
    /// What was said with the decision.
    reason: Option<String>,
    /// Since when it has this person and status.
    since: Time,
    /// Of a conflict: since when somebody is asked.
    conflict_since: Option<Time>,
    /// Of a superseded link: until when it held.
    ended_at: Option<Time>,
    /// Who changed it then, `token:<name>` or `run:<id>`.
    ended_by: Option<String>,
}

/// An account in a source.
#[derive(Object)]
#[oai(rename = "MappedAccount")]
pub(crate) struct MappedAccountOut {
    id: Uuid,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    /// The source's own word; null if it says nothing.
    is_bot: Option<bool>,
    /// Gone at the source since then.
    deleted_at: Option<Time>,
}

/// Whose an account is.
#[derive(Object)]
#[oai(rename = "MappedPerson")]
pub(crate) struct MappedPersonOut {
    id: Uuid,
    display_name: String,
    /// Whether it is held for a service account.
    is_bot: bool,
}

/// Another account that may be the same person's.
#[derive(Object)]
#[oai(rename = "MappingCandidate")]
struct CandidateOut {
    identity_id: Uuid,
    /// 0 to 1: how likely they are one person.
    confidence: f64,
    explanation: String,
    trace: Value,
}

/// An account about which somebody has to decide, with both sides of the question.
#[derive(Object)]
#[oai(rename = "IdentityConflict")]
pub(super) struct ConflictOut {
    mapping: MappingOut,
    /// Other accounts of the person it is with for now; empty if it is alone.
    accounts: Vec<MappedAccountOut>,
    /// Who else it could be, best first.
    candidates: Vec<ConflictCandidateOut>,
}

/// Somebody whose account it could be.
#[derive(Object)]
#[oai(rename = "ConflictCandidate")]
struct ConflictCandidateOut {
    /// The account that raised the question.
    identity: MappedAccountOut,
    person: MappedPersonOut,
    /// Every account of that person.
    accounts: Vec<MappedAccountOut>,
    /// 0 to 1: how likely they are one person.
    confidence: f64,
    /// What speaks for and against, as a sentence.
    explanation: String,
    /// The same as data, as in a mapping's `trace`.
    trace: Value,
    /// The version of the candidate's mapping.
    version: i64,
}

/// How well accounts are matched.
#[derive(Object)]
#[oai(rename = "IdentityMappingStats")]
pub(super) struct StatsOut {
    /// Live accounts of all sources.
    accounts: i64,
    /// People who are no service accounts.
    people: i64,
    /// Accounts held for service accounts; the figures below are without them.
    service_accounts: i64,
    auto: i64,
    confirmed: i64,
    /// Accounts that matching has not seen yet.
    unseen: i64,
    /// Share of people's accounts that count for a person, 0 to 1; null without accounts.
    match_rate: Option<f64>,
    /// Decisions that strong evidence speaks against.
    contradicted: i64,
    sources: Vec<CoverageOut>,
    queue: QueueOut,
    last_run_at: Option<Time>,
}

/// Accounts that wait for a decision.
#[derive(Object)]
#[oai(rename = "IdentityConflictQueue")]
struct QueueOut {
    size: i64,
    /// When the longest waiting was first asked about.
    oldest_since: Option<Time>,
    oldest_seconds: Option<i64>,
}

/// Accounts of one kind of source.
#[derive(Object)]
#[oai(rename = "IdentityCoverage")]
struct CoverageOut {
    source: String,
    accounts: i64,
    service_accounts: i64,
    auto: i64,
    confirmed: i64,
    conflict: i64,
    unseen: i64,
    /// Of auto and confirmed: together with another account of the person.
    joined: i64,
    /// Share of people's accounts that count for a person, 0 to 1; null without accounts.
    match_rate: Option<f64>,
}

/// Something that changed about an account or a person.
#[derive(Object)]
#[oai(rename = "IdentityEvent")]
pub(crate) struct IdentityEventOut {
    id: i64,
    at: Time,
    /// `token:<name>` or `run:<id>`.
    actor: String,
    /// `linked`, `moved`, `conflict_raised`, `conflict_settled`, `confirmed`, `remapped`, `split`, `merged`, `refused`, `restored`, `released`,
    /// `person_retired`, `person_restored`; others may come.
    kind: String,
    identity_id: Option<Uuid>,
    person_id: Option<Uuid>,
    /// A run's rule, or what somebody said.
    reason: Option<String>,
    /// `person_id`, `status`, `confidence`, `rule`; null where there was no link.
    before: Option<Value>,
    after: Option<Value>,
    decision_id: Option<i64>,
    run_id: Option<Uuid>,
}

impl From<&MappingRow> for MappedAccountOut {
    fn from(row: &MappingRow) -> Self {
        Self {
            id: row.identity_id,
            connection_id: row.connection_id,
            source: row.source.clone(),
            external_id: row.external_id.clone(),
            url: row.url.clone(),
            username: row.username.clone(),
            display_name: row.display_name.clone(),
            email: row.email.clone(),
            is_bot: row.is_bot,
            deleted_at: row.deleted_at.map(Time),
        }
    }
}

impl From<&MappingRow> for MappedPersonOut {
    fn from(row: &MappingRow) -> Self {
        Self { id: row.person_id, display_name: row.person_name.clone(), is_bot: row.person_is_bot }
    }
}

impl From<MappingRow> for MappingOut {
    fn from(row: MappingRow) -> Self {
        let candidates = row.candidates.iter().map(|candidate| CandidateOut {
            identity_id: candidate.identity,
            confidence: candidate.confidence,
            explanation: explain::candidate(&candidate.trace),
            trace: candidate.trace.clone(),
        });
        Self {
            identity: (&row).into(),
            person: (&row).into(),
            // the table's check holds it to the names
            status: Name(LinkStatus::parse(&row.status).unwrap_or(LinkStatus::Auto)),
            version: row.version,
            confidence: row.confidence,
            explanation: explain::mapping(&row),
            candidates: candidates.collect(),
            rule: row.rule,
            trace: row.trace,
            nearly: row.nearly,
            contradicts: row.contradicts,
            rule_set_version: row.rule_set_version,
            config_version: row.config_version,
            decided_by: row.decided_by,
            decided_at: row.decided_at.map(Time),
            decision_id: row.decision_id,
            reason: row.reason,
            since: row.since.into(),
            conflict_since: row.conflict_since.map(Time),
            ended_at: row.ended_at.map(Time),
            ended_by: row.ended_by,
        }
    }
}

impl From<ConflictRow> for ConflictOut {
    fn from(row: ConflictRow) -> Self {
        Self {
            accounts: row.own.iter().map(MappedAccountOut::from).collect(),
            candidates: row.candidates.into_iter().map(ConflictCandidateOut::from).collect(),
            mapping: row.account.into(),
        }
    }
}

impl From<ConflictCandidate> for ConflictCandidateOut {
    fn from(row: ConflictCandidate) -> Self {
        Self {
            identity: (&row.account).into(),
            person: (&row.account).into(),
            accounts: std::iter::once(&row.account).chain(&row.others).map(MappedAccountOut::from).collect(),
            confidence: row.confidence,
            explanation: explain::candidate(&row.trace),
            version: row.account.version,
            trace: row.trace,
        }
    }
}

impl From<MappingStats> for StatsOut {
    fn from(stats: MappingStats) -> Self {
        let total = stats.total();
        let oldest_seconds = stats.queue_oldest.map(|since| (Utc::now() - since).num_seconds().max(0));
        Self {
            accounts: total.accounts,
            people: stats.people,
            service_accounts: total.service_accounts,
            auto: total.auto,
            confirmed: total.confirmed,
            unseen: total.unseen,
            match_rate: total.match_rate(),
            contradicted: stats.contradicted,
            sources: stats.sources.into_iter().map(CoverageOut::from).collect(),
            queue: QueueOut { size: stats.queue, oldest_since: stats.queue_oldest.map(Time), oldest_seconds },
            last_run_at: stats.last_run_at.map(Time),
        }
    }
}

impl From<SourceCoverage> for CoverageOut {
    fn from(row: SourceCoverage) -> Self {
        Self {
            match_rate: row.match_rate(),
            source: row.source,
            accounts: row.accounts,
            service_accounts: row.service_accounts,
            auto: row.auto,
            confirmed: row.confirmed,
            conflict: row.conflict,
            unseen: row.unseen,
            joined: row.joined,
        }
    }
}

impl From<IdentityEventRow> for IdentityEventOut {
    fn from(row: IdentityEventRow) -> Self {
        Self {
            id: row.id,
            at: row.at.into(),
            actor: row.actor,
            kind: row.kind,
            identity_id: row.identity_id,
            person_id: row.person_id,
            reason: row.reason,
            before: row.before,
            after: row.after,
            decision_id: row.decision_id,
            run_id: row.run_id,
        }
    }
}
