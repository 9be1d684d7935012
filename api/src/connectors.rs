//! `GET /connectors`: the sources there are, and what a connection to each needs.

use ovia_domain::{FieldSpec, Source, SourceDescriptor};
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::{auth::Caller, names::Name, page::ListOf, problem::Problem, service::Tag, state::ApiState};

/// A source that Ovia can connect to.
#[derive(Object)]
#[oai(rename = "Connector")]
struct ConnectorOut {
    source: Name<Source>,
    title: String,
    description: String,
    base_url_example: String,
    docs_url: String,
    /// Fields of `credentials`.
    credentials: Vec<FieldOut>,
    /// Fields of `settings`.
    settings: Vec<FieldOut>,
    /// Whether at least one connection exists and its credentials can be used.
    configured: bool,
    /// How many connections there are.
    connections: i64,
    /// What to do before it is configured.
    missing: Vec<MissingOut>,
}

/// One field of a connection.
#[derive(Object)]
#[oai(rename = "ConnectorField")]
struct FieldOut {
    name: String,
    /// JSON type: `string`, `boolean`, `integer`, `array of strings`.
    #[oai(rename = "type")]
    kind: String,
    required: bool,
    secret: bool,
    description: String,
}

/// Something that has to be set up.
#[derive(Object)]
#[oai(rename = "Missing")]
struct MissingOut {
    /// `seal_key` or `connection`.
    name: String,
    hint: String,
}

pub(crate) struct ConnectorsApi(pub ApiState);

#[OpenApi(tag = "Tag::Connections")]
impl ConnectorsApi {
    /// What can be connected, and what is missing
    #[oai(path = "/connectors", method = "get", operation_id = "connectors_list")]
    async fn list(&self, caller: Caller) -> Result<Json<ListOf<ConnectorOut>>, Problem> {
        let counts = self.0.config.store.connections_count(caller.org_id()).await?;
        let can_seal = self.0.config.sealer.is_some();
        let count = |source: Source| counts.iter().find(|count| count.0 == source.as_str()).map_or(0, |count| count.1);
        let items = Source::ALL.into_iter().map(|source| ConnectorOut::new(source.descriptor(), count(source), can_seal));
        Ok(Json(ListOf { items: items.collect(), next_cursor: None }))
    }
}

impl ConnectorOut {
    fn new(descriptor: &SourceDescriptor, connections: i64, can_seal: bool) -> Self {
        let mut missing = Vec::new();
        if !can_seal {
            missing.push(MissingOut { name: "seal_key".into(), hint: Problem::no_sealer().hint });
        }
        if connections == 0 {
            missing.push(MissingOut {
                name: "connection".into(),
                hint: format!("Make one: POST /connections with source `{}`.", descriptor.source),
            });
        }
        Self {
            source: Name(descriptor.source),
            title: descriptor.title.into(),
            description: descriptor.description.into(),
            base_url_example: descriptor.base_url_example.into(),
            docs_url: descriptor.docs_url.into(),
            credentials: descriptor.credentials.iter().map(FieldOut::new).collect(),
            settings: descriptor.settings.iter().map(FieldOut::new).collect(),
            configured: missing.is_empty(),
            connections,
            missing,
        }
    }
}

impl FieldOut {
    fn new(field: &FieldSpec) -> Self {
        Self {
            name: field.name.into(),
            kind: field.json_type.into(),
            required: field.required,
            secret: field.secret,
            description: field.description.into(),
        }
    }
}
