//! Mappings, read: accounts with their current links, the queue of conflicts, and figures about both.

mod conflicts;
mod stats;

use chrono::{DateTime, Utc};
use ovia_domain::{IdentityId, OrgId, PersonId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::{Encode, FromRow, Postgres, Type, types::Json};
use uuid::Uuid;

pub use conflicts::{ConflictCandidate, ConflictRow};
pub use stats::{MappingStats, SourceCoverage};

use crate::{
    PageOf, PageToken, Store, StoreError,
    links::{LinkCandidate, LinkStatus},
    page::{CursorTime, contains_pattern},
};

const LIST: &str = "identity_mappings";
const PAST: &str = "past_identity_mappings";

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
    /// `auto`, `conflict` or `confirmed`; of a past link `rejected` or `superseded`.
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
    /// What was said with that decision.
    pub reason: Option<String>,
    /// To be passed as `expected_version`.
    pub version: i64,
    /// Since when the account has this person and status.
    pub since: DateTime<Utc>,
    /// Of a conflict: since when somebody is asked.
    pub conflict_since: Option<DateTime<Utc>>,
    /// Of a superseded link: until when it held, and who or what run changed it, as `token:<name>` or `run:<id>`.
    pub ended_at: Option<DateTime<Utc>>,
    pub ended_by: Option<String>,
    /// The link's own id: a past account has several.
    pub link_id: i64,
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
    /// Present links of that status; or past ones, of `Rejected` or `Superseded`. None: all present ones.
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

macro_rules! rows {
    ($($rest:expr),*) => {
        concat!(
            "select i.id as identity_id, i.connection_id, i.source, i.external_id, i.username, i.display_name, i.email, i.url, i.is_bot,
                i.deleted_at, p.id as person_id, p.display_name as person_name, p.is_bot as person_is_bot, l.status, l.confidence, l.rule,
                l.trace, l.sentence, l.candidates, l.nearly, l.contradicts, l.rule_set_version, l.config_version, l.decided_by, l.decided_at,
                l.decision_id, (select d.reason from identity_decisions d where d.id = l.decision_id) as reason, l.version,
                l.created_at as since, l.conflict_since, l.ended_at, l.id as link_id,
                case when l.ended_at is not null then (
                    select e.actor from identity_events e where e.identity_id = l.identity_id and e.at = l.ended_at order by e.id desc limit 1
                ) end as ended_by
            from person_identity_links l
            join identities i on i.id = l.identity_id
            join people p on p.id = l.person_id
            where l.org_id = $1 ",
            $($rest),*
        )
    };
}
pub(crate) use rows;

/// Present links.
macro_rules! select {
    ($($rest:expr),*) => {
        $crate::mappings::rows!("and l.status in ('auto', 'conflict', 'confirmed') ", $($rest),*)
    };
}
pub(crate) use select;

/// Which links, the filter, then the place in the list and the order.
macro_rules! list {
    ($links:literal, $column:literal, $key:literal, $compare:literal, $order:literal) => {
        rows!(
            $links,
            " and i.deleted_at is null
            and ($2::text is null or i.username ilike $2 or i.display_name ilike $2 or i.email ilike $2)
            and ($3::text is null or l.status = $3) and ($4::text is null or i.source = $4)
            and ($5::float8 is null or l.confidence >= $5) and ($6::float8 is null or l.confidence <= $6)
            and ($7::uuid is null or l.person_id = $7) and ($8::bool is null or p.is_bot = $8)
            and ($9::timestamptz is null or l.created_at >= $9) and ($10::timestamptz is null or l.created_at < $10)
            and ($11::bool is null or (l.contradicts <> '[]') = $11)
            and ($12 is null or (",
            $column,
            ", ",
            $key,
            ") ",
            $compare,
            " ($12, $13)) order by ",
            $column,
            " ",
            $order,
            ", ",
            $key,
            " ",
            $order,
            " limit $14"
        )
    };
}

/// An account has one present link: its id is the key.
macro_rules! present {
    ($column:literal, $compare:literal, $order:literal) => {
        list!("and l.status in ('auto', 'conflict', 'confirmed')", $column, "l.identity_id", $compare, $order)
    };
}

/// `status` is repeated as the partial indexes have it.
macro_rules! past {
    ($column:literal, $compare:literal, $order:literal) => {
        list!("and l.status in ('rejected', 'superseded') and l.status = $3", $column, "l.id", $compare, $order)
    };
}

impl MappingSort {
    fn is_by_confidence(self) -> bool {
        matches!(self, Self::Confidence | Self::ConfidenceDesc)
    }

    fn present(self) -> &'static str {
        match self {
            Self::Confidence => present!("l.confidence", ">", "asc"),
            Self::ConfidenceDesc => present!("l.confidence", "<", "desc"),
            Self::Age => present!("l.created_at", ">", "asc"),
            Self::AgeDesc => present!("l.created_at", "<", "desc"),
        }
    }

    fn past(self) -> &'static str {
        match self {
            Self::Confidence => past!("l.confidence", ">", "asc"),
            Self::ConfidenceDesc => past!("l.confidence", "<", "desc"),
            Self::Age => past!("l.created_at", ">", "asc"),
            Self::AgeDesc => past!("l.created_at", "<", "desc"),
        }
    }
}

/// Where a list was left, in the order that it has: a cursor of another order is refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place<K> {
    sort: MappingSort,
    /// Its bits: not every number is read from its digits as it was.
    confidence: Option<u64>,
    since: Option<CursorTime>,
    id: K,
}

impl<K> Place<K> {
    fn new(sort: MappingSort, row: &MappingRow, id: K) -> Self {
        let confidence = sort.is_by_confidence().then_some(row.confidence.to_bits());
        Self { sort, confidence, since: (!sort.is_by_confidence()).then_some(CursorTime(row.since)), id }
    }

    fn is_of(&self, sort: MappingSort) -> bool {
        self.sort == sort && self.confidence.is_some() == sort.is_by_confidence() && self.since.is_some() != sort.is_by_confidence()
    }
}

impl Store {
    /// Links of live accounts: present ones, or the past ones of the status that is asked for.
    pub async fn mappings_list(
        &self,
        org: OrgId,
        filter: &MappingFilter,
        sort: MappingSort,
        page: &PageToken,
    ) -> Result<PageOf<MappingRow>, StoreError> {
        if filter.status.is_none_or(LinkStatus::is_current) {
            return self.links_list(org, filter, (sort, sort.present()), page, LIST, |row| row.identity_id).await;
        }
        self.links_list(org, filter, (sort, sort.past()), page, PAST, |row| row.link_id).await
    }

    async fn links_list<K>(
        &self,
        org: OrgId,
        filter: &MappingFilter,
        (sort, sql): (MappingSort, &'static str),
        page: &PageToken,
        list: &str,
        key: impl Fn(&MappingRow) -> K,
    ) -> Result<PageOf<MappingRow>, StoreError>
    where
        K: Copy + Send + Sync + Serialize + DeserializeOwned + for<'q> Encode<'q, Postgres> + Type<Postgres> + 'static,
    {
        let place: Option<Place<K>> = page.key(list)?;
        if place.as_ref().is_some_and(|place| !place.is_of(sort)) {
            return Err(StoreError::BadCursor);
        }
        let query = sqlx::query_as::<_, MappingRow>(sql)
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
        let query = match sort.is_by_confidence() {
            true => query.bind(place.as_ref().and_then(|place| place.confidence).map(f64::from_bits)),
            false => query.bind(place.as_ref().and_then(|place| place.since).map(|time| time.0)),
        };
        let id: Option<K> = place.map(|place| place.id);
        let rows = query.bind(id).bind(page.fetch()).fetch_all(&self.pool).await?;
        page.page(list, rows, |row| Place::new(sort, row, key(row)))
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
