//! Five hundred decisions and undos in random order, with matching runs in between: after each, the tables say what the model says.

use std::collections::BTreeMap;

use ovia_domain::{IdentityId, PersonId};
use ovia_store::decisions::{AccountSeen, Decision, DecisionError, PersonSeen, RemapTo, Side};
use uuid::Uuid;

use crate::{
    company::{Company, State},
    model::{Model, No, Op, Status},
};

/// SplitMix64: the same sequence on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

fn op(dice: &mut Dice, company: &Company, model: &Model) -> Op {
    let people: Vec<Uuid> = model.people().into_iter().collect();
    let account = dice.pick(&company.accounts);
    let person = dice.pick(&people);
    let in_conflict: Vec<Uuid> = model.links.iter().filter(|(_, link)| link.status == Status::Conflict).map(|(account, _)| *account).collect();
    match dice.roll(12) {
        0 | 1 if !in_conflict.is_empty() => {
            // as an operator would: one of the queue, to one of its candidates or to itself
            let account = dice.pick(&in_conflict);
            let link = &model.links[&account];
            let mut answers: Vec<Uuid> = link.candidates.iter().filter_map(|one| model.links.get(one)).map(|link| link.person).collect();
            answers.push(link.person);
            Op::Confirm(account, dice.pick(&answers))
        }
        0 | 1 => Op::Confirm(account, model.links.get(&account).map_or(person, |link| link.person)),
        2 => Op::Confirm(account, person),
        3 => Op::Remap(account, Some(person)),
        4 => Op::Remap(account, None),
        5 => {
            let members: Vec<Uuid> = model.links.iter().filter(|(_, link)| link.person == person).map(|(account, _)| *account).collect();
            let leaving = members.iter().copied().filter(|_| dice.roll(2) == 0).collect();
            Op::Split(person, leaving)
        }
        6 => Op::Merge(person, dice.pick(&people)),
        7 if !in_conflict.is_empty() => {
            let account = dice.pick(&in_conflict);
            let candidates = model.links[&account].candidates.clone();
            Op::Never(account, if candidates.is_empty() { dice.pick(&company.accounts) } else { dice.pick(&candidates) })
        }
        7 => Op::Never(account, dice.pick(&company.accounts)),
        _ => {
            let decisions = model.undoable();
            if decisions.is_empty() {
                return Op::Remap(account, None);
            }
            // mostly the last ones: the first are built on soon
            let recent = &decisions[decisions.len().saturating_sub(12)..];
            Op::Undo(if dice.roll(4) == 0 { dice.pick(&decisions) } else { dice.pick(recent) })
        }
    }
}

fn decision(op: &Op) -> Decision {
    let account = |id: &Uuid| AccountSeen { identity: IdentityId(*id), expected_version: None };
    let person = |id: &Uuid| PersonSeen { person: PersonId(*id), expected_version: None };
    match op {
        Op::Confirm(one, to) => Decision::Confirm { account: account(one), person: PersonId(*to) },
        Op::Remap(one, Some(to)) => Decision::Remap { account: account(one), to: RemapTo::Person(PersonId(*to)) },
        Op::Remap(one, None) => Decision::Remap { account: account(one), to: RemapTo::New { display_name: None } },
        Op::Split(from, leaving) => {
            Decision::Split { person: person(from), accounts: leaving.iter().map(|id| IdentityId(*id)).collect(), display_name: None }
        }
        Op::Merge(into, from) => Decision::Merge { into: person(into), from: person(from) },
        Op::Never(one, other) => Decision::Never { one: Side::Account(account(one)), other: Side::Account(account(other)) },
        Op::Undo(id) => Decision::Undo { decision: *id },
    }
}

fn refusal(error: &DecisionError) -> No {
    match error {
        DecisionError::Refused { .. } => No::Refused,
        DecisionError::Contradicts { .. } => No::Contradicts,
        DecisionError::BuiltOn { .. } => No::BuiltOn,
        DecisionError::Invalid { .. } => No::Invalid,
        other => panic!("{other}"),
    }
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Confirm(..) => "confirm",
        Op::Remap(..) => "remap",
        Op::Split(..) => "split",
        Op::Merge(..) => "merge",
        Op::Never(..) => "never",
        Op::Undo(_) => "undo",
    }
}

fn compare(model: &Model, state: &State, after: &str) {
    let plain = |links: &BTreeMap<Uuid, crate::model::Link>| -> BTreeMap<Uuid, (Uuid, Status, Vec<Uuid>)> {
        links.iter().map(|(account, link)| (*account, (link.person, link.status, link.candidates.clone()))).collect()
    };
    assert_eq!(plain(&state.links), plain(&model.links), "links after {after}");
    assert_eq!(state.never, model.never(), "pairs after {after}");
    assert_eq!(state.rejected, model.rejected(), "refusals after {after}");
    assert_eq!(state.people, model.people(), "people after {after}");
}

/// What a run must leave alone, and must not do.
fn check_run(model: &Model, state: &State, step: usize) {
    assert_eq!((&state.never, &state.rejected), (&model.never(), &model.rejected()), "step {step}: a run changed decisions");
    for (account, link) in model.links.iter().filter(|(_, link)| link.status == Status::Confirmed) {
        let after = &state.links[account];
        assert_eq!((after.person, after.status), (link.person, link.status), "step {step}: a run moved {account}");
    }
    for (account, after) in &state.links {
        let was_confirmed = model.links.get(account).is_some_and(|link| link.status == Status::Confirmed);
        assert!(after.status != Status::Confirmed || was_confirmed, "step {step}: a run confirmed {account}");
    }
    for (a, b) in &state.never {
        assert_ne!(state.links[a].person, state.links[b].person, "step {step}: {a} and {b} are never together");
    }
    for (account, person) in &state.rejected {
        let link = &state.links[account];
        let suggested = link.candidates.iter().filter(|_| link.status == Status::Conflict).any(|one| state.links[one].person == *person);
        let refused_all = state.links.iter().filter(|(_, link)| link.person == *person).all(|(member, _)| {
            state.never.contains(&(*account.min(member), *account.max(member)))
        });
        assert!(!(suggested && refused_all), "step {step}: {person} was refused for {account} and is suggested again");
    }
}

async fn play(seed: u64, steps: usize) -> BTreeMap<&'static str, (u32, u32)> {
    let company = Company::new().await;
    let mut dice = Dice(seed);
    let mut model = Model::default();
    let mut tally: BTreeMap<&'static str, (u32, u32)> = BTreeMap::new();
    company.matched().await;
    model.links = company.state().await.links;
    assert!(model.links.values().any(|link| link.status == Status::Conflict), "there is something to decide");
    for step in 0..steps {
        let op = op(&mut dice, &company, &model);
        let expected = model.check(&op);
        let outcome = company.store().decide(company.org, &company.by(), &decision(&op)).await;
        let counts = tally.entry(kind(&op)).or_default();
        match (outcome, expected) {
            (Ok(decided), Ok(())) => {
                counts.0 += 1;
                model.apply(&op, decided.decision.id, decided.person.map(|person| person.0));
            }
            (Err(error), Err(no)) => {
                counts.1 += 1;
                assert_eq!(refusal(&error), no, "seed {seed} step {step}: {op:?}: {error}");
            }
            (Ok(_), Err(no)) => panic!("seed {seed} step {step}: {op:?} was done, and should be refused: {no:?}"),
            (Err(error), Ok(())) => panic!("seed {seed} step {step}: {op:?} should be done: {error}"),
        }
        compare(&model, &company.state().await, &format!("seed {seed} step {step}: {op:?}"));
        if dice.roll(12) == 0 {
            company.matched().await;
            let state = company.state().await;
            check_run(&model, &state, step);
            assert_eq!(company.matched().await["links_written"], 0, "seed {seed} step {step}: a second run writes nothing");
            model.links = state.links;
        }
    }
    tally
}

#[tokio::test]
async fn five_hundred_decisions_and_undos_leave_what_the_model_says() {
    let mut all: BTreeMap<&'static str, (u32, u32)> = BTreeMap::new();
    for (seed, steps) in [(1, 250), (2, 150), (3, 100)] {
        for (kind, (done, refused)) in play(seed, steps).await {
            let counts = all.entry(kind).or_default();
            *counts = (counts.0 + done, counts.1 + refused);
        }
    }
    for kind in ["confirm", "remap", "split", "merge", "never", "undo"] {
        let (done, refused) = all.get(kind).copied().unwrap_or_default();
        assert!(done >= 8 && (refused >= 1 || kind == "remap"), "{kind}: {done} done, {refused} refused: the sequence proves little: {all:?}");
    }
}
