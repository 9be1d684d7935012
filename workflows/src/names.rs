//! Every name Temporal stores. Changing one breaks running workflows and recorded histories.

use temporalio_common::search_attributes::SearchAttributeKey;

/// The task queue workers poll unless configuration names another.
pub const TASK_QUEUE: &str = "ovia";

pub const SYNC_WORKFLOW: &str = "ovia.sync";
pub const BACKFILL_WORKFLOW: &str = "ovia.backfill";
pub const CENSUS_WORKFLOW: &str = "ovia.census";
pub const REPLAY_WORKFLOW: &str = "ovia.replay";
pub const MATCHING_WORKFLOW: &str = "ovia.matching";
pub const KPI_ROLLUP_WORKFLOW: &str = "ovia.kpi_rollup";
pub const RETENTION_WORKFLOW: &str = "ovia.retention";
pub const QUALITY_WORKFLOW: &str = "ovia.quality";
pub const REPORT_WORKFLOW: &str = "ovia.report";
pub const SCHEDULED_WORKFLOW: &str = "ovia.scheduled";
pub const RECONCILE_WORKFLOW: &str = "ovia.reconcile";
pub const CONNECTION_CHECK_WORKFLOW: &str = "ovia.connection_check";
pub const WEBHOOKS_WORKFLOW: &str = "ovia.webhooks";

/// Tells a paused run that it may go on.
pub const RESUME_SIGNAL: &str = "resume";

/// Search attributes, all of type Keyword: `OviaOrg = "…" and OviaRunKind = "sync"`.
pub const SEARCH_ATTRIBUTES: [&str; 5] = ["OviaOrg", "OviaRunKind", "OviaSource", "OviaConnection", "OviaRunId"];

pub const ORG: SearchAttributeKey<String> = SearchAttributeKey::keyword("OviaOrg");
pub const RUN_KIND: SearchAttributeKey<String> = SearchAttributeKey::keyword("OviaRunKind");
pub const SOURCE: SearchAttributeKey<String> = SearchAttributeKey::keyword("OviaSource");
pub const CONNECTION: SearchAttributeKey<String> = SearchAttributeKey::keyword("OviaConnection");
pub const RUN_ID: SearchAttributeKey<String> = SearchAttributeKey::keyword("OviaRunId");

/// Memo key of the sentence that says what a run is.
pub const MEMO_SUMMARY: &str = "summary";
