//! `/connections`: the sources an organisation is connected to.

use ovia_domain::ConnectionId;
use ovia_store::connections::ConnectionDeletion;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
};

mod credentials;
mod parse;
mod types;

use types::{ConnectionCheckOut, ConnectionIn, ConnectionOut, ConnectionPatch};

pub(crate) struct ConnectionsApi(pub ApiState);

#[derive(ApiResponse)]
enum Created {
    /// Made. Nothing has been synced yet.
    #[oai(status = 201)]
    Created(Json<ConnectionOut>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// Gone, and its name is free.
    #[oai(status = 204)]
    Deleted,
}

#[OpenApi(tag = "Tag::Connections")]
impl ConnectionsApi {
    /// Connect a source
    ///
    /// The credentials are sealed and never returned. GET /connectors says what a source needs; POST /connections/{id}/test tries it.
    #[oai(path = "/connections", method = "post", operation_id = "connection_create")]
    async fn create(&self, caller: Caller, body: Body<ConnectionIn>) -> Result<Created, Problem> {
        let sealer = self.0.sealer()?;
        let name = body.0.name.trim().to_owned();
        let new = parse::new_connection(body.0, self.0.config.allow_private_addresses)?;
        let row = self.0.config.store.connection_create(caller.org_id(), new, sealer, &caller.requested_by()).await;
        Ok(Created::Created(Json(row.map_err(|error| parse::name_taken(error, &name))?.into())))
    }

    /// List connections, oldest first
    #[oai(path = "/connections", method = "get", operation_id = "connections_list")]
    async fn list(
        &self,
        caller: Caller,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ConnectionOut>>, Problem> {
        let rows = self.0.config.store.connections_list(caller.org_id(), &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ConnectionOut::from))
    }

    /// One connection
    #[oai(path = "/connections/:id", method = "get", operation_id = "connection_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<ConnectionOut>, Problem> {
        let row = self.0.config.store.connection_fetch(caller.org_id(), ConnectionId(id.0)).await?;
        Ok(Json(row.ok_or_else(|| Problem::not_found("connection", id.0))?.into()))
    }

    /// Change a connection
    ///
    /// Fields not given stay as they are; `settings` and `credentials` are replaced whole. A run under way goes on with what it read.
    #[oai(path = "/connections/:id", method = "patch", operation_id = "connection_patch")]
    async fn patch(&self, caller: Caller, id: Path<Uuid>, body: Body<ConnectionPatch>) -> Result<Json<ConnectionOut>, Problem> {
        let (org_id, id) = (caller.org_id(), ConnectionId(id.0));
        let store = &self.0.config.store;
        let not_found = || Problem::not_found("connection", id);
        let current = store.connection_fetch(org_id, id).await?.ok_or_else(not_found)?;
        let name = body.0.name.clone().unwrap_or_default();
        let patch = parse::patch(body.0, &current, &self.0)?;
        let row = store
            .connection_patch(org_id, id, patch, &caller.requested_by())
            .await
            .map_err(|error| parse::name_taken(error, name.trim()))?;
        Ok(Json(row.ok_or_else(not_found)?.into()))
    }

    /// Disconnect a source
    ///
    /// Forgets the credentials and frees the name. What was synced stays. Refused while a sync of it is open.
    #[oai(path = "/connections/:id", method = "delete", operation_id = "connection_delete")]
    async fn delete(&self, caller: Caller, id: Path<Uuid>) -> Result<Deleted, Problem> {
        match self.0.config.store.connection_delete(caller.org_id(), ConnectionId(id.0), &caller.requested_by()).await? {
            ConnectionDeletion::Deleted => Ok(Deleted::Deleted),
            ConnectionDeletion::NotFound => Err(Problem::not_found("connection", id.0)),
            ConnectionDeletion::Busy(run_id) => {
                Err(Problem::run_in_the_way(format!("The connection cannot be deleted while run {run_id} works on it."), run_id))
            }
        }
    }

    /// Try a connection
    ///
    /// Asks the source, from a worker, who the token belongs to. Takes up to 20 s. `ok` false is an answer, not an error.
    #[oai(path = "/connections/:id/test", method = "post", operation_id = "connection_test")]
    async fn test(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<ConnectionCheckOut>, Problem> {
        let (org_id, id) = (caller.org_id(), ConnectionId(id.0));
        let found = self.0.config.store.connection_fetch(org_id, id).await?;
        found.ok_or_else(|| Problem::not_found("connection", id))?;
        self.0.sealer()?;
        Ok(Json(self.0.config.engine.connection_check(org_id, id).await?.into()))
    }
}
