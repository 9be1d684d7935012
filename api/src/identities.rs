//! `GET /identities`: accounts as the sources know them.

use ovia_domain::{ConnectionId, PersonId};
use ovia_store::identities::{IdentityFilter, IdentityRow};
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    auth::Caller,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
enum LinkStatus {
    Auto,
    Conflict,
    Confirmed,
    Rejected,
    Superseded,
}

/// One account in one source.
#[derive(Object)]
#[oai(rename = "Identity")]
struct IdentityOut {
    id: Uuid,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    /// Null when nothing says.
    is_bot: Option<bool>,
    bot_reason: Option<String>,
    /// The source's word: `active`, `blocked`.
    state: Option<String>,
    /// When the source says the account was made.
    created_at: Option<Time>,
    /// What matching made of it; null until it has run.
    link: Option<LinkOut>,
}

/// How an account is linked to a person.
#[derive(Object)]
#[oai(rename = "Link")]
struct LinkOut {
    /// `auto`, `conflict`, `confirmed`, `rejected`, `superseded`.
    status: String,
    /// Null unless the link holds.
    person_id: Option<Uuid>,
    person_name: Option<String>,
    /// 0 to 1.
    confidence: f64,
    rule: String,
    /// The evidence.
    trace: Value,
    rule_set_version: i32,
}

pub(crate) struct IdentitiesApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl IdentitiesApi {
    /// List accounts
    #[oai(path = "/identities", method = "get", operation_id = "identities_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a name, user name or e-mail.
        q: Query<Option<String>>,
        /// Only bots, or only others.
        bot: Query<Option<bool>>,
        /// The source's word: `active`, `blocked`.
        state: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// A person's id.
        person: Query<Option<Uuid>>,
        /// Whether the account is linked to a person.
        linked: Query<Option<bool>>,
        link_status: Query<Option<LinkStatus>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<IdentityOut>>, Problem> {
        let filter = IdentityFilter {
            q: q.0,
            bot: bot.0,
            state: state.0,
            connection_id: connection.0.map(ConnectionId),
            person_id: person.0.map(PersonId),
            linked: linked.0,
            link_status: link_status.0.map(LinkStatus::text),
        };
        let rows = self.0.config.store.identities_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, IdentityOut::from))
    }
}

impl LinkStatus {
    fn text(self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Conflict => "conflict",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
        .into()
    }
}

impl From<IdentityRow> for IdentityOut {
    fn from(row: IdentityRow) -> Self {
        let link = row.link_status.map(|status| LinkOut {
            status,
            person_id: row.person_id,
            person_name: row.person_name,
            confidence: row.link_confidence.unwrap_or_default(),
            rule: row.link_rule.unwrap_or_default(),
            trace: row.link_trace.unwrap_or_default(),
            rule_set_version: row.link_rule_set_version.unwrap_or_default(),
        });
        Self {
            id: row.id.0,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            is_bot: row.is_bot,
            bot_reason: row.bot_reason,
            state: row.state,
            created_at: row.source_created_at.map(Time),
            link,
        }
    }
}
