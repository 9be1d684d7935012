//! `/team/kpi/settings`: what an organisation has set for its KPIs.

use ovia_kpi::KpiSettings;
use ovia_store::kpi::settings::{KpiSettingsRow, KpiSettingsSet};
use poem_openapi::{Object, OpenApi, payload::Json};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{auth::Caller, body::Body, problem::Problem, runs_start::rollup_follow, service::Tag, state::ApiState, time::Time};

pub(crate) struct KpiSettingsApi(pub ApiState);

/// What is to be set.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct KpiSettingsIn {
    /// Replaced whole; a field that is absent is as shipped: `time_zone`, `stale_after_days`, `ageing_after_days`, `production_tiers`,
    /// `incident_types`, `incident_labels`, `incident_filters` (as `project = OPS AND priority in (P1, P2)`), `hotfix_labels`,
    /// `hotfix_branches`, `attribution_window_hours`, `services`, `min_rows`, `min_coverage`, `stale_after_syncs`, `min_team_size`,
    /// `health_weights`, `bands`.
    settings: Value,
    /// Whether there are figures of single people. Off unless it is true.
    #[serde(default)]
    person_level: bool,
    /// The version that was read: refused if another is in force by now.
    #[serde(default)]
    expected_version: Option<i32>,
}

/// What is in force.
#[derive(Object)]
#[oai(rename = "KpiSettings")]
struct KpiSettingsOut {
    /// 0: as shipped.
    version: i32,
    /// Every field, also those that are as shipped.
    settings: Value,
    person_level: bool,
    /// `token:<name>`; null as shipped.
    created_by: Option<String>,
    created_at: Option<Time>,
    /// The rollup that computes the figures again; null where nothing changed, or none was started because one is under way: then the
    /// first that begins after it does.
    run_id: Option<Uuid>,
}

#[OpenApi(tag = "Tag::Team")]
impl KpiSettingsApi {
    /// What is set for KPIs
    #[oai(path = "/team/kpi/settings", method = "get", operation_id = "kpi_settings_fetch")]
    async fn fetch(&self, caller: Caller) -> Result<Json<KpiSettingsOut>, Problem> {
        let row = self.0.config.store.kpi_settings(caller.org_id()).await?;
        Ok(Json(out(row, None)))
    }

    /// Set time zone, incidents, bands and the like
    ///
    /// A new version is in force at once, and a rollup computes every figure again; what it changes is listed by GET /team/kpi/changes.
    /// Only tokens that may see figures of single people may lower `min_team_size`.
    #[oai(path = "/team/kpi/settings", method = "put", operation_id = "kpi_settings_set")]
    async fn set(&self, caller: Caller, body: Body<KpiSettingsIn>) -> Result<Json<KpiSettingsOut>, Problem> {
        let KpiSettingsIn { settings, person_level, expected_version } = body.0;
        let read: KpiSettings = serde_path_to_error::deserialize(&settings).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "settings".to_owned() } else { format!("settings.{path}") };
            Problem::field(field, error.inner().to_string())
        })?;
        read.validate().map_err(|error| Problem::field(format!("settings.{}", error.field), error.problem))?;
        let store = &self.0.config.store;
        let current = store.kpi_settings(caller.org_id()).await?;
        let before = current.version;
        let least = serde_json::from_value::<KpiSettings>(current.settings).unwrap_or_default().min_team_size;
        if read.min_team_size < least && !caller.may_see_people(&self.0).await? {
            return Err(Problem::forbidden(
                format!(
                    "Figures of teams of fewer than {least} people are for tokens that may see figures of single people; so is lowering that."
                ),
                "Leave `min_team_size` as it is, or have the operator allow it on the server: `ovia kpi people-access <token name> --allow`.",
            ));
        }
        match store.kpi_settings_set(caller.org_id(), &settings, person_level, expected_version, &caller.requested_by()).await? {
            KpiSettingsSet::Stale { current } => Err(Problem::conflict(
                format!("Version {current} of the settings is in force, not {}.", expected_version.unwrap_or_default()),
                "Read them again with GET /team/kpi/settings.",
            )),
            KpiSettingsSet::Set(row) => {
                let run_id = match row.version != before {
                    true => rollup_follow(&self.0, &caller).await,
                    false => None,
                };
                Ok(Json(out(row, run_id.map(|run| run.0))))
            }
        }
    }
}

fn out(row: KpiSettingsRow, run_id: Option<Uuid>) -> KpiSettingsOut {
    let full: KpiSettings = serde_json::from_value(row.settings).unwrap_or_default();
    KpiSettingsOut {
        version: row.version,
        settings: serde_json::to_value(full).unwrap_or_default(),
        person_level: row.person_level,
        created_by: row.created_by,
        created_at: row.created_at.map(Time),
        run_id,
    }
}
