//! `/organisation`: the caller's own.

use ovia_store::organisation::{OrganisationPatch, OrganisationRow};
use poem_openapi::{Object, OpenApi, payload::Json, types::MaybeUndefined};
use serde::Deserialize;
use uuid::Uuid;

use crate::{auth::Caller, body::Body, problem::Problem, service::Tag, state::ApiState};

/// Days that may be set.
const RETENTION_DAYS: std::ops::RangeInclusive<i32> = 30..=3_650;

/// The organisation a token belongs to.
#[derive(Object)]
#[oai(rename = "Organisation")]
struct OrganisationOut {
    id: Uuid,
    name: String,
    /// Ended runs, their events and resolved dead letters are kept this many days.
    retention_days: i32,
    /// Reports are kept this many days after their period.
    report_retention_days: i32,
    /// Requests a minute to all sources together; null is no ceiling.
    requests_per_minute: Option<i32>,
}

/// What to change. Fields that are not given stay as they are.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "OrganisationPatch")]
struct OrganisationIn {
    /// 30 to 3650.
    #[serde(default)]
    retention_days: Option<i32>,
    /// 30 to 3650.
    #[serde(default)]
    report_retention_days: Option<i32>,
    /// 1 or more; null lifts the ceiling.
    #[serde(default)]
    requests_per_minute: MaybeUndefined<i32>,
}

pub(crate) struct OrganisationApi(pub ApiState);

#[OpenApi(tag = "Tag::Operations")]
impl OrganisationApi {
    /// The organisation and its settings
    #[oai(path = "/organisation", method = "get", operation_id = "organisation_fetch")]
    async fn fetch(&self, caller: Caller) -> Result<Json<OrganisationOut>, Problem> {
        Ok(Json(self.0.config.store.organisation_fetch(caller.org_id()).await?.into()))
    }

    /// Change the organisation's settings
    #[oai(path = "/organisation", method = "patch", operation_id = "organisation_patch")]
    async fn patch(&self, caller: Caller, body: Body<OrganisationIn>) -> Result<Json<OrganisationOut>, Problem> {
        let body = body.0;
        for (field, days) in [("retention_days", body.retention_days), ("report_retention_days", body.report_retention_days)] {
            if days.is_some_and(|days| !RETENTION_DAYS.contains(&days)) {
                return Err(Problem::field(field, "it is not between 30 and 3650"));
            }
        }
        if body.requests_per_minute.value().is_some_and(|ceiling| *ceiling < 1) {
            return Err(Problem::field("requests_per_minute", "it is less than 1; null lifts the ceiling"));
        }
        let patch = OrganisationPatch {
            retention_days: body.retention_days,
            report_retention_days: body.report_retention_days,
            requests_per_minute: body.requests_per_minute.into(),
        };
        Ok(Json(self.0.config.store.organisation_patch(caller.org_id(), patch, &caller.requested_by()).await?.into()))
    }
}

impl From<OrganisationRow> for OrganisationOut {
    fn from(row: OrganisationRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            retention_days: row.retention_days,
            report_retention_days: row.report_retention_days,
            requests_per_minute: row.requests_per_minute,
        }
    }
}
