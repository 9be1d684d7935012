//! `/team/identity-mappings`: which account is whose, the queue of conflicts, and what was decided.

pub(crate) mod decide;
mod decide_types;
mod explain;
mod export;
mod import;
mod problems;
mod types;

use ovia_domain::{IdentityId, PersonId};
use ovia_store::{
    decisions::DecisionFilter,
    identity_events::IdentityEventFilter,
    links::LinkStatus,
    mappings::{MappingFilter, MappingSort},
};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};
use decide_types::DecisionOut;
use types::{ConflictOut, StatsOut};

pub(crate) use export::ExportApi;
pub(crate) use import::ImportApi;
pub(crate) use types::{IdentityEventOut, MappingOut};

pub(crate) struct IdentityMappingsApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl IdentityMappingsApi {
    /// List which account is whose
    ///
    /// Present links of accounts that are there; the least sure first, unless `sort` says otherwise. With `status=rejected` or
    /// `status=superseded` those that were refused or held once, with who, when and why.
    #[oai(path = "/team/identity-mappings", method = "get", operation_id = "mappings_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a name, user name or e-mail.
        q: Query<Option<String>>,
        /// `auto`, `conflict` or `confirmed`; of past links `rejected` or `superseded`. All present ones if not given.
        status: Query<Option<Name<LinkStatus>>>,
        /// A kind of source, as `gitlab`.
        source: Query<Option<String>>,
        /// At least this sure, 0 to 1.
        min_confidence: Query<Option<f64>>,
        /// At most this sure, 0 to 1.
        max_confidence: Query<Option<f64>>,
        /// A person's id.
        person: Query<Option<Uuid>>,
        /// Only service accounts, or none of them.
        service_accounts: Query<Option<bool>>,
        /// So since then or later.
        since: Query<Option<Time>>,
        /// So since before then.
        until: Query<Option<Time>>,
        /// Only decisions that strong evidence speaks against, or only others.
        contradicted: Query<Option<bool>>,
        /// The least sure or the oldest first; `_desc` the other way round. `confidence` if not given.
        sort: Query<Option<Name<MappingSort>>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<MappingOut>>, Problem> {
        let filter = MappingFilter {
            q: q.0,
            status: status.0.map(|status| status.0),
            source: source.0,
            min_confidence: share("min_confidence", min_confidence.0)?,
            max_confidence: share("max_confidence", max_confidence.0)?,
            person: person.0.map(PersonId),
            service_accounts: service_accounts.0,
            since: since.0.map(|time| time.0),
            before: until.0.map(|time| time.0),
            contradicted: contradicted.0,
        };
        let sort = sort.0.map_or(MappingSort::default(), |sort| sort.0);
        let rows = self.0.config.store.mappings_list(caller.org_id(), &filter, sort, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, MappingOut::from))
    }

    /// Whose one account is
    #[oai(path = "/team/identity-mappings/:id", method = "get", operation_id = "mapping_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<MappingOut>, Problem> {
        let row = self.0.config.store.mapping_fetch(caller.org_id(), IdentityId(id.0)).await?;
        let hint = "GET /team/identity-mappings lists those that are; matching follows every sync.";
        Ok(Json(row.ok_or_else(|| Problem::missing(format!("There is no account {} that is matched.", id.0), hint))?.into()))
    }

    /// List the accounts that wait for a decision
    ///
    /// Those that wait longest first, each with both sides and what speaks for and against them being one person.
    #[oai(path = "/team/identity-mappings/conflicts", method = "get", operation_id = "conflicts_list")]
    async fn conflicts(
        &self,
        caller: Caller,
        /// A kind of source, as `gitlab`.
        source: Query<Option<String>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ConflictOut>>, Problem> {
        let rows = self.0.config.store.conflicts_list(caller.org_id(), source.0.as_deref(), &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ConflictOut::from))
    }

    /// How well accounts are matched
    ///
    /// Match rate, coverage of each source, size and age of the queue.
    #[oai(path = "/team/identity-mappings/stats", method = "get", operation_id = "mapping_stats")]
    async fn stats(&self, caller: Caller) -> Result<Json<StatsOut>, Problem> {
        Ok(Json(self.0.config.store.mapping_stats(caller.org_id()).await?.into()))
    }

    /// List decisions, newest first
    #[oai(path = "/team/identity-mappings/decisions", method = "get", operation_id = "decisions_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn decisions(
        &self,
        caller: Caller,
        /// About this account.
        identity: Query<Option<Uuid>>,
        /// About this person.
        person: Query<Option<Uuid>>,
        /// As `merge`.
        kind: Query<Option<String>>,
        /// Who decided, as `token:first`.
        actor: Query<Option<String>>,
        /// Only those that hold (neither undone nor an undo), or only the others.
        holds: Query<Option<bool>>,
        /// At or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<DecisionOut>>, Problem> {
        let filter = DecisionFilter {
            identity: identity.0.map(IdentityId),
            person: person.0.map(PersonId),
            kind: kind.0,
            actor: actor.0,
            holds: holds.0,
            since: since.0.map(|time| time.0),
        };
        let rows = self.0.config.store.decisions_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, DecisionOut::from))
    }

    /// List what changed about accounts and people, newest first
    ///
    /// By decisions and by runs; nothing of it is ever changed or removed.
    #[oai(path = "/team/identity-mappings/events", method = "get", operation_id = "identity_events_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn events(
        &self,
        caller: Caller,
        /// About this account.
        identity: Query<Option<Uuid>>,
        /// About this person.
        person: Query<Option<Uuid>>,
        /// Of this decision.
        decision: Query<Option<i64>>,
        /// As `conflict_raised`.
        kind: Query<Option<String>>,
        /// Who, as `token:first`.
        actor: Query<Option<String>>,
        /// At or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<IdentityEventOut>>, Problem> {
        let filter = IdentityEventFilter {
            identity: identity.0.map(IdentityId),
            person: person.0.map(PersonId),
            decision: decision.0,
            kind: kind.0,
            actor: actor.0,
            since: since.0.map(|time| time.0),
        };
        let rows = self.0.config.store.identity_events_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, IdentityEventOut::from))
    }
}

/// A status of a present link.
fn current(status: Name<LinkStatus>) -> Result<LinkStatus, Problem> {
    if status.0.is_current() {
        return Ok(status.0);
    }
    Err(Problem::parameter(
        "status",
        "links that held once or were refused are in GET /team/identity-mappings; here are auto, conflict and confirmed",
    ))
}

/// A share from 0 to 1.
fn share(name: &str, given: Option<f64>) -> Result<Option<f64>, Problem> {
    match given {
        Some(share) if !(0.0..=1.0).contains(&share) => Err(Problem::parameter(name, "it is not a number from 0 to 1")),
        share => Ok(share),
    }
}
