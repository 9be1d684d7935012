//! Numbers that were told and are others now, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId, RunId};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{copy_in::copy_in, write::NewSnapshot};
use crate::{PageOf, PageToken, Store, StoreError};

type Time = DateTime<Utc>;

const CHANGES_LIST: &str = "kpi_changes";

/// Windows by their kinds and starts.
pub type WindowSet = HashMap<&'static str, HashSet<Time>>;

/// A decision (or a matching run, without an id) about accounts, and where it is felt.
#[derive(Clone, Debug, Default)]
pub struct DecisionCause {
    pub decision_id: Option<i64>,
    /// As `decision:remap`, `matching`.
    pub reason: String,
    /// Windows in which rows of its people count or counted.
    pub windows: WindowSet,
    /// Its people, and the teams they ever were in, as `scope_id`.
    pub people: BTreeSet<String>,
    pub teams: BTreeSet<String>,
}

impl DecisionCause {
    fn concerns(&self, scope: (&str, &str)) -> bool {
        match scope.0 {
            "person" => self.people.contains(scope.1),
            "team" => self.teams.contains(scope.1),
            _ => true,
        }
    }
}

/// What happened since the figures were made that a rollup compares with.
#[derive(Clone, Debug, Default)]
pub struct CauseBook {
    /// The moment those figures were for; `None`: there were none, and nothing can have changed.
    pub previous_as_of: Option<Time>,
    /// Settings, teams or connections that were changed, as (what, before, after).
    pub settings: Vec<(&'static str, i64, i64)>,
    /// Versions of definitions that were raised.
    pub definitions: BTreeMap<String, (i32, i32)>,
    pub decisions: Vec<DecisionCause>,
    /// Windows that people's words on incidents touch.
    pub overrides: WindowSet,
    /// Windows that rows touch which came, changed or went.
    pub late: WindowSet,
    /// Windows that may have been computed with rows that are gone again.
    pub begun: WindowSet,
}

impl CauseBook {
    /// What may have changed a figure of a scope and window, strongest first; empty where nothing did that is worth telling, as when a
    /// window grows while it goes on. What a decision does to the organisation or a project in a window that goes on cannot be told from
    /// its growth, and is not told. What matching did by itself is the weakest there: whose a row is changes little but people's figures.
    pub fn causes(&self, metric: &str, scope: (&str, &str), window: (&str, Time, Time)) -> Vec<Value> {
        let (kind, start, end) = window;
        let Some(previous) = self.previous_as_of else { return Vec::new() };
        if start >= previous {
            return Vec::new();
        }
        let over = end <= previous;
        let touches = |windows: &WindowSet| windows.get(kind).is_some_and(|starts| starts.contains(&start));
        let settings =
            self.settings.iter().map(|(what, from, to)| json!({"kind": "settings", "what": what, "from_version": from, "to_version": to}));
        let definition =
            self.definitions.get(metric).map(|(from, to)| json!({"kind": "definition", "from_version": from, "to_version": to}));
        let of_people = matches!(scope.0, "person" | "team");
        let decided = self.decisions.iter().filter(|one| (over || of_people) && one.concerns(scope) && touches(&one.windows));
        let (decisions, matching): (Vec<_>, Vec<_>) = decided.partition(|one| one.decision_id.is_some() || of_people);
        let told = |one: &DecisionCause| json!({"kind": "decision", "decision_id": one.decision_id, "reason": one.reason});
        let of_incidents = matches!(metric, "change_failure_rate" | "failed_deployment_recovery_time" | "delivery_health");
        let overrides = (of_incidents && touches(&self.overrides)).then(|| json!({"kind": "override"}));
        let late = (over && touches(&self.late)).then(|| json!({"kind": "late_row"}));
        let decisions = decisions.into_iter().map(told);
        let causes: Vec<Value> =
            settings.chain(definition).chain(decisions).chain(overrides).chain(late).chain(matching.into_iter().map(told)).collect();
        if causes.is_empty() && over && touches(&self.begun) { vec![json!({"kind": "late_row"})] } else { causes }
    }
}

/// A change to note.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub metric: &'a str,
    pub scope: (&'a str, &'a str),
    pub window: (&'a str, Time, Time),
    pub definition_version: i32,
    pub unit: &'a str,
    /// Value and number of rows.
    pub before: (Option<f64>, i32),
    pub after: (Option<f64>, i32),
    pub causes: Vec<Value>,
}

impl<'a> Change<'a> {
    /// `None` where there is nothing to tell.
    pub(super) fn of(book: &CauseBook, new: &'a NewSnapshot, before: (Option<f64>, i32)) -> Option<Self> {
        let causes = book.causes(new.metric, (new.scope_kind, &new.scope_id), (new.window_kind, new.window_start, new.window_end));
        (!causes.is_empty() && differ(before.0, new.value)).then(|| Self {
            metric: new.metric,
            scope: (new.scope_kind, &new.scope_id),
            window: (new.window_kind, new.window_start, new.window_end),
            definition_version: new.definition_version,
            unit: new.unit,
            before,
            after: (new.value, new.row_count),
            causes,
        })
    }
}

/// Whether two values are not the same number: what the order of a sum does to the last digits of a mean is no change.
fn differ(before: Option<f64>, after: Option<f64>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => (before - after).abs() > 1e-9 * before.abs().max(after.abs()).max(1.0),
        _ => before != after,
    }
}

pub(super) async fn changes_copy(tx: &mut PgConnection, org: OrgId, run: RunId, changes: &[Change<'_>]) -> Result<(), StoreError> {
    let columns = [
        "org_id",
        "run_id",
        "metric",
        "scope_kind",
        "scope_id",
        "window_kind",
        "window_start",
        "window_end",
        "definition_version",
        "unit",
        "before",
        "after",
        "rows_before",
        "rows_after",
        "cause",
        "decision_id",
        "causes",
    ];
    copy_in(tx, "kpi_changes", &columns, changes, |row, change| {
        let (kind, start, end) = change.window;
        row.uuid(org.0);
        row.uuid(run.0);
        row.text(change.metric);
        row.text(change.scope.0);
        row.text(change.scope.1);
        row.text(kind);
        row.time(start);
        row.time(end);
        row.i32(change.definition_version);
        row.text(change.unit);
        row.maybe_f64(change.before.0);
        row.maybe_f64(change.after.0);
        row.i32(change.before.1);
        row.i32(change.after.1);
        row.text(change.causes.first().and_then(|cause| cause["kind"].as_str()).unwrap_or("late_row"));
        row.maybe_i64(change.causes.iter().find_map(|cause| cause["decision_id"].as_i64()));
        row.jsonb(&Value::Array(change.causes.clone()).to_string());
    })
    .await?;
    Ok(())
}

/// A change as it is listed. Columns are documented in the migration.
#[derive(Clone, Debug, FromRow)]
pub struct KpiChangeRow {
    pub id: i64,
    pub at: Time,
    pub run_id: Uuid,
    pub metric: String,
    pub scope_kind: String,
    pub scope_id: String,
    /// Full path of a project, name of a team or person.
    pub scope_name: Option<String>,
    pub window_kind: String,
    pub window_start: Time,
    pub window_end: Time,
    pub definition_version: i32,
    pub unit: String,
    pub before: Option<f64>,
    pub after: Option<f64>,
    pub rows_before: i32,
    pub rows_after: i32,
    pub cause: String,
    pub decision_id: Option<i64>,
    pub causes: Value,
}

/// Which changes to list.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    pub metric: Option<MetricKey>,
    pub scope_kind: Option<&'static str>,
    pub scope_id: Option<String>,
    pub window_kind: Option<&'static str>,
    /// One of the causes: `settings`, `definition`, `decision`, `override`, `late_row`.
    pub cause: Option<&'static str>,
    /// One of the causes.
    pub decision_id: Option<i64>,
    pub run_id: Option<Uuid>,
    /// Noted at or after this time.
    pub since: Option<Time>,
    /// Whether figures of single people are listed too.
    pub people: bool,
    /// Figures of teams that had fewer people in the window are not listed. `None`: of all teams.
    pub min_members: Option<i64>,
}

impl Store {
    /// Changes, newest first.
    pub async fn kpi_changes(&self, org: OrgId, filter: &ChangeFilter, page: &PageToken) -> Result<PageOf<KpiChangeRow>, StoreError> {
        let before: Option<i64> = page.key(CHANGES_LIST)?;
        let rows = sqlx::query_as(include_str!("changes_list.sql"))
            .bind(org.0)
            .bind(filter.metric.map(MetricKey::as_str))
            .bind(filter.scope_kind)
            .bind(&filter.scope_id)
            .bind(filter.window_kind)
            .bind(filter.cause)
            .bind(filter.decision_id)
            .bind(filter.run_id)
            .bind(filter.since)
            .bind(filter.people)
            .bind(before)
            .bind(page.fetch())
            .bind(filter.min_members);
        page.page(CHANGES_LIST, rows.fetch_all(&self.pool).await?, |row: &KpiChangeRow| row.id)
    }
}

#[cfg(test)]
mod tests {
    use super::differ;

    #[test]
    fn the_last_digits_of_a_mean_are_no_change() {
        assert!(!differ(Some(100.0), Some(99.999_999_999_999_99)));
        assert!(!differ(Some(0.0), Some(-0.0)));
        assert!(!differ(None, None));
        assert!(differ(Some(1.0), Some(1.001)));
        assert!(differ(None, Some(0.0)), "no data is not 0");
    }
}
