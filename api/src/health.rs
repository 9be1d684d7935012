//! `GET /health` and `GET /ready`: whether the process lives, and whether it can do its work.

use std::{future::Future, time::Duration};

use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};

use crate::{service::Tag, state::ApiState};

/// A part that does not answer by then is not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Object)]
#[oai(rename = "Health")]
struct HealthOut {
    /// Always `ok`: the process answers.
    status: String,
    version: String,
}

/// One part the service needs.
#[derive(Object)]
#[oai(rename = "Check")]
struct CheckOut {
    ok: bool,
    /// What was found, for a person.
    detail: String,
}

#[derive(Object)]
#[oai(rename = "Readiness")]
struct ReadyOut {
    /// Whether every part is.
    ok: bool,
    postgres: CheckOut,
    temporal: CheckOut,
    migrations: CheckOut,
}

#[derive(ApiResponse)]
enum ReadyAnswer {
    /// Everything the service needs answers.
    #[oai(status = 200)]
    Ready(Json<ReadyOut>),
    /// At least one part does not.
    #[oai(status = 503)]
    NotReady(Json<ReadyOut>),
}

pub(crate) struct HealthApi(pub ApiState);

#[OpenApi(tag = "Tag::Operations")]
impl HealthApi {
    /// Whether the process lives
    ///
    /// Needs no token.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> Json<HealthOut> {
        Json(HealthOut { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() })
    }

    /// Whether Postgres, Temporal and the schema are ready
    ///
    /// Needs no token. 503 has the same body as 200.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> ReadyAnswer {
        let config = &self.0.config;
        let (postgres, temporal, migrations) = tokio::join!(
            check("Postgres", async { config.store.ping().await.map(|()| "answers".to_owned()).map_err(|error| error.to_string()) }),
            check("Temporal", async { config.engine.ready().await.map(|()| "answers".to_owned()).map_err(|error| error.to_string()) }),
            check("the schema", async { migrations(&config.store).await }),
        );
        let out = ReadyOut { ok: postgres.ok && temporal.ok && migrations.ok, postgres, temporal, migrations };
        if out.ok { ReadyAnswer::Ready(Json(out)) } else { ReadyAnswer::NotReady(Json(out)) }
    }
}

async fn check(part: &str, answer: impl Future<Output = Result<String, String>>) -> CheckOut {
    match tokio::time::timeout(CHECK_TIMEOUT, answer).await {
        Ok(Ok(detail)) => CheckOut { ok: true, detail },
        // the text can hold an address or a user name, and this page needs no token
        Ok(Err(error)) => {
            tracing::warn!(part, error, "not ready");
            let told = if error.starts_with("migrations") { error } else { "does not answer; the log says why".into() };
            CheckOut { ok: false, detail: told }
        }
        Err(_) => CheckOut { ok: false, detail: format!("no answer within {} s", CHECK_TIMEOUT.as_secs()) },
    }
}

async fn migrations(store: &ovia_store::Store) -> Result<String, String> {
    match store.migrations_pending().await.map_err(|error| error.to_string())? {
        0 => Ok("all applied".into()),
        pending => Err(format!("migrations not applied: {pending}; run `ovia migrate`")),
    }
}
