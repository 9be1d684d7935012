//! What an import comes to, worked out in memory: who the lines mean, and which stretches in teams there are to be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use ovia_domain::PersonId;
use uuid::Uuid;

use super::{ImportOutcome, ImportProblem, PersonImport, text};

/// A person there is, and how it was found.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: Uuid,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_imported: bool,
    /// The address of the file that an account of the person has.
    pub account_email: Option<String>,
    /// More than what rules made of accounts: imported, in a team, or confirmed.
    pub is_firm: bool,
}

/// A stretch there is.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub id: i64,
    pub team_id: Uuid,
    pub person_id: Uuid,
    pub role: Option<String>,
    pub from_date: NaiveDate,
    pub until_date: Option<NaiveDate>,
}

/// Teams by the key of their names, and stretches in them.
pub(super) struct Present {
    pub teams: Vec<(String, Uuid)>,
    pub memberships: Vec<Membership>,
}

/// A person as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub display_name: String,
    pub primary_email: Option<String>,
    /// By this file or an earlier one.
    pub is_imported: bool,
}

/// Role and end of a stretch.
pub(super) type Terms = (Option<String>, Option<NaiveDate>);

/// A stretch as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// Of one there is.
    pub id: Option<i64>,
    pub before: Option<Terms>,
    pub after: Terms,
    /// The line that says so; `None`: none does.
    line: Option<u64>,
}

#[derive(Default)]
pub(super) struct Plan {
    /// As they are to be, and as they were.
    pub people: BTreeMap<Uuid, Person>,
    pub before: HashMap<Uuid, Person>,
    /// Whom each line means, by its place.
    persons: Vec<Option<Uuid>>,
    /// Teams there are, and names of those to be made, by key.
    pub teams: HashMap<String, Uuid>,
    pub new_teams: BTreeMap<String, String>,
    /// By team's key, person and first day.
    pub stretches: BTreeMap<(String, Uuid), BTreeMap<NaiveDate, Stretch>>,
    /// Lines that change their stretch, by place.
    changing: HashSet<usize>,
    problems: Vec<ImportProblem>,
}

/// How names and addresses are compared.
pub(super) fn key(text: &str) -> String {
    text.to_lowercase()
}

impl Plan {
    /// Who the lines mean: known, renamed, or made. Lines with an id come first, whose address may be what others name.
    pub fn of_people(rows: &[PersonImport], known: Vec<Known>) -> Self {
        let mut plan = Self { persons: vec![None; rows.len()], ..Self::default() };
        let mut by_account: HashMap<String, BTreeSet<Uuid>> = HashMap::new();
        let firm: HashSet<Uuid> = known.iter().filter(|person| person.is_firm).map(|person| person.id).collect();
        for person in known {
            if let Some(email) = person.account_email {
                by_account.entry(key(&email)).or_default().insert(person.id);
            }
            let Known { display_name, primary_email, is_imported, .. } = person;
            plan.people.insert(person.id, Person { display_name, primary_email, is_imported });
        }
        plan.before = plan.people.iter().map(|(id, person)| (*id, person.clone())).collect();
        for (place, row) in rows.iter().enumerate() {
            let Some(id) = row.person else { continue };
            match plan.people.get_mut(&id.0) {
                Some(person) => {
                    person.named(row, true);
                    plan.persons[place] = Some(id.0);
                }
                None => plan.problem(row, "person_id", format!("there is no person {id}")),
            }
        }
        let mut by_own: HashMap<String, BTreeSet<Uuid>> = HashMap::new();
        for (id, person) in &plan.people {
            if let Some(email) = &person.primary_email {
                by_own.entry(key(email)).or_default().insert(*id);
            }
        }
        // somebody new has the name that any line gives
        let names: HashMap<String, &str> = rows
            .iter()
            .filter_map(|row| Some((key(text(row.email.as_deref())?), text(row.display_name.as_deref()).filter(|_| row.person.is_none())?)))
            .collect();
        for (place, row) in rows.iter().enumerate().filter(|(_, row)| row.person.is_none()) {
            let Some(email) = text(row.email.as_deref()) else {
                plan.problem(row, "email", "a line needs a person's id or an e-mail".into());
                continue;
            };
            let address = key(email);
            let found: BTreeSet<Uuid> = [by_own.get(&address), by_account.get(&address)].into_iter().flatten().flatten().copied().collect();
            let firm: Vec<Uuid> = found.iter().copied().filter(|id| firm.contains(id)).collect();
            let only = if found.len() == 1 { found.first() } else { firm.first().filter(|_| firm.len() == 1) };
            match (only, found.is_empty()) {
                (Some(id), _) => {
                    plan.persons[place] = Some(*id);
                    if let Some(person) = plan.people.get_mut(id) {
                        person.named(row, false);
                    }
                }
                (None, false) => {
                    plan.problem(row, "email", "several people have this address: give the person's id, or merge them".into());
                }
                (None, true) => match names.get(&address) {
                    Some(name) => {
                        let id = PersonId::generate().0;
                        let person = Person { display_name: (*name).to_owned(), primary_email: Some(email.to_owned()), is_imported: true };
                        plan.people.insert(id, person);
                        by_own.entry(address).or_default().insert(id);
                        plan.persons[place] = Some(id);
                    }
                    None => plan.problem(row, "name", "nobody has this address, and somebody new needs a name".into()),
                },
            }
        }
        plan
    }

    /// People there are already that a line means.
    pub fn persons(&self) -> Vec<Uuid> {
        let persons: BTreeSet<Uuid> = self.persons.iter().flatten().filter(|id| self.before.contains_key(*id)).copied().collect();
        persons.into_iter().collect()
    }

    /// The stretches there are to be. Only what comes out has to be without overlaps, not each line on the way.
    pub fn memberships(&mut self, rows: &[PersonImport], present: Present) {
        self.teams = present.teams.into_iter().collect();
        let keys: HashMap<Uuid, String> = self.teams.iter().map(|(key, id)| (*id, key.clone())).collect();
        for row in present.memberships {
            let Some(team) = keys.get(&row.team_id) else { continue };
            let terms = (row.role, row.until_date);
            let stretch = Stretch { id: Some(row.id), before: Some(terms.clone()), after: terms, line: None };
            self.stretches.entry((team.clone(), row.person_id)).or_default().insert(row.from_date, stretch);
        }
        for (place, row) in rows.iter().enumerate() {
            if let (Some(person), Some(team)) = (self.persons[place], text(row.team.as_deref())) {
                self.stretch(place, row, person, team);
            }
        }
        self.overlaps();
    }

    fn stretch(&mut self, place: usize, row: &PersonImport, person: Uuid, team: &str) {
        let Some(from) = row.from_date else { return self.problem(row, "from", "a team needs the day from which on".into()) };
        if row.until_date.is_some_and(|until| until <= from) {
            return self.problem(row, "until", "it is not after `from`".into());
        }
        let name = key(team);
        if !self.teams.contains_key(&name) {
            self.new_teams.entry(name.clone()).or_insert_with(|| team.to_owned());
        }
        let terms: Terms = (text(row.role.as_deref()).map(str::to_owned), row.until_date);
        let stretches = self.stretches.entry((name, person)).or_default();
        match stretches.get_mut(&from) {
            Some(Stretch { line: Some(line), after, .. }) => {
                if *after != terms {
                    let message = format!("line {line} says otherwise about the same person, team and day");
                    self.problem(row, "from", message);
                }
            }
            Some(stretch) => {
                if stretch.after != terms {
                    self.changing.insert(place);
                }
                (stretch.after, stretch.line) = (terms, Some(row.line));
            }
            None => {
                self.changing.insert(place);
                stretches.insert(from, Stretch { id: None, before: None, after: terms, line: Some(row.line) });
            }
        }
    }

    fn overlaps(&mut self) {
        let mut problems = Vec::new();
        for ((team, _), stretches) in &self.stretches {
            let neighbours = stretches.values().zip(stretches.iter().skip(1));
            for (one, (from, other)) in neighbours {
                let is_apart = one.after.1.is_some_and(|until| until <= *from);
                if let Some(line) = other.line.or(one.line).filter(|_| !is_apart) {
                    let message = format!("the person is in `{team}` at that time already, from another day on");
                    problems.push(ImportProblem { line, field: "from", message });
                }
            }
        }
        // one that overlaps on both sides is wrong once
        problems.dedup();
        self.problems.extend(problems);
    }

    fn problem(&mut self, row: &PersonImport, field: &'static str, message: String) {
        self.problems.push(ImportProblem { line: row.line, field, message });
    }

    /// Whether the person is made, or another than before.
    pub fn is_changed(&self, id: &Uuid) -> bool {
        self.before.get(id) != self.people.get(id)
    }

    pub fn outcome(&self) -> ImportOutcome {
        let count = |is: fn(&Stretch) -> bool| self.stretches.values().flat_map(BTreeMap::values).filter(|one| is(one)).count() as u64;
        let mut problems = self.problems.clone();
        problems.sort_by_key(|problem| problem.line);
        let mut seen = HashSet::new();
        let unchanged = self.persons.iter().enumerate().filter(|(place, person)| {
            let is_first = person.is_some_and(|person| seen.insert(person) && self.is_changed(&person));
            person.is_some() && !is_first && !self.changing.contains(place)
        });
        ImportOutcome {
            unchanged: unchanged.count() as u64,
            people_created: self.people.keys().filter(|id| !self.before.contains_key(*id)).count() as u64,
            people_updated: self.before.keys().filter(|id| self.is_changed(id)).count() as u64,
            teams_created: self.new_teams.len() as u64,
            memberships_created: count(|one| one.id.is_none()),
            memberships_updated: count(|one| one.id.is_some() && one.before.as_ref() != Some(&one.after)),
            problems,
        }
    }
}

impl Person {
    /// What a line says about somebody known. An address by which somebody is found is nobody's word about what it is.
    fn named(&mut self, row: &PersonImport, by_id: bool) {
        let (name, email) = (text(row.display_name.as_deref()), text(row.email.as_deref()));
        self.is_imported |= name.is_some() || by_id && email.is_some();
        if let Some(name) = name {
            name.clone_into(&mut self.display_name);
        }
        let is_other = |email: &&str| self.primary_email.as_deref().map(key) != Some(key(email));
        if let Some(email) = email.filter(is_other).filter(|_| by_id || self.primary_email.is_none()) {
            self.primary_email = Some(email.to_owned());
        }
    }
}
