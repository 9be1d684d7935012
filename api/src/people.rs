//! `GET /team/people`: people and the accounts each is made of.

use ovia_store::people::{PersonFilter, PersonIdentityRow, PersonRow};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
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

/// One person, or one bot.
#[derive(Object)]
#[oai(rename = "Person")]
struct PersonOut {
    id: Uuid,
    display_name: String,
    primary_email: Option<String>,
    is_bot: bool,
    /// Raised whenever an account comes, goes or changes its status: what a split or merge takes as `expected_version`.
    version: i64,
    /// Their accounts in the sources.
    identities: Vec<PersonIdentityOut>,
    created_at: Time,
    updated_at: Time,
}

/// One account of a person, and why it is theirs.
#[derive(Object)]
#[oai(rename = "PersonIdentity")]
struct PersonIdentityOut {
    id: Uuid,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    /// `auto`: linked by rules; `confirmed`: a person decided.
    link_status: String,
    /// 0 to 1.
    confidence: f64,
    rule: String,
    /// The evidence.
    trace: Value,
}

pub(crate) struct PeopleApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl PeopleApi {
    /// List people, by name
    #[oai(path = "/team/people", method = "get", operation_id = "people_list")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a name, user name or e-mail.
        q: Query<Option<String>>,
        /// Only bots, or only people.
        bot: Query<Option<bool>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<PersonOut>>, Problem> {
        let filter = PersonFilter { q: q.0, bot: bot.0 };
        let rows = self.0.config.store.people_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, PersonOut::from))
    }
}

impl From<PersonRow> for PersonOut {
    fn from(row: PersonRow) -> Self {
        Self {
            id: row.id.0,
            display_name: row.display_name,
            primary_email: row.primary_email,
            is_bot: row.is_bot,
            version: row.version,
            identities: row.identities.0.into_iter().map(PersonIdentityOut::from).collect(),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

impl From<PersonIdentityRow> for PersonIdentityOut {
    fn from(row: PersonIdentityRow) -> Self {
        Self {
            id: row.id,
            connection_id: row.connection_id,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            link_status: row.status,
            confidence: row.confidence,
            rule: row.rule,
            trace: row.trace,
        }
    }
}
