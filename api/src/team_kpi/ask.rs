//! From parameters to what is read: scopes and who may see them, windows, and the settings they depend on.

use chrono::{DateTime, Utc};
use ovia_domain::MetricKey;
use ovia_kpi::{Calendar, KpiSettings, NoteBook, Window, WindowKind, windows};
use ovia_store::kpi::{
    read::{KpiFilter, KpiRow, ScopeFilter, WindowAsked},
    rows::SnapshotHead,
    state::RolledUp,
};

use super::{
    notes::{Noted, note_book, notes},
    types::{KpiOut, Scope},
};
use crate::{auth::Caller, problem::Problem, state::ApiState};

/// The parameters that say which figures are wanted.
pub(super) struct Asked {
    pub metric: Option<MetricKey>,
    pub scope: Option<Scope>,
    pub project: Option<String>,
    pub team: Option<String>,
    pub person: Option<String>,
    pub kind: WindowKind,
}

/// The organisation's settings.
pub(crate) struct Settings {
    pub settings: KpiSettings,
    pub person_level: bool,
}

/// What figures are read with.
pub(super) struct Figures {
    pub filter: KpiFilter,
    pub settings: Settings,
    rolled_up: RolledUp,
    kind: WindowKind,
    org_id: ovia_domain::OrgId,
    pub book: NoteBook,
}

/// A project, team or person that is not there.
pub(super) fn no_scope(kind: &str, asked: &str) -> Problem {
    let hint = match kind {
        "team" => "GET /team/teams lists teams.",
        "person" => "GET /team/people lists people.",
        _ => "GET /team/kpi?scope=project lists the projects there are figures of.",
    };
    Problem::missing(format!("There is no {kind} {asked}."), hint)
}

pub(crate) async fn settings(state: &ApiState, caller: &Caller) -> Result<Settings, Problem> {
    let row = state.config.store.kpi_settings(caller.org_id()).await?;
    // what a later version does not take any more is as shipped
    let settings = serde_json::from_value(row.settings).unwrap_or_default();
    Ok(Settings { settings, person_level: row.person_level })
}

impl Asked {
    /// Which scopes; a refusal where they contradict each other or must not be seen.
    pub(super) async fn scope(&self, state: &ApiState, caller: &Caller, settings: &Settings) -> Result<ScopeFilter, Problem> {
        let named =
            [("project", Scope::Project, &self.project), ("team", Scope::Team, &self.team), ("person", Scope::Person, &self.person)];
        let mut given = named.iter().filter(|(.., one)| one.is_some());
        let one = given.next();
        if let Some((name, ..)) = given.next() {
            return Err(Problem::parameter(name, "only one of `project`, `team` and `person` can be given"));
        }
        let filter = match (one, self.scope) {
            (Some((name, kind, _)), Some(scope)) if scope.kind() != kind.kind() => {
                return Err(Problem::parameter(name, &format!("it cannot be given together with scope={}", scope.as_str())));
            }
            (Some((_, kind, one)), _) => ScopeFilter { kind: kind.kind(), one: (*one).clone() },
            (None, scope) => ScopeFilter { kind: scope.unwrap_or(Scope::Organisation).kind(), one: None },
        };
        if filter.kind == "person" {
            may_see_people(state, caller, settings).await?;
        }
        Ok(filter)
    }
}

/// Refuses figures of single people where the organisation has none, or the token may not see them.
pub(crate) async fn may_see_people(state: &ApiState, caller: &Caller, settings: &Settings) -> Result<(), Problem> {
    if !settings.person_level {
        return Err(Problem::forbidden(
            "The organisation has no figures of single people.",
            "They are off unless somebody turns them on: PUT /team/kpi/settings with `person_level` true.",
        ));
    }
    if !caller.may_see_people(state).await? {
        return Err(Problem::forbidden(
            "This token may not see figures of single people.",
            "The operator allows it on the server with `ovia kpi people-access <token name> --allow`.",
        ));
    }
    Ok(())
}

/// How many people a team must have had in a window for the caller to see its figures; `None` for those who may see figures of single
/// people.
pub(super) async fn min_members(state: &ApiState, caller: &Caller, settings: &Settings) -> Result<Option<i64>, Problem> {
    let all = settings.person_level && caller.may_see_people(state).await?;
    Ok((!all).then_some(i64::from(settings.settings.min_team_size)))
}

/// Refuses a figure of a single person, or of a team of few, to those who must not see it.
pub(super) async fn may_see(state: &ApiState, caller: &Caller, head: &SnapshotHead) -> Result<(), Problem> {
    let settings = settings(state, caller).await?;
    match head.scope_kind.as_str() {
        "person" => may_see_people(state, caller, &settings).await,
        "team" => {
            let Some(least) = min_members(state, caller, &settings).await? else { return Ok(()) };
            let store = &state.config.store;
            let members = store.kpi_team_members(caller.org_id(), &head.scope_id, head.window_start, head.window_end).await?;
            if members >= least {
                return Ok(());
            }
            Err(Problem::forbidden(
                format!("The team had fewer than {least} people in this window."),
                "Figures of so few are for tokens that may see figures of single people; `min_team_size` in PUT /team/kpi/settings says \
                how few.",
            ))
        }
        _ => Ok(()),
    }
}

impl Figures {
    pub(super) async fn begin(state: &ApiState, caller: &Caller, asked: &Asked) -> Result<Self, Problem> {
        let (settings, book, rolled_up) = note_book(state, caller).await?;
        let scope = asked.scope(state, caller, &settings).await?;
        let min_members = min_members(state, caller, &settings).await?;
        let metrics = asked.metric.map_or_else(|| MetricKey::ALL.to_vec(), |metric| vec![metric]);
        Ok(Self {
            filter: KpiFilter { scope, window_kind: asked.kind.as_str(), metrics, min_members },
            settings,
            rolled_up,
            kind: asked.kind,
            org_id: caller.org_id(),
            book,
        })
    }

    /// The window that `at` lies in, or the one of the moment the figures are for; `None` where there are no figures.
    pub(super) async fn window(&self, state: &ApiState, at: Option<DateTime<Utc>>) -> Result<Option<WindowAsked>, Problem> {
        let tz = self.settings.settings.tz();
        if let Some(at) = at.or(self.rolled_up.as_of) {
            let day = Calendar::new(tz).date(at);
            let holding = windows::of_day(day, tz).into_iter().find(|window| window.kind == self.kind);
            return Ok(holding.map(|window| WindowAsked { start: window.start, end: window.end, previous_start: None }));
        }
        let newest = state.config.store.kpi_windows(self.org_id, self.kind.as_str(), None, None, 1).await?;
        Ok(newest.first().map(|(start, end)| WindowAsked { start: *start, end: *end, previous_start: None }))
    }

    /// Windows from the first figure to the newest, newest first.
    pub(super) async fn windows(
        &self,
        state: &ApiState,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Vec<WindowAsked>, Problem> {
        let calendar = Calendar::new(self.settings.settings.tz());
        let asked = |window: Window| {
            let previous = calendar.previous(&window, window.end);
            WindowAsked { start: window.start, end: window.end, previous_start: Some(previous.start) }
        };
        let within = |start: DateTime<Utc>| since.is_none_or(|since| start >= since) && until.is_none_or(|until| start < until);
        if let (Some(as_of), Some(first), false) = (self.rolled_up.as_of, self.rolled_up.first_day, self.kind == WindowKind::Trailing30Days)
        {
            let mut all = windows::covering(calendar.midnight(first), as_of, self.settings.settings.tz());
            all.retain(|window| window.kind == self.kind && within(window.start));
            return Ok(all.into_iter().rev().map(asked).collect());
        }
        // trailing windows end with the days on which there was a rollup, and the days before those
        let stored = state.config.store.kpi_windows(self.org_id, self.kind.as_str(), since, until, 1_000).await?;
        Ok(stored.into_iter().map(|(start, end)| asked(Window { kind: self.kind, start, end })).collect())
    }

    pub(super) fn out(&self, row: KpiRow) -> KpiOut {
        let noted = Noted {
            metric: &row.metric,
            scope_kind: &row.scope_kind,
            scope_id: &row.scope_id,
            window_end: row.window_end,
            value: row.value,
            row_count: row.row_count,
            coverage: row.coverage.as_ref(),
        };
        let quality = notes(&self.book, &noted);
        KpiOut::new(row, self.kind, &self.settings.settings, quality)
    }
}
