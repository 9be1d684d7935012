//! What needs attention now, read from the rows. Thresholds and severities are the domain's (`ovia_domain::risk`).

use chrono::{DateTime, NaiveDate, Utc};
use ovia_domain::{
    OrgId,
    risk::{self, RiskKind, RiskSettings, RiskSeverity},
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Store, StoreError};

/// One thing that needs attention, as a detection found it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskFinding {
    /// A `RiskKind`.
    pub kind: &'static str,
    pub subject_table: &'static str,
    /// Of the row in that table.
    pub subject_id: String,
    /// A `RiskSeverity`.
    pub severity: &'static str,
    pub summary: String,
    pub evidence: Value,
    pub connection_id: Option<Uuid>,
    pub project_external_id: Option<String>,
    pub title: Option<String>,
    pub url: Option<String>,
    pub owner_person_id: Option<Uuid>,
    pub owner_identity_id: Option<Uuid>,
}

impl RiskFinding {
    fn new(kind: RiskKind, subject: (&'static str, String), severity: RiskSeverity, summary: String, evidence: Value) -> Self {
        Self {
            kind: kind.as_str(),
            subject_table: subject.0,
            subject_id: subject.1,
            severity: severity.as_str(),
            summary,
            evidence,
            connection_id: None,
            project_external_id: None,
            title: None,
            url: None,
            owner_person_id: None,
            owner_identity_id: None,
        }
    }

    fn at(self, connection: Uuid, project: String, url: Option<String>) -> Self {
        Self { connection_id: Some(connection), project_external_id: Some(project), url, ..self }
    }

    fn titled(self, title: String) -> Self {
        Self { title: Some(title), ..self }
    }

    fn owned(self, person: Option<Uuid>, identity: Option<Uuid>) -> Self {
        Self { owner_person_id: person, owner_identity_id: identity, ..self }
    }
}

impl Store {
    /// Everything that needs attention at `as_of`. Rows are as they are now; what happened after `as_of` is left out where it has a time.
    pub async fn risks_detect(&self, org: OrgId, as_of: DateTime<Utc>, settings: &RiskSettings) -> Result<Vec<RiskFinding>, StoreError> {
        let mut found = self.stale_merge_requests(org, as_of, settings.stale_after_days).await?;
        found.extend(self.ageing_work_items(org, as_of, settings.ageing_after_days).await?);
        found.extend(self.ageing_issues(org, as_of, settings.ageing_after_days).await?);
        found.extend(self.failing_pipelines(org, as_of).await?);
        found.extend(self.releases_at_risk(org, settings.today).await?);
        found.extend(self.review_load(org, as_of).await?);
        found.extend(self.undeployed(org, as_of, &settings.production_tiers).await?);
        Ok(found)
    }

    async fn stale_merge_requests(&self, org: OrgId, as_of: DateTime<Utc>, after: i32) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/stale_merge_requests.sql", org.0, as_of, after);
        let found = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let days = (as_of - row.last_at).num_days();
            let project = row.project.as_deref().unwrap_or("a project");
            RiskFinding::new(
                RiskKind::StaleMergeRequest,
                ("merge_requests", row.id.to_string()),
                risk::stale_severity(days, after),
                format!("{project}!{} is open and nothing has happened to it for {days} days.", row.number),
                json!({"days": days, "last_activity_at": row.last_at, "number": row.number, "threshold_days": after}),
            )
            .at(row.connection_id, row.project_external_id, row.url)
            .titled(row.title)
            .owned(row.owner_person_id, row.owner_identity_id)
        });
        Ok(found.collect())
    }

    async fn ageing_work_items(&self, org: OrgId, as_of: DateTime<Utc>, after: i32) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/ageing_work_items.sql", org.0, as_of, after);
        let found = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let days = (as_of - row.began_at).num_days();
            // without its changelog only its creation is known
            let words = if row.began_is_known { "has been in progress for" } else { "is in progress; it was created" };
            let ago = if row.began_is_known { "" } else { " ago" };
            RiskFinding::new(
                RiskKind::AgeingWorkItem,
                ("work_items", row.id.to_string()),
                risk::ageing_severity(days, after),
                format!("{} {words} {days} days{ago}.", row.key),
                json!({"days": days, "key": row.key, "status": row.status, "since": row.began_at, "since_is_creation": !row.began_is_known,
                    "threshold_days": after}),
            )
            .at(row.connection_id, row.project_external_id, row.url)
            .titled(row.title)
            .owned(row.owner_person_id, row.owner_identity_id)
        });
        Ok(found.collect())
    }

    async fn ageing_issues(&self, org: OrgId, as_of: DateTime<Utc>, after: i32) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/ageing_issues.sql", org.0, as_of, after);
        let found = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let days = (as_of - row.last_at).num_days();
            let project = row.project.as_deref().unwrap_or("a project");
            RiskFinding::new(
                RiskKind::AgeingWorkItem,
                ("issues", row.id.to_string()),
                risk::ageing_severity(days, after),
                format!("{project}#{} is open and assigned, and nothing has happened to it for {days} days.", row.number),
                json!({"days": days, "number": row.number, "last_activity_at": row.last_at, "threshold_days": after}),
            )
            .at(row.connection_id, row.project_external_id, row.url)
            .titled(row.title)
            .owned(row.owner_person_id, row.owner_identity_id)
        });
        Ok(found.collect())
    }

    async fn failing_pipelines(&self, org: OrgId, as_of: DateTime<Utc>) -> Result<Vec<RiskFinding>, StoreError> {
        let (days, in_a_row) = (risk::LOOK_BACK_DAYS, risk::FAILURES_IN_A_ROW);
        let rows = sqlx::query_file!("src/risks/failing_pipelines.sql", org.0, as_of, days, in_a_row);
        let found = rows.fetch_all(&self.pool).await?.into_iter().filter_map(|row| {
            let severity = risk::pipelines_severity(row.failures_in_a_row, row.finished, row.succeeded)?;
            let summary = if row.failures_in_a_row >= risk::FAILURES_IN_A_ROW {
                format!("The last {} pipelines of {} on {} failed.", row.failures_in_a_row, row.project, row.branch)
            } else {
                let percent = 100.0 * row.succeeded as f64 / row.finished as f64;
                format!(
                    "Only {percent:.0} % of the pipelines of {} on {} succeeded in {} days.",
                    row.project,
                    row.branch,
                    risk::LOOK_BACK_DAYS
                )
            };
            let evidence = json!({"finished": row.finished, "succeeded": row.succeeded, "failures_in_a_row": row.failures_in_a_row,
                "branch": row.branch, "days": risk::LOOK_BACK_DAYS, "last_pipeline_ids": row.last_ids, "last_url": row.last_url});
            let finding =
                RiskFinding::new(RiskKind::FailingPipelines, ("projects", row.project_id.to_string()), severity, summary, evidence);
            Some(finding.at(row.connection_id, row.project_external_id, row.last_url.or(row.url)).titled(row.project))
        });
        Ok(found.collect())
    }

    async fn releases_at_risk(&self, org: OrgId, today: NaiveDate) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/releases.sql", org.0, today, risk::RELEASE_DUE_DAYS);
        let found = rows.fetch_all(&self.pool).await?.into_iter().filter_map(|row| {
            let days_left = (row.release_on - today).num_days();
            let severity = risk::release_severity(days_left, row.items, row.done)?;
            let due = match days_left {
                ..0 => format!("was due {} days ago", -days_left),
                0 => "is due today".to_owned(),
                _ => format!("is due in {days_left} days"),
            };
            let finding = RiskFinding::new(
                RiskKind::ReleaseAtRisk,
                ("versions", row.id.to_string()),
                severity,
                format!("Release {} {due} and {} of its {} work items are done.", row.name, row.done, row.items),
                json!({"release_on": row.release_on, "days_left": days_left, "items": row.items, "done": row.done,
                    "open_work_item_ids": row.open_ids.unwrap_or_default(),
                    "release_risk": row.score}),
            );
            Some(finding.at(row.connection_id, row.project_external_id, row.url).titled(row.name))
        });
        Ok(found.collect())
    }

    async fn review_load(&self, org: OrgId, as_of: DateTime<Utc>) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/review_load.sql", org.0, as_of, risk::REVIEW_REQUESTS_MANY);
        let found = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let name = row.name.unwrap_or_else(|| "An account without a name".to_owned());
            let table = if row.person_id.is_some() { "people" } else { "identities" };
            RiskFinding::new(
                RiskKind::ReviewLoad,
                (table, row.who.to_string()),
                risk::review_load_severity(row.requests),
                // reports are read by many: a sentence names nobody, title and owner do
                format!("One person is asked for {} reviews that are open.", row.requests),
                json!({"requests": row.requests, "oldest_at": row.oldest_at, "merge_request_ids": row.merge_request_ids,
                    "threshold": risk::REVIEW_REQUESTS_MANY}),
            )
            .titled(name)
            .owned(row.person_id, Some(row.identity_id))
        });
        Ok(found.collect())
    }

    async fn undeployed(&self, org: OrgId, as_of: DateTime<Utc>, tiers: &[String]) -> Result<Vec<RiskFinding>, StoreError> {
        let rows = sqlx::query_file!("src/risks/undeployed.sql", org.0, as_of, risk::LOOK_BACK_DAYS, tiers);
        let found = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let days = (as_of - row.last_at).num_days();
            RiskFinding::new(
                RiskKind::NoProductionDeployment,
                ("projects", row.id.to_string()),
                risk::undeployed_severity(days),
                format!("{} was deployed to production last {days} days ago.", row.project),
                json!({"days": days, "last_deployment_at": row.last_at, "threshold_days": risk::LOOK_BACK_DAYS}),
            )
            .at(row.connection_id, row.project_external_id, row.url)
            .titled(row.project)
        });
        Ok(found.collect())
    }
}
