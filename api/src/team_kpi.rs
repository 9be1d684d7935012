//! `/team/kpi`: the numbers and their history. What needs attention is in `team_risks`.

use ovia_domain::MetricKey;
use ovia_kpi::WindowKind;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
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

pub(crate) mod ask;
pub(crate) mod changes;
mod definition;
pub(crate) mod incidents;
mod notes;
pub(crate) mod rows;
pub(crate) mod settings;
mod types;

use ask::{Asked, Figures};
use definition::DefinitionOut;
use types::{KpiOut, Scope};

pub(crate) struct TeamKpiApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl TeamKpiApi {
    /// The newest value of each metric
    ///
    /// Every metric of every scope that is asked for, also where there is no data: `value` is null then, which is not 0. `rows_path` lists
    /// the rows that were counted; `quality` says what is known against the data behind a number.
    #[oai(path = "/team/kpi", method = "get", operation_id = "kpi_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn latest(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        /// The organisation (default), or every project, team or person.
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// One team: its name or id. Not windows in which it had fewer people than `min_team_size` of the settings, unless the token may
        /// see
        /// figures of single people.
        team: Query<Option<String>>,
        /// One person's id. Only where the organisation has figures of single people, and for tokens that may see them.
        person: Query<Option<String>>,
        /// Default `trailing_30_days`.
        window: Query<Option<Name<WindowKind>>>,
        /// The window that this moment lies in; the newest one if it is not given.
        at: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<KpiOut>>, Problem> {
        let kind = window.0.map_or(WindowKind::Trailing30Days, |name| name.0);
        let asked = Asked { metric: metric.0.map(|name| name.0), scope: scope.0, project: project.0, team: team.0, person: person.0, kind };
        let figures = Figures::begin(&self.0, &caller, &asked).await?;
        let window = figures.window(&self.0, at.0.map(|time| time.0)).await?;
        let store = &self.0.config.store;
        let rows = store.kpi_latest(caller.org_id(), &figures.filter, window, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, |row| figures.out(row)))
    }

    /// Metrics over time, newest window first
    ///
    /// With the value of the window before, what changed between them, and the band the value falls into. Windows without data are listed
    /// with `value` null.
    #[oai(path = "/team/kpi/history", method = "get", operation_id = "kpi_history")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn history(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        /// The organisation (default), or every project, team or person.
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// One team: its name or id. Not windows in which it had fewer people than `min_team_size` of the settings, unless the token may
        /// see
        /// figures of single people.
        team: Query<Option<String>>,
        /// One person's id. Only where the organisation has figures of single people, and for tokens that may see them.
        person: Query<Option<String>>,
        /// Default `week`.
        window: Query<Option<Name<WindowKind>>>,
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
        let kind = window.0.map_or(WindowKind::Week, |name| name.0);
        let asked = Asked { metric: metric.0.map(|name| name.0), scope: scope.0, project: project.0, team: team.0, person: person.0, kind };
        let figures = Figures::begin(&self.0, &caller, &asked).await?;
        let windows = figures.windows(&self.0, since.0.map(|time| time.0), until.0.map(|time| time.0)).await?;
        let store = &self.0.config.store;
        let rows = store.kpi_history(caller.org_id(), &figures.filter, &windows, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, |row| figures.out(row)))
    }

    /// What a metric means
    ///
    /// Its entry in the registry, word for word, and the bands that hold for the organisation.
    #[oai(path = "/team/kpi/:metric/definition", method = "get", operation_id = "kpi_definition")]
    async fn definition(&self, caller: Caller, metric: Path<Name<MetricKey>>) -> Result<Json<DefinitionOut>, Problem> {
        let settings = ask::settings(&self.0, &caller).await?;
        Ok(Json(DefinitionOut::new(metric.0.0, &settings.settings)))
    }
}
