//! What a figure is about, and which rows belong to it.
//!
//! A row belongs to the organisation, to its project, to the person behind it and to the teams that person was in when it happened.
//! A code host's project is one repository, and a tracker's project is a project of work items; both are [`Scope::Project`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{Facts, FirstScope, PersonKey, ProjectKey};

/// What a figure is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Organisation,
    /// A repository or a project of work items: `{connection_id}:{project external id}`.
    Project(String),
    /// A team's id.
    Team(String),
    /// A person's id.
    Person(String),
}

impl Scope {
    /// As stored in `kpi_snapshots.scope_kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Project(_) => "project",
            Self::Team(_) => "team",
            Self::Person(_) => "person",
        }
    }

    /// As stored in `kpi_snapshots.scope_id`; empty for the organisation.
    pub fn id(&self) -> &str {
        match self {
            Self::Organisation => "",
            Self::Project(id) | Self::Team(id) | Self::Person(id) => id,
        }
    }
}

/// Which scopes to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeFilter {
    All,
    /// Everything but single people.
    WithoutPeople,
    Only(BTreeSet<Scope>),
}

impl ScopeFilter {
    fn asks(&self, scope: &Scope) -> bool {
        match self {
            Self::All => true,
            Self::WithoutPeople => !matches!(scope, Scope::Person(_)),
            Self::Only(scopes) => scopes.contains(scope),
        }
    }
}

/// A scope by number: the organisation, then projects, teams and people in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopeIndex(pub(crate) u32);

/// Where a row happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) project: ProjectKey,
    pub(crate) who: Who,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Nobody,
    One(PersonKey),
    /// The people of a deployment, as an index of [`crate::inputs::Inputs::crowds`].
    Crowd(u32),
}

/// Times as microseconds, compared a hundred million times in a rollup.
pub(crate) type Micros = i64;

pub(crate) fn micros(at: DateTime<Utc>) -> Micros {
    at.timestamp_micros()
}

/// The scopes of an organisation, who was in which team when, and which of them are asked for.
pub(crate) struct Scopes {
    list: Vec<Scope>,
    wanted: Vec<bool>,
    projects: u32,
    teams: u32,
    people: u32,
    /// (team, from, to) of one person after the other, ascending.
    memberships: Vec<(u32, Micros, Micros)>,
    /// By person, where theirs begin; and at last where all end.
    memberships_from: Vec<usize>,
}

impl Scopes {
    pub(crate) fn new(facts: &Facts, filter: &ScopeFilter) -> Self {
        let projects = facts.project_ids().map(|id| Scope::Project(id.to_owned()));
        let teams = facts.team_ids().map(|id| Scope::Team(id.to_owned()));
        let people = facts.person_ids().map(|id| Scope::Person(id.to_owned()));
        let list: Vec<Scope> = std::iter::once(Scope::Organisation).chain(projects).chain(teams).chain(people).collect();
        let mut memberships: Vec<_> = facts
            .team_memberships
            .iter()
            .map(|row| (row.person.0, row.team.0, row.from.map_or(Micros::MIN, micros), row.to.map_or(Micros::MAX, micros)))
            .collect();
        memberships.sort_unstable();
        let people_count = facts.person_ids().len();
        let begins = (0u32..).take(people_count + 1).map(|person| memberships.partition_point(|row| row.0 < person));
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        Self {
            wanted: list.iter().map(|scope| filter.asks(scope)).collect(),
            projects: count(facts.project_ids().len()),
            teams: count(facts.team_ids().len()),
            people: count(people_count),
            list,
            memberships_from: begins.collect(),
            memberships: memberships.into_iter().map(|(_, team, from, to)| (team, from, to)).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The scopes asked for, ascending.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (ScopeIndex, &Scope)> {
        let indexed = self.list.iter().zip(&self.wanted).zip(0u32..);
        indexed.filter(|((_, wanted), _)| **wanted).map(|((scope, _), index)| (ScopeIndex(index), scope))
    }

    pub(crate) fn index_of(&self, scope: FirstScope) -> usize {
        let index = match scope {
            FirstScope::Organisation => 0,
            FirstScope::Project(project) => 1 + project.0,
            FirstScope::Team(team) => 1 + self.projects + team.0,
            FirstScope::Person(person) => 1 + self.projects + self.teams + person.0,
        };
        index as usize
    }

    /// Which projects a scope is made of: all (`Some(None)`), one, or none that could be told (`None`: teams and people).
    pub(crate) fn projects_of(&self, scope: ScopeIndex) -> Option<Option<ProjectKey>> {
        match scope.0.checked_sub(1) {
            None => Some(None),
            Some(index) => (index < self.projects).then_some(Some(ProjectKey(index))),
        }
    }

    pub(crate) fn is_person(&self, scope: ScopeIndex) -> bool {
        matches!(self.list.get(scope.0 as usize), Some(Scope::Person(_)))
    }

    fn is_wanted(&self, index: u32) -> bool {
        self.wanted.get(index as usize).copied().unwrap_or_default()
    }

    /// Shows `note` the scopes without time: organisation, project, person. Each once.
    fn lasting(&self, place: Place, crowds: &[Vec<PersonKey>], mut note: impl FnMut(ScopeIndex)) {
        let mut show = |index: u32| {
            if self.is_wanted(index) {
                note(ScopeIndex(index));
            }
        };
        show(0);
        show(1 + place.project.0);
        for person in people(&place.who, crowds).iter().filter(|person| person.0 < self.people) {
            show(1 + self.projects + self.teams + person.0);
        }
    }

    /// Shows `note` every scope asked for that a row at `at` belongs to. Each once.
    pub(crate) fn at(&self, place: Place, at: Micros, crowds: &[Vec<PersonKey>], mut note: impl FnMut(ScopeIndex)) {
        self.lasting(place, crowds, &mut note);
        let mut show = |team: u32| {
            let index = 1 + self.projects + team;
            if self.is_wanted(index) {
                note(ScopeIndex(index));
            }
        };
        match people(&place.who, crowds) {
            [] => {}
            // as nearly always: no list, as their teams are ascending
            [person] => {
                let mut last = None;
                for team in self.teams_at(*person, at).filter(|team| last.replace(*team) != Some(*team)) {
                    show(team);
                }
            }
            many => many.iter().flat_map(|person| self.teams_at(*person, at)).collect::<BTreeSet<u32>>().into_iter().for_each(show),
        }
    }

    /// Shows `note` every scope asked for that a state lasting through `(from, to]` belongs to, with the part of it that does.
    pub(crate) fn through(&self, place: Place, (from, to): (Micros, Micros), mut note: impl FnMut(ScopeIndex, Micros, Micros)) {
        self.lasting(place, &[], |scope| note(scope, from, to));
        let Who::One(person) = place.who else { return };
        let mut stays: Vec<(u32, Micros, Micros)> = self
            .memberships_of(person)
            .iter()
            .map(|(team, begin, end)| (*team, from.max(*begin), to.min(*end)))
            .filter(|(team, begin, end)| begin < end && self.is_wanted(1 + self.projects + team))
            .collect();
        // stays in one team that overlap are one stay, not two items
        stays.sort_unstable();
        let mut merged: Vec<(u32, Micros, Micros)> = Vec::with_capacity(stays.len());
        for stay in stays {
            match merged.last_mut() {
                Some(last) if last.0 == stay.0 && stay.1 <= last.2 => last.2 = last.2.max(stay.2),
                _ => merged.push(stay),
            }
        }
        for (team, begin, end) in merged {
            note(ScopeIndex(1 + self.projects + team), begin, end);
        }
    }

    /// The teams somebody was in at a moment, ascending; one more than once where two memberships of it overlap.
    fn teams_at(&self, person: PersonKey, at: Micros) -> impl Iterator<Item = u32> {
        self.memberships_of(person).iter().filter(move |(_, from, to)| *from <= at && at < *to).map(|row| row.0)
    }

    fn memberships_of(&self, person: PersonKey) -> &[(u32, Micros, Micros)] {
        let person = person.0 as usize;
        match self.memberships_from.get(person..person.saturating_add(2)) {
            Some([from, to]) => self.memberships.get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }
}

fn people<'a>(who: &'a Who, crowds: &'a [Vec<PersonKey>]) -> &'a [PersonKey] {
    match who {
        Who::Nobody => &[],
        Who::One(person) => std::slice::from_ref(person),
        Who::Crowd(index) => crowds.get(*index as usize).map_or(&[], Vec::as_slice),
    }
}

/// Rows by scope: for each scope a run of row numbers.
#[derive(Debug, Default)]
pub(crate) struct ByScope {
    /// Where a scope's rows end; they begin where the one before ends.
    ends: Vec<u32>,
    rows: Vec<u32>,
}

impl ByScope {
    /// `each` shows its argument, for every row in order, the row's number and its scopes; it is called twice.
    pub(crate) fn new(scopes: usize, each: impl Fn(&mut dyn FnMut(u32, ScopeIndex))) -> Self {
        let mut ends = vec![0u32; scopes + 1];
        each(&mut |_, scope| ends[scope.0 as usize + 1] += 1);
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        let mut rows = vec![0u32; end as usize];
        // ends[scope] is where its next row goes, so that at last it is where its rows end
        each(&mut |row, scope| {
            let next = &mut ends[scope.0 as usize];
            rows[*next as usize] = row;
            *next += 1;
        });
        ends.pop();
        Self { ends, rows }
    }

    pub(crate) fn of(&self, scope: ScopeIndex) -> &[u32] {
        let index = scope.0 as usize;
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let to = self.ends.get(index).copied().unwrap_or_default();
        self.rows.get(from as usize..to as usize).unwrap_or_default()
    }
}
