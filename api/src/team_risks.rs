//! `/team/kpi/risks`: what needs attention, and what people decide about it.

use chrono::Utc;
use ovia_domain::risk::{RiskKind, RiskSeverity, RiskStatus};
use ovia_store::risks::{RiskDecision, RiskFilter, RiskItemRow};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    team_kpi::ask::{may_see_people, settings},
    time::Time,
};

/// Longest reason, in characters.
const REASON_MAX: usize = 1_000;

/// Something that needs attention. docs/risks.md says what each kind means and from which figures on.
#[derive(Object)]
#[oai(rename = "Risk")]
struct RiskOut {
    id: i64,
    kind: Name<RiskKind>,
    severity: Name<RiskSeverity>,
    status: Name<RiskStatus>,
    /// What is the matter, as a sentence. It names nobody.
    summary: String,
    /// The figures it follows from, with the ids of rows.
    evidence: Value,
    /// The table of the row it is about: `merge_requests`, `work_items`, `issues`, `projects`, `versions`, `people`, `identities`.
    table: String,
    /// Of that row; of a person or account as `owner`.
    row_id: Option<String>,
    source: Option<String>,
    connection_id: Option<Uuid>,
    /// The project's full path.
    project: Option<String>,
    /// A merge request's or work item's title, a release's name; a person's name as `owner`.
    title: Option<String>,
    url: Option<String>,
    /// Who could do something about it. Only where the organisation has figures of single people, and for tokens that may see them; null for
    /// others.
    owner: Option<RiskOwnerOut>,
    first_seen_at: Time,
    last_seen_at: Time,
    /// The run that saw it first.
    first_run_id: Uuid,
    /// The run that saw it last.
    last_run_id: Uuid,
    muted_at: Option<Time>,
    /// `token:<name>`.
    muted_by: Option<String>,
    mute_reason: Option<String>,
    /// Null: until somebody takes it back.
    muted_until: Option<Time>,
    /// When a run found that its cause is gone.
    resolved_at: Option<Time>,
    /// When it came back, or its mute ran out.
    reopened_at: Option<Time>,
}

/// A person, or an account that is nobody's yet.
#[derive(Object)]
#[oai(rename = "RiskOwner")]
struct RiskOwnerOut {
    person_id: Option<Uuid>,
    person_name: Option<String>,
    identity_id: Option<Uuid>,
    username: Option<String>,
    display_name: Option<String>,
}

/// Why a risk is left as it is.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "RiskMute")]
struct MuteIn {
    /// A sentence; it is kept with the risk.
    reason: String,
    /// Until when; until somebody takes it back, if not given.
    #[serde(default)]
    until: Option<Time>,
}

pub(crate) struct TeamRisksApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl TeamRisksApi {
    /// What needs attention
    ///
    /// The most severe first, then the oldest. Found after every rollup and by every `quality` run; an item whose cause is gone is resolved by itself.
    #[oai(path = "/team/kpi/risks", method = "get", operation_id = "kpi_risks")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Default `open`.
        status: Query<Option<Name<RiskStatus>>>,
        kind: Query<Option<Name<RiskKind>>>,
        severity: Query<Option<Name<RiskSeverity>>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// A person's id, or an account's. Only where the organisation has figures of single people, and for tokens that may see them.
        owner: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<RiskOut>>, Problem> {
        let people = match (owner.0, self.people(&caller).await) {
            (Some(_), Err(refused)) => return Err(refused),
            (_, people) => people.is_ok(),
        };
        let filter = RiskFilter {
            status: Some(status.0.map_or(RiskStatus::Open, |status| status.0)),
            kind: kind.0.map(|kind| kind.0),
            severity: severity.0.map(|severity| severity.0),
            project: project.0,
            owner: owner.0,
        };
        let rows = self.0.config.store.risks_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, |row| RiskOut::new(row, people)))
    }

    /// Mute a risk
    ///
    /// Somebody knows and leaves it so: runs that find it again leave it muted, also if it was gone in between. Muting it again keeps the
    /// newer reason.
    #[oai(path = "/team/kpi/risks/:id/mute", method = "post", operation_id = "kpi_risk_mute")]
    async fn mute(&self, caller: Caller, id: Path<i64>, body: Body<MuteIn>) -> Result<Json<RiskOut>, Problem> {
        let (reason, until) = parse(body.0)?;
        let store = &self.0.config.store;
        let decision = store.risk_mute(caller.org_id(), id.0, &caller.requested_by(), &reason, until.map(|until| until.0)).await?;
        self.decided(&caller, id.0, decision).await
    }

    /// Take a mute back
    ///
    /// It is open again. Unmuting one that is not muted is fine.
    #[oai(path = "/team/kpi/risks/:id/unmute", method = "post", operation_id = "kpi_risk_unmute")]
    async fn unmute(&self, caller: Caller, id: Path<i64>) -> Result<Json<RiskOut>, Problem> {
        let decision = self.0.config.store.risk_unmute(caller.org_id(), id.0, &caller.requested_by()).await?;
        self.decided(&caller, id.0, decision).await
    }
}

impl TeamRisksApi {
    /// Whether the caller may be told who: the same as of figures of single people.
    async fn people(&self, caller: &Caller) -> Result<(), Problem> {
        may_see_people(&self.0, caller, &settings(&self.0, caller).await?).await
    }

    async fn decided(&self, caller: &Caller, id: i64, decision: RiskDecision) -> Result<Json<RiskOut>, Problem> {
        if decision == RiskDecision::Resolved {
            return Err(Problem::conflict(
                format!("Risk {id} is resolved."),
                "There is nothing to mute: a run that finds it again opens it.",
            ));
        }
        let row = self.0.config.store.risk_fetch(caller.org_id(), id).await?;
        Ok(Json(RiskOut::new(row.ok_or_else(|| not_found(id))?, self.people(caller).await.is_ok())))
    }
}

fn not_found(id: i64) -> Problem {
    let mut problem = Problem::not_found("risk", id);
    problem.hint = "List what there is with GET /team/kpi/risks.".to_owned();
    problem
}

/// A reason that says something, and a time to come.
fn parse(body: MuteIn) -> Result<(String, Option<Time>), Problem> {
    let reason = body.reason.trim().to_owned();
    if !(1..=REASON_MAX).contains(&reason.chars().count()) {
        return Err(Problem::field("reason", format!("it is not 1 to {REASON_MAX} characters")));
    }
    if body.until.as_ref().is_some_and(|until| until.0 <= Utc::now()) {
        return Err(Problem::field("until", "it is not in the future"));
    }
    Ok((reason, body.until))
}

impl RiskOut {
    /// Without what says who it is, unless the caller may see `people`.
    fn new(mut row: RiskItemRow, people: bool) -> Self {
        let of_person = matches!(row.subject_table.as_str(), "people" | "identities");
        if of_person && !people {
            row.title = None;
            // who reviews what is written there
            if let Some(evidence) = row.evidence.as_object_mut() {
                evidence.remove("merge_request_ids");
            }
        }
        let known = people && (row.owner_person_id.is_some() || row.owner_identity_id.is_some());
        Self {
            id: row.id,
            // the table's checks hold these to the domain's names
            kind: Name(RiskKind::parse(&row.kind).unwrap_or(RiskKind::StaleMergeRequest)),
            severity: Name(RiskSeverity::parse(&row.severity).unwrap_or(RiskSeverity::Low)),
            status: Name(RiskStatus::parse(&row.status).unwrap_or(RiskStatus::Open)),
            summary: row.summary,
            evidence: row.evidence,
            table: row.subject_table,
            row_id: Some(row.subject_id).filter(|_| people || !of_person),
            source: row.source,
            connection_id: row.connection_id,
            project: row.project,
            title: row.title,
            url: row.url,
            owner: known.then_some(RiskOwnerOut {
                person_id: row.owner_person_id,
                person_name: row.owner_person_name,
                identity_id: row.owner_identity_id,
                username: row.owner_username,
                display_name: row.owner_display_name,
            }),
            first_seen_at: row.first_seen_at.into(),
            last_seen_at: row.last_seen_at.into(),
            first_run_id: row.first_run_id,
            last_run_id: row.last_run_id,
            muted_at: row.muted_at.map(Time),
            muted_by: row.muted_by,
            mute_reason: row.mute_reason,
            muted_until: row.muted_until.map(Time),
            resolved_at: row.resolved_at.map(Time),
            reopened_at: row.reopened_at.map(Time),
        }
    }
}
