//! `/team/kpi`: the numbers and their history. What needs attention is in `team_risks`.

use ovia_domain::MetricKey;
use ovia_store::kpi_read::KpiFilter;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use crate::{
    auth::Caller,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

mod types;

use types::{KpiOut, Scope, Window};

pub(crate) struct TeamKpiApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl TeamKpiApi {
    /// The newest value of each metric
    ///
    /// A null `value` means there is no data, which is not 0. `rows_path` lists the rows that were counted.
    #[oai(path = "/team/kpi", method = "get", operation_id = "kpi_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn latest(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        /// The organisation (default) or every project.
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// Default `trailing_30_days`.
        window: Query<Option<Window>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<KpiOut>>, Problem> {
        let filter = filter(metric.0, scope.0, project.0, window.0.unwrap_or(Window::Trailing30Days))?;
        let rows = self.0.config.store.kpi_latest(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, KpiOut::from))
    }

    /// Metrics over time, newest window first
    #[oai(path = "/team/kpi/history", method = "get", operation_id = "kpi_history")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn history(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        /// The organisation (default) or every project.
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// Default `week`.
        window: Query<Option<Window>>,
        /// Windows that start at or after this time.
        since: Query<Option<Time>>,
        /// Windows that start before this time.
        until: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<KpiOut>>, Problem> {
        let filter = filter(metric.0, scope.0, project.0, window.0.unwrap_or(Window::Week))?;
        let filter = KpiFilter { since: since.0.map(|time| time.0), until: until.0.map(|time| time.0), ..filter };
        let rows = self.0.config.store.kpi_history(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, KpiOut::from))
    }
}

fn filter(metric: Option<Name<MetricKey>>, scope: Option<Scope>, project: Option<String>, window: Window) -> Result<KpiFilter, Problem> {
    if project.is_some() && matches!(scope, Some(Scope::Organisation)) {
        return Err(Problem::parameter("project", "it cannot be given together with scope=organisation"));
    }
    Ok(KpiFilter {
        metric: metric.map(|metric| metric.0),
        every_project: matches!(scope, Some(Scope::Project)),
        project,
        window_kind: window.as_str().into(),
        since: None,
        until: None,
    })
}
