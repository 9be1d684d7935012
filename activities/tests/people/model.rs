//! What decisions mean, written a second time and naively: maps instead of tables.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Auto,
    Conflict,
    Confirmed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub person: Uuid,
    pub status: Status,
    pub confidence: f64,
    pub candidates: Vec<Uuid>,
}

/// Why the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    Refused,
    Contradicts,
    BuiltOn,
    Invalid,
}

#[derive(Clone, Debug)]
pub enum Op {
    Confirm(Uuid, Uuid),
    Remap(Uuid, Option<Uuid>),
    Split(Uuid, Vec<Uuid>),
    Merge(Uuid, Uuid),
    Never(Uuid, Uuid),
    Undo(i64),
}

#[derive(Clone, Debug, Default)]
struct Made {
    about: BTreeSet<Uuid>,
    before: BTreeMap<Uuid, Option<Link>>,
    never: BTreeSet<(Uuid, Uuid)>,
    rejected: BTreeSet<(Uuid, Uuid)>,
    merged: Option<(Uuid, Uuid)>,
    undoes: Option<i64>,
    undone: bool,
    since: i64,
}

#[derive(Default)]
pub struct Model {
    pub links: BTreeMap<Uuid, Link>,
    decisions: BTreeMap<i64, Made>,
    merged_into: BTreeMap<Uuid, Uuid>,
}

/// A decision as it takes shape. `None` as a person is the new one.
#[derive(Default)]
struct Draft {
    made: Made,
    links: BTreeMap<Uuid, (Option<Uuid>, Status)>,
}

impl Draft {
    fn confirm(&mut self, account: Uuid, person: Option<Uuid>) {
        self.made.about.insert(account);
        self.links.insert(account, (person, Status::Confirmed));
    }

    fn never(&mut self, one: &[Uuid], other: &[Uuid]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            self.made.about.extend([a, b]);
            self.made.never.insert((a.min(b), a.max(b)));
        }
    }

    fn reject(&mut self, account: Uuid, person: Uuid) {
        self.made.about.insert(account);
        self.made.rejected.insert((account, person));
    }
}

impl Model {
    pub fn never(&self) -> BTreeSet<(Uuid, Uuid)> {
        self.holding().flat_map(|made| made.never.iter().copied()).collect()
    }

    pub fn rejected(&self) -> BTreeSet<(Uuid, Uuid)> {
        self.holding().flat_map(|made| made.rejected.iter().copied()).collect()
    }

    pub fn people(&self) -> BTreeSet<Uuid> {
        self.links.values().map(|link| link.person).collect()
    }

    pub fn undoable(&self) -> Vec<i64> {
        self.decisions.keys().copied().collect()
    }

    fn holding(&self) -> impl Iterator<Item = &Made> {
        self.decisions.values().filter(|made| !made.undone && made.undoes.is_none())
    }

    fn members(&self, person: Uuid) -> Vec<Uuid> {
        self.links.iter().filter(|(_, link)| link.person == person).map(|(account, _)| *account).collect()
    }

    fn others(&self, account: Uuid) -> Vec<Uuid> {
        let others = |link: &Link| self.members(link.person).into_iter().filter(|one| *one != account).collect();
        self.links.get(&account).map(others).unwrap_or_default()
    }

    fn is(&self, account: Uuid, status: Status) -> bool {
        self.links.get(&account).is_some_and(|link| link.status == status)
    }

    /// Does `op` as decision `id`. `new` is the person that was made.
    pub fn apply(&mut self, op: &Op, id: i64, new: Option<Uuid>) {
        if let Op::Undo(target) = op {
            return self.undo(*target, id);
        }
        let Draft { mut made, links } = self.draft(op).unwrap_or_else(|no| panic!("the model refuses {op:?}: {no:?}"));
        // what was refused before is on record already
        let known = self.rejected();
        made.rejected.retain(|pair| !known.contains(pair));
        made.since = id;
        for (account, (person, status)) in links {
            let person = person.or(new).unwrap_or_else(|| panic!("{op:?} made nobody"));
            let present = self.links.get(&account).cloned();
            if present.as_ref().is_some_and(|link| link.person == person && link.status == status) {
                continue;
            }
            made.before.insert(account, present);
            self.links.insert(account, Link { person, status, confidence: 1.0, candidates: Vec::new() });
        }
        if let Some((from, into)) = made.merged {
            self.merged_into.insert(from, into);
        }
        self.decisions.insert(id, made);
    }

    /// Whether `op` may be done.
    pub fn check(&self, op: &Op) -> Result<(), No> {
        match op {
            Op::Undo(target) => self.check_undo(*target),
            other => self.draft(other).map(|_| ()),
        }
    }

    fn draft(&self, op: &Op) -> Result<Draft, No> {
        let mut draft = Draft::default();
        match op {
            Op::Confirm(account, person) => self.confirm(&mut draft, *account, *person)?,
            Op::Remap(account, to) => self.remap(&mut draft, *account, *to)?,
            Op::Split(person, leaving) => self.split(&mut draft, *person, leaving)?,
            Op::Merge(into, from) => {
                if into == from {
                    return Err(No::Invalid);
                }
                self.live(*into)?;
                self.live(*from)?;
                let (ours, theirs) = (self.members(*into), self.members(*from));
                self.apart(&ours, &theirs)?;
                for account in ours.into_iter().chain(theirs) {
                    draft.confirm(account, Some(*into));
                }
                draft.made.merged = Some((*from, *into));
            }
            Op::Never(one, other) => self.refuse(&mut draft, *one, *other)?,
            Op::Undo(_) => return Err(No::Invalid),
        }
        Ok(draft)
    }

    fn live(&self, person: Uuid) -> Result<(), No> {
        if self.members(person).is_empty() { Err(No::Refused) } else { Ok(()) }
    }

    fn apart(&self, ones: &[Uuid], others: &[Uuid]) -> Result<(), No> {
        let never = self.never();
        let is_apart = ones.iter().any(|a| others.iter().any(|b| never.contains(&(*a.min(b), *a.max(b)))));
        if is_apart { Err(No::Contradicts) } else { Ok(()) }
    }

    fn confirm(&self, draft: &mut Draft, account: Uuid, person: Uuid) -> Result<(), No> {
        self.live(person)?;
        let is_own = self.links.get(&account).is_some_and(|link| link.person == person);
        if is_own && self.is(account, Status::Confirmed) {
            return Err(No::Refused);
        }
        let counts = self.is(account, Status::Auto) || self.is(account, Status::Confirmed);
        if !is_own && counts && !self.others(account).is_empty() {
            return Err(No::Refused);
        }
        if is_own && self.is(account, Status::Conflict) {
            self.refuse_candidates(draft, account);
        }
        self.settle(draft, account, person)
    }

    fn settle(&self, draft: &mut Draft, account: Uuid, person: Uuid) -> Result<(), No> {
        let members: Vec<Uuid> = self.members(person).into_iter().filter(|one| *one != account).collect();
        self.apart(&[account], &members)?;
        let confirmed = members.iter().copied().find(|one| self.is(*one, Status::Confirmed));
        let candidates = self.links.get(&account).map(|link| link.candidates.clone()).unwrap_or_default();
        let candidate = candidates.into_iter().find(|one| members.contains(one));
        let mut surest: Vec<Uuid> = members.iter().copied().filter(|one| self.is(*one, Status::Auto)).collect();
        surest.sort_by(|a, b| self.links[b].confidence.total_cmp(&self.links[a].confidence).then(a.cmp(b)));
        if let Some(anchor) = confirmed.or(candidate).or(surest.first().copied()).or(members.first().copied()) {
            draft.confirm(anchor, Some(person));
        }
        draft.confirm(account, Some(person));
        Ok(())
    }

    fn remap(&self, draft: &mut Draft, account: Uuid, to: Option<Uuid>) -> Result<(), No> {
        let left = self.others(account);
        let own = self.links.get(&account).map(|link| link.person);
        if let Some(to) = to {
            self.live(to)?;
            if own == Some(to) {
                return Err(No::Refused);
            }
        } else if let (Some(own), true) = (own, left.is_empty()) {
            if self.is(account, Status::Confirmed) {
                return Err(No::Refused);
            }
            self.refuse_candidates(draft, account);
            draft.confirm(account, Some(own));
            return Ok(());
        }
        if let Some(own) = own.filter(|_| !left.is_empty()) {
            draft.never(&[account], &left);
            draft.reject(account, own);
        }
        match to {
            Some(to) => self.settle(draft, account, to),
            None => {
                draft.confirm(account, None);
                Ok(())
            }
        }
    }

    fn split(&self, draft: &mut Draft, person: Uuid, leaving: &[Uuid]) -> Result<(), No> {
        if leaving.is_empty() {
            return Err(No::Invalid);
        }
        self.live(person)?;
        let members = self.members(person);
        let staying: Vec<Uuid> = members.iter().copied().filter(|one| !leaving.contains(one)).collect();
        if staying.is_empty() || !leaving.iter().all(|one| members.contains(one)) {
            return Err(No::Refused);
        }
        draft.never(leaving, &staying);
        for account in leaving {
            draft.reject(*account, person);
            draft.confirm(*account, None);
        }
        Ok(())
    }

    fn refuse(&self, draft: &mut Draft, one: Uuid, other: Uuid) -> Result<(), No> {
        let person = |account: Uuid| self.links.get(&account).map(|link| link.person);
        if one == other {
            return Err(No::Invalid);
        }
        if person(one).is_some() && person(one) == person(other) {
            return Err(No::Refused);
        }
        draft.never(&[one], &[other]);
        let mut never = self.never();
        never.insert((one.min(other), one.max(other)));
        for (account, opposite) in [(one, other), (other, one)] {
            if let Some(person) = person(opposite) {
                draft.reject(account, person);
            }
            let Some(link) = self.links.get(&account).filter(|link| link.status == Status::Conflict) else { continue };
            let refused = |candidate: &Uuid| never.contains(&(account.min(*candidate), account.max(*candidate)));
            if !link.candidates.is_empty() && link.candidates.iter().all(refused) {
                draft.links.insert(account, (Some(link.person), Status::Auto));
            }
        }
        Ok(())
    }

    fn refuse_candidates(&self, draft: &mut Draft, account: Uuid) {
        let Some(link) = self.links.get(&account) else { return };
        for candidate in &link.candidates {
            let theirs = self.links.get(candidate).map(|link| link.person);
            if theirs == Some(link.person) {
                continue;
            }
            draft.never(&[account], &[*candidate]);
            if let Some(theirs) = theirs {
                draft.reject(account, theirs);
            }
        }
    }

    fn check_undo(&self, id: i64) -> Result<(), No> {
        let target = &self.decisions[&id];
        let undid_an_undo = target.undoes.is_some_and(|undone| self.decisions[&undone].undoes.is_some());
        if target.undone || undid_an_undo {
            return Err(No::Refused);
        }
        let builds = |(other, made): (&i64, &Made)| {
            let is_news = match made.undoes.map(|undone| &self.decisions[&undone]) {
                None => true,
                // what it was built on is gone
                Some(undone) => undone.undoes.is_none() && undone.since < target.since,
            };
            *other != id && is_news && !made.undone && made.since > target.since && !made.about.is_disjoint(&target.about)
        };
        if self.decisions.iter().any(builds) {
            return Err(No::BuiltOn);
        }
        let back_to: BTreeSet<Uuid> = target.before.values().flatten().map(|link| link.person).collect();
        let merged =
            |(other, made): (&i64, &Made)| *other != id && !made.undone && made.merged.is_some_and(|(from, _)| back_to.contains(&from));
        let holds = |made: &Made| made.undoes.is_none();
        if self.decisions.iter().filter(|(_, made)| holds(made)).any(merged) { Err(No::BuiltOn) } else { Ok(()) }
    }

    fn undo(&mut self, target_id: i64, id: i64) {
        let target = self.decisions[&target_id].clone();
        let mut made = Made { about: target.about.clone(), undoes: Some(target_id), since: id, ..Made::default() };
        for (account, link) in &target.before {
            made.before.insert(*account, self.links.get(account).cloned());
            match link {
                Some(link) => self.links.insert(*account, link.clone()),
                None => self.links.remove(account),
            };
        }
        let source = target.undoes.unwrap_or(target_id);
        let merged = self.decisions[&source].merged;
        match (merged, target.undoes) {
            (Some((from, _)), None) => drop(self.merged_into.remove(&from)),
            (Some((from, into)), Some(_)) => drop(self.merged_into.insert(from, into)),
            (None, _) => {}
        }
        if let Some(target) = self.decisions.get_mut(&target_id) {
            target.undone = true;
        }
        if let (Some(back), Some(brought)) = (target.undoes, self.decisions.get_mut(&source)) {
            debug_assert_eq!(back, source);
            brought.undone = false;
            brought.since = id;
            brought.before = made.before.clone();
        }
        self.decisions.insert(id, made);
    }
}
