//! `/team/kpi/changes`: numbers that were told and are others now, and why.

use ovia_domain::MetricKey;
use ovia_kpi::WindowKind;
use ovia_store::kpi::changes::{ChangeFilter, KpiChangeRow};
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ask::{Asked, may_see_people, min_members, settings},
    types::{Scope, WindowOut},
};
use crate::{
    auth::Caller,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

pub(crate) struct KpiChangesApi(pub ApiState);

#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "KpiChangeCause", rename_all = "snake_case")]
enum Cause {
    /// Settings, teams, projects or connections were changed.
    Settings,
    /// A metric's definition was.
    Definition,
    /// Somebody (or a matching run) said who an account is.
    Decision,
    /// Somebody said which deployment an incident comes from.
    Override,
    /// A row came, changed or went after its window was over.
    LateRow,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Definition => "definition",
            Self::Decision => "decision",
            Self::Override => "override",
            Self::LateRow => "late_row",
        }
    }
}

/// A number that is another now.
#[derive(Object)]
#[oai(rename = "KpiChange")]
struct ChangeOut {
    id: i64,
    at: Time,
    /// The rollup that found it.
    run_id: Uuid,
    metric: String,
    /// `organisation`, `team`, `project` or `person`.
    scope: String,
    scope_id: Option<String>,
    /// A project's full path, a team's or person's name.
    scope_name: Option<String>,
    window: WindowOut,
    definition_version: i32,
    unit: String,
    /// Null: there was no data.
    before: Option<f64>,
    /// Null: there is no data any more.
    after: Option<f64>,
    /// `after` − `before`; null where one of them is.
    difference: Option<f64>,
    rows_before: i32,
    rows_after: i32,
    /// The strongest of `causes`: `settings`, `definition`, `decision`, `override` or `late_row`.
    cause: String,
    /// The decision, where it was one; null where matching did it by itself.
    decision_id: Option<i64>,
    /// Everything since the last rollup that touches the number, strongest first, as `[{"kind", "decision_id", "reason", "from_version",
    /// "to_version"}]`.
    causes: Value,
}

#[OpenApi(tag = "Tag::Team")]
impl KpiChangesApi {
    /// Numbers that changed after they were told, newest first
    ///
    /// By how much, and because of which decision, definition, setting, word on an incident or late row. What grows while its window goes
    /// on is not listed.
    #[oai(path = "/team/kpi/changes", method = "get", operation_id = "kpi_changes")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn changes(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// One team: its name or id.
        team: Query<Option<String>>,
        /// One person's id.
        person: Query<Option<String>>,
        window: Query<Option<Name<WindowKind>>>,
        /// One of the causes.
        cause: Query<Option<Cause>>,
        /// What one decision did, maybe together with others.
        decision: Query<Option<i64>>,
        /// What one rollup found.
        run: Query<Option<Uuid>>,
        /// Found at or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ChangeOut>>, Problem> {
        let store = &self.0.config.store;
        let set = settings(&self.0, &caller).await?;
        let named = project.0.is_some() || team.0.is_some() || person.0.is_some();
        let asked = Asked { metric: None, scope: scope.0, project: project.0, team: team.0, person: person.0, kind: WindowKind::Week };
        let wanted = asked.scope(&self.0, &caller, &set).await?;
        let scope_id = match &wanted.one {
            Some(one) => match store.kpi_scope(caller.org_id(), wanted.kind, one).await? {
                Some(id) => Some(id),
                None => return Ok(Json(ListOf { items: Vec::new(), next_cursor: None })),
            },
            None => None,
        };
        let filter = ChangeFilter {
            metric: metric.0.map(|name| name.0),
            scope_kind: (named || scope.0.is_some()).then_some(wanted.kind),
            scope_id,
            window_kind: window.0.map(|name| name.0.as_str()),
            cause: cause.0.map(Cause::as_str),
            decision_id: decision.0,
            run_id: run.0,
            since: since.0.map(|time| time.0),
            people: may_see_people(&self.0, &caller, &set).await.is_ok(),
            min_members: min_members(&self.0, &caller, &set).await?,
        };
        let rows = store.kpi_changes(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ChangeOut::from))
    }
}

impl From<KpiChangeRow> for ChangeOut {
    fn from(row: KpiChangeRow) -> Self {
        Self {
            id: row.id,
            at: row.at.into(),
            run_id: row.run_id,
            metric: row.metric,
            scope: row.scope_kind,
            scope_id: Some(row.scope_id).filter(|id| !id.is_empty()),
            scope_name: row.scope_name,
            window: WindowOut { kind: row.window_kind, start: row.window_start.into(), end: row.window_end.into() },
            definition_version: row.definition_version,
            unit: row.unit,
            difference: row.after.zip(row.before).map(|(after, before)| after - before),
            before: row.before,
            after: row.after,
            rows_before: row.rows_before,
            rows_after: row.rows_after,
            cause: row.cause,
            decision_id: row.decision_id,
            causes: row.causes,
        }
    }
}
