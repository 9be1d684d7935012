//! One cell per scope and window. A row is looked at once and counted into the few cells it belongs to; nothing is filtered per window.

use chrono::{DateTime, Utc};

use crate::{Facts, KpiSettings, ProjectKey, Window, snapshot::Figure, timeline::Timelines, windows::WindowSet};

/// What every metric's function is given.
pub struct Inputs<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) settings: &'a KpiSettings,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) windows: WindowSet,
    pub(crate) timelines: Timelines<'a>,
}

/// 0 is the organisation, then the projects in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeIndex(usize);

impl ScopeIndex {
    const ORGANISATION: Self = Self(0);

    /// The scopes a project's row counts in.
    fn of(project: ProjectKey) -> [Self; 2] {
        [Self::ORGANISATION, Self(project.0 as usize + 1)]
    }
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(facts: &'a Facts, settings: &'a KpiSettings, as_of: DateTime<Utc>, windows: Vec<Window>) -> Self {
        Self { facts, settings, as_of, windows: WindowSet::new(windows), timelines: Timelines::new(facts) }
    }

    pub(crate) fn scopes(&self) -> usize {
        1 + self.facts.project_ids().len()
    }

    /// Per scope, when its first merge request was created; before that it has no data.
    pub(crate) fn first_merge_requests(&self) -> Firsts {
        Firsts::new(self.scopes(), self.facts.merge_requests.iter().map(|row| (row.project, row.created_at)))
    }
}

pub(crate) struct Grid<'a, T> {
    inputs: &'a Inputs<'a>,
    cells: Vec<T>,
}

impl<'a, T: Default> Grid<'a, T> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Self {
        let cells = std::iter::repeat_with(T::default).take(inputs.scopes() * inputs.windows.as_slice().len()).collect();
        Self { inputs, cells }
    }

    /// Shows `note` the project's and the organisation's cell of each window `at` falls into.
    pub(crate) fn at(&mut self, project: ProjectKey, at: DateTime<Utc>, mut note: impl FnMut(&mut T)) {
        for window in self.inputs.windows.containing(at) {
            self.in_window(project, window, &mut note);
        }
    }

    /// Shows `note` the project's and the organisation's cell of one window.
    pub(crate) fn in_window(&mut self, project: ProjectKey, window: usize, mut note: impl FnMut(&mut T)) {
        let windows = self.inputs.windows.as_slice().len();
        for scope in ScopeIndex::of(project) {
            if let Some(cell) = self.cells.get_mut(scope.0 * windows + window) {
                note(cell);
            }
        }
    }

    /// A figure per cell, in the order of scopes, then windows.
    pub(crate) fn figures(self, figure: impl Fn(ScopeIndex, &Window, T) -> Figure) -> Vec<Figure> {
        let windows = self.inputs.windows.as_slice();
        let places = (0..self.inputs.scopes()).flat_map(|scope| windows.iter().map(move |window| (ScopeIndex(scope), window)));
        places.zip(self.cells).map(|((scope, window), cell)| figure(scope, window, cell)).collect()
    }
}

/// Per scope, the first time something happened.
pub(crate) struct Firsts(Vec<Option<DateTime<Utc>>>);

impl Firsts {
    pub(crate) fn new(scopes: usize, times: impl Iterator<Item = (ProjectKey, DateTime<Utc>)>) -> Self {
        let mut firsts = vec![None; scopes];
        for (project, at) in times {
            for scope in ScopeIndex::of(project) {
                if let Some(first) = firsts.get_mut(scope.0) {
                    *first = Some(first.map_or(at, |known: DateTime<Utc>| known.min(at)));
                }
            }
        }
        Self(firsts)
    }

    /// Whether it happened in the scope before `moment`.
    pub(crate) fn before(&self, scope: ScopeIndex, moment: DateTime<Utc>) -> bool {
        self.0.get(scope.0).copied().flatten().is_some_and(|first| first < moment)
    }
}
