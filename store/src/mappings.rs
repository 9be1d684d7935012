//! Mappings, read: accounts with their current links, the queue of conflicts, and figures about both.

mod conflicts;
mod stats;

use chrono::{DateTime, Utc};
use ovia_domain::{IdentityId, OrgId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

pub use conflicts::{ConflictCandidate, ConflictRow};
pub use stats::{MappingStats, SourceCoverage};

use crate::{
    PageOf, PageToken, Store, StoreError,
    links::{LinkCandidate, LinkStatus},
    page::{CursorTime, contains_pattern},
};

const LIST: &str = "identity_mappings";

/// An account and its current link.
#[derive(Clone, Debug, FromRow)]
pub struct MappingRow {
    pub identity_id: Uuid,
    pub connection_id: Uuid,
    pub source: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    /// The source's own word; `None`: it did not say.
    pub is_bot: Option<bool>,
    /// Gone at the source.
    pub deleted_at: Option<DateTime<Utc>>,
    pub person_id: Uuid,
    pub person_name: String,
    /// Whether matching holds the person for a service account.
    pub person_is_bot: bool,
    /// `auto`, `conflict` or `confirmed`.
    pub status: String,
    /// 0 to 1.
    pub confidence: f64,
    pub rule: String,
    /// Evidence, `[{"rule","family","detail","with","log_odds"}]`.
    pub trace: Value,
    /// The trace, for people; `None` of links made before there were sentences.
    pub sentence: Option<String>,
    /// Of a conflict: who else it could be, best first.
    pub candidates: Json<Vec<LinkCandidate>>,
    /// What would nearly have changed the class.
    pub nearly: Option<String>,
    /// Strong evidence against a decision, as in `trace`; `[]` if there is none.
    pub contradicts: Value,
    pub rule_set_version: i32,
    /// 0: the configuration as shipped.
    pub config_version: i32,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_id: Option<i64>,
    /// To be passed as `expected_version`.
    pub version: i64,
    /// Since when the account has this person and status.
    pub since: DateTime<Utc>,
    /// Of a conflict: since when somebody is asked.
    pub conflict_since: Option<DateTime<Utc>>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingSort {
    /// Least sure first.
    #[default]
    Confidence,
    /// Surest first.
    ConfidenceDesc,
    /// Longest unchanged first.
    Age,
    /// Changed last first.
    AgeDesc,
}

/// Which mappings to list.
#[derive(Clone, Debug, Default)]
pub struct MappingFilter {
    /// Found in a name, user name or e-mail.
    pub q: Option<String>,
    /// `Auto`, `Conflict` or `Confirmed`.
    pub status: Option<LinkStatus>,
    /// The kind of source, as `gitlab`.
    pub source: Option<String>,
    /// At least and at most, 0 to 1.
    pub min_confidence: Option<f64>,
    pub max_confidence: Option<f64>,
    pub person: Option<PersonId>,
    /// Only service accounts, or none.
    pub service_accounts: Option<bool>,
    /// With this person and status since then or later; since before then.
    pub since: Option<DateTime<Utc>>,
    pub before: Option<DateTime<Utc>>,
    /// Decided, with strong evidence against it; or without.
    pub contradicted: Option<bool>,
}

macro_rules! select {
    ($($rest:literal),*) => {
        concat!(
            "select i.id as identity_id, i.connection_id, i.source, i.external_id, i.username, i.display_name, i.email, i.url, i.is_bot,
                i.deleted_at, p.id as person_id, p.display_name as person_name, p.is_bot as person_is_bot, l.status, l.confidence, l.rule,
                l.trace, l.sentence, l.candidates, l.nearly, l.contradicts, l.rule_set_version, l.config_version, l.decided_by, l.decided_at,
                l.decision_id, l.version, l.created_at as since, l.conflict_since
            from person_identity_links l
            join identities i on i.id = l.identity_id
            join people p on p.id = l.person_id
            where l.org_id = $1 and l.status in ('auto', 'conflict', 'confirmed') ",
            $($rest),*
        )
    };
}
pub(crate) use select;

/// The filter, then the place in the list and the order.
macro_rules! list {
    ($column:literal, $compare:literal, $order:literal) => {
        select!(
            "and i.deleted_at is null
            and ($2::text is null or i.username ilike $2 or i.display_name ilike $2 or i.email ilike $2)
            and ($3::text is null or l.status = $3) and ($4::text is null or i.source = $4)
            and ($5::float8 is null or l.confidence >= $5) and ($6::float8 is null or l.confidence <= $6)
            and ($7::uuid is null or l.person_id = $7) and ($8::bool is null or p.is_bot = $8)
            and ($9::timestamptz is null or l.created_at >= $9) and ($10::timestamptz is null or l.created_at < $10)
            and ($11::bool is null or (l.contradicts <> '[]') = $11)
            and ($12 is null or (",
            $column,
            ", l.identity_id) ",
            $compare,
            " ($12, $13::uuid)) order by ",
            $column,
            " ",
            $order,
            ", l.identity_id ",
            $order,
            " limit $14"
        )
    };
}

impl MappingSort {
    fn sql(self) -> &'static str {
        match self {
            Self::Confidence => list!("l.confidence", ">", "asc"),
            Self::ConfidenceDesc => list!("l.confidence", "<", "desc"),
            Self::Age => list!("l.created_at", ">", "asc"),
            Self::AgeDesc => list!("l.created_at", "<", "desc"),
        }
    }
}

/// Where a list was left, in the order that it has: a cursor of another order is refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    sort: MappingSort,
    confidence: Option<f64>,
    since: Option<CursorTime>,
    id: Uuid,
}

impl Store {
    /// Current links of live accounts.
    pub async fn mappings_list(
        &self,
        org: OrgId,
        filter: &MappingFilter,
        sort: MappingSort,
        page: &PageToken,
    ) -> Result<PageOf<MappingRow>, StoreError> {
        let place: Option<Place> = page.key(LIST)?;
        let by_confidence = matches!(sort, MappingSort::Confidence | MappingSort::ConfidenceDesc);
        if place.is_some_and(|place| {
            place.sort != sort || place.confidence.is_some() != by_confidence || place.since.is_some() == by_confidence
        }) {
            return Err(StoreError::BadCursor);
        }
        let query = sqlx::query_as::<_, MappingRow>(sort.sql())
            .bind(org.0)
            .bind(filter.q.as_deref().map(contains_pattern))
            .bind(filter.status.map(LinkStatus::as_str))
            .bind(&filter.source)
            .bind(filter.min_confidence)
            .bind(filter.max_confidence)
            .bind(filter.person.map(|id| id.0))
            .bind(filter.service_accounts)
            .bind(filter.since)
            .bind(filter.before)
            .bind(filter.contradicted);
        let query = match by_confidence {
            true => query.bind(place.and_then(|place| place.confidence)),
            false => query.bind(place.and_then(|place| place.since).map(|time| time.0)),
        };
        let rows = query.bind(place.map(|place| place.id)).bind(page.fetch()).fetch_all(&self.pool).await?;
        page.page(LIST, rows, |row| Place {
            sort,
            confidence: by_confidence.then_some(row.confidence),
            since: (!by_confidence).then_some(CursorTime(row.since)),
            id: row.identity_id,
        })
    }

    /// Current links of live accounts, of this status if one is given, after account `after`, at most `limit`, in the order of their ids: an
    /// export reads on until it gets none.
    pub async fn mappings_export(
        &self,
        org: OrgId,
        status: Option<LinkStatus>,
        after: Option<IdentityId>,
        limit: i64,
    ) -> Result<Vec<MappingRow>, StoreError> {
        let sql = select!(
            "and i.deleted_at is null and ($2::text is null or l.status = $2) and ($3::uuid is null or l.identity_id > $3)
            order by l.identity_id limit $4"
        );
        let query = sqlx::query_as::<_, MappingRow>(sql).bind(org.0).bind(status.map(LinkStatus::as_str)).bind(after.map(|id| id.0));
        Ok(query.bind(limit).fetch_all(&self.pool).await?)
    }

    /// One account's current link.
    pub async fn mapping_fetch(&self, org: OrgId, identity: IdentityId) -> Result<Option<MappingRow>, StoreError> {
        Ok(self.mappings_of_accounts(org, &[identity.0]).await?.pop())
    }

    /// Current links of these accounts, also of those gone at the source.
    pub async fn mappings_of_accounts(&self, org: OrgId, identities: &[Uuid]) -> Result<Vec<MappingRow>, StoreError> {
        let sql = select!("and l.identity_id = any($2) order by l.identity_id");
        Ok(sqlx::query_as::<_, MappingRow>(sql).bind(org.0).bind(identities).fetch_all(&self.pool).await?)
    }

    /// Current links to these people, also of accounts gone at the source.
    pub(crate) async fn mappings_of_people(&self, org: OrgId, people: &[Uuid]) -> Result<Vec<MappingRow>, StoreError> {
        let sql = select!("and l.person_id = any($2) order by i.source, i.external_id, l.identity_id");
        Ok(sqlx::query_as::<_, MappingRow>(sql).bind(org.0).bind(people).fetch_all(&self.pool).await?)
    }
}
