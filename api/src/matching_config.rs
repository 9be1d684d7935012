//! `/team/matching-config`: thresholds, weights and switches of matching, and what others would change.

use ovia_domain::RunKind;
use ovia_store::{
    decisions::Decider,
    matching_config::{ConfigPut, MatchingConfigRow},
};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    body::Body,
    identity_mappings::decide::text,
    page::{ListOf, list, page},
    problem::{FieldError, Problem},
    runs::{Accepted, run_out},
    runs_start::{engine_start, new_run, queued_start},
    service::Tag,
    state::ApiState,
    time::Time,
};

/// How accounts are matched.
#[derive(Object)]
#[oai(rename = "MatchingConfig")]
struct MatchingConfigOut {
    /// Raised with every change; 0 is the configuration as shipped.
    version: i32,
    /// `thresholds`, `weights`, `switches` and lists of domains and words; docs/matching.md says what each does.
    config: Value,
    /// What was said about it.
    note: Option<String>,
    /// `token:<name>`; null as shipped.
    created_by: Option<String>,
    created_at: Option<Time>,
}

/// The configuration to be, whole: values that are left out are as shipped.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MatchingConfigIn")]
struct MatchingConfigIn {
    config: Value,
    /// The `version` that was changed; a conflict if another is in force. Left out: whatever is in force by now.
    expected_version: Option<i32>,
    /// A sentence that is kept with it.
    note: Option<String>,
}

/// A configuration that is only thought of.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MatchingPreviewIn")]
struct PreviewIn {
    config: Value,
}

pub(crate) struct MatchingConfigApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl MatchingConfigApi {
    /// How accounts are matched
    #[oai(path = "/team/matching-config", method = "get", operation_id = "matching_config_fetch")]
    async fn fetch(&self, caller: Caller) -> Result<Json<MatchingConfigOut>, Problem> {
        let row = self.0.config.store.matching_config_fetch(caller.org_id()).await?;
        Ok(Json(row.map_or_else(|| self.shipped(), MatchingConfigOut::from)))
    }

    /// Change how accounts are matched
    ///
    /// A matching run that follows it is queued. POST /team/identity-mappings/preview says before what that will do.
    #[oai(path = "/team/matching-config", method = "put", operation_id = "matching_config_put")]
    async fn put(&self, caller: Caller, body: Body<MatchingConfigIn>) -> Result<Json<MatchingConfigOut>, Problem> {
        let config = self.valid(&body.0.config)?;
        let note = text("note", body.0.note)?;
        let expected = body.0.expected_version;
        let follow_up = new_run(&caller, RunKind::Matching, None, json!({}));
        let by = Decider { actor: caller.requested_by(), reason: note, follow_up };
        match self.0.config.store.matching_config_put(caller.org_id(), expected, &config, &by).await? {
            ConfigPut::Written(row, follow_up) => {
                if let Some(run) = &follow_up {
                    queued_start(&self.0, run).await;
                }
                Ok(Json(row.into()))
            }
            ConfigPut::Unchanged(row) => Ok(Json(row.into())),
            ConfigPut::Stale(now) => Err(stale(expected.unwrap_or_default(), now)),
        }
    }

    /// List configurations, newest first
    ///
    /// Each that was ever in force. Nothing of it is changed or removed.
    #[oai(path = "/team/matching-config/versions", method = "get", operation_id = "matching_configs_list")]
    async fn versions(
        &self,
        caller: Caller,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<MatchingConfigOut>>, Problem> {
        let rows = self.0.config.store.matching_configs_list(caller.org_id(), &page(limit.0, cursor.0)).await?;
        Ok(list(rows, MatchingConfigOut::from))
    }

    /// What another configuration would do
    ///
    /// A run that matches everything and writes nothing. Its `result` says how many people, conflicts and moved accounts there would be, with up
    /// to 50 of these as a `sample`. It may go beside other runs.
    #[oai(path = "/team/identity-mappings/preview", method = "post", operation_id = "matching_preview")]
    async fn preview(&self, caller: Caller, body: Body<PreviewIn>) -> Result<Accepted, Problem> {
        let config = self.valid(&body.0.config)?;
        let new = new_run(&caller, RunKind::Matching, None, json!({"preview": config}));
        self.0.config.store.run_create(new.clone()).await?;
        let run_id = engine_start(&self.0, &new, None, None).await?;
        Ok(Accepted::Accepted(Json(run_out(&self.0, &caller, run_id).await?)))
    }
}

impl MatchingConfigApi {
    fn shipped(&self) -> MatchingConfigOut {
        let config = self.0.config.matching.as_ref().map_or_else(|| json!({}), |rules| rules.shipped.clone());
        MatchingConfigOut { version: 0, config, note: None, created_by: None, created_at: None }
    }

    /// The configuration with every value it leaves out, if it is good.
    fn valid(&self, config: &Value) -> Result<Value, Problem> {
        let rules = self.0.config.matching.as_ref().ok_or_else(|| Problem::internal("the rules of matching are not configured"))?;
        (rules.check)(config).map_err(|problems| {
            let mut hints: Vec<String> = Vec::new();
            let mut errors: Vec<FieldError> = Vec::new();
            for problem in problems {
                if !hints.contains(&problem.hint) {
                    hints.push(problem.hint);
                }
                errors
                    .push(FieldError { field: format!("config.{}", problem.field).trim_end_matches('.').into(), message: problem.message });
            }
            let problem = match errors.as_slice() {
                [only] => Problem::field(only.field.clone(), only.message.clone()),
                _ => Problem::validation(format!("The configuration is not valid: {} of its values are wrong.", errors.len()), errors),
            };
            problem.hint(hints.join(" "))
        })
    }
}

fn stale(expected: i32, now: Option<MatchingConfigRow>) -> Problem {
    let detail = match now {
        Some(row) => format!(
            "The configuration has changed since you looked: {} put version {} in force at {}, and you changed version {expected}.",
            row.created_by,
            row.version,
            row.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ),
        None => format!("The configuration as shipped (version 0) is in force, and you changed version {expected}."),
    };
    Problem::conflict(detail, "Look again (GET /team/matching-config) and make your change to what is in force.")
}

impl From<MatchingConfigRow> for MatchingConfigOut {
    fn from(row: MatchingConfigRow) -> Self {
        Self {
            version: row.version,
            config: row.config,
            note: row.note,
            created_by: Some(row.created_by),
            created_at: Some(row.created_at.into()),
        }
    }
}
