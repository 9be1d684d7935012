//! Bearer tokens: who is calling, and for which organisation.
//!
//! The caller is every handler's first argument, so that nobody learns from a validation error what they may not see.

use std::time::Duration;

use ovia_domain::OrgId;
use poem::Request;
use poem_openapi::{SecurityScheme, auth::Bearer};

use crate::{problem::Problem, routes::QueryNames, state::ApiState};

/// A token made at first start or by the operator, sent as `Authorization: Bearer ovia_…`. It belongs to one organisation.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "authenticate", rename = "token")]
pub(crate) struct Caller(ovia_store::tokens::Caller);

impl Caller {
    pub fn org_id(&self) -> OrgId {
        self.0.org_id
    }

    /// Ends when the caller's token has been revoked; looks every `every`. A Postgres that does not answer says nothing about the token.
    pub fn revoked(&self, state: &ApiState, every: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (store, org, token) = (state.config.store.clone(), self.0.org_id, self.0.token_id);
        async move {
            loop {
                tokio::time::sleep(every).await;
                if matches!(store.token_is_good(org, token).await, Ok(false)) {
                    return;
                }
            }
        }
    }

    /// Whether the token may see figures of single people, where the organisation has them.
    pub async fn may_see_people(&self, state: &ApiState) -> Result<bool, Problem> {
        Ok(state.config.store.token_may_see_people(self.0.org_id, self.0.token_id).await?)
    }

    /// As `runs.requested_by` has it: `token:first`.
    pub fn requested_by(&self) -> String {
        format!("token:{}", self.0.name)
    }
}

async fn authenticate(request: &Request, bearer: Bearer) -> poem::Result<ovia_store::tokens::Caller> {
    let state = request.data::<ApiState>().ok_or_else(|| Problem::internal("the API state is missing from the request"))?;
    let caller = state.config.store.token_authenticate(&bearer.token).await.map_err(Problem::from)?;
    let caller = caller.ok_or_else(Problem::bad_token)?;
    if let Some(query) = request.data::<QueryNames>() {
        query.check(request)?;
    }
    Ok(caller)
}
