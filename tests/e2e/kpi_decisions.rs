//! Who is who is decided at random, with rollups in between: figures are those of a full recompute and of the truth, and when all is
//! taken back, those of before.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use ovia_domain::{IdentityId, PersonId};
use ovia_store::decisions::{AccountSeen, Decision, DecisionError, PersonSeen, RemapTo, Side};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    demo,
    kpi_truth::assert_truth,
    kpi_ways::{assert_same, figures},
    kpi_world::{Account, World},
};

/// Decisions that are taken in each test.
const DECISIONS: usize = 25;
/// Decisions that are asked for at most: some contradict what is decided.
const MOST: usize = 200;

/// SplitMix64: the same decisions every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

#[tokio::test]
async fn figures_after_random_decisions_are_those_of_a_full_recompute_and_of_the_truth() {
    figures_follow(1).await;
}

#[tokio::test]
async fn figures_after_other_random_decisions_are_so_too() {
    figures_follow(2).await;
}

async fn figures_follow(seed: u64) {
    let days = ["2026-03-16", "2026-03-17"].map(|day| day.parse::<NaiveDate>().unwrap());
    let mut world = World::start(Tz::UTC, days.into()).await;
    world.rollup(demo::as_of()).await;
    let first = figures(&world.app).await;
    assert!(first.keys().any(|key| key.contains(" person ")) && first.keys().any(|key| key.contains(" team ")));
    let mut dice = Dice(seed);
    let decisions = decide_at_random(&world, &mut dice).await;
    world.rollup(demo::as_of()).await;
    let incremental = figures(&world.app).await;
    world.learn_people().await;
    assert_truth(&world).await;
    world.forget().await;
    world.rollup(demo::as_of()).await;
    assert_same(&incremental, &figures(&world.app).await, "incremental and at once");

    for decision in decisions.into_iter().rev() {
        world.decide(&Decision::Undo { decision }).await.unwrap_or_else(|error| panic!("undo of {decision}: {error}"));
        if dice.below(6) == 0 {
            touched(&world).await;
        }
    }
    world.rollup(demo::as_of()).await;
    world.people_are_who_they_are().await;
    assert_same(&figures(&world.app).await, &first, "all taken back");
    world.learn_people().await;
    assert_truth(&world).await;
}

/// A rollup that has something to do, and may do it in part.
async fn touched(world: &World) {
    let result: Value = world.rollup(demo::as_of()).await;
    assert!(["touched", "everything"].map(|mode| json!(mode)).contains(&result["mode"]), "{result}");
}

/// Takes decisions until there are enough, with a rollup after every fourth or so; those that hold, in their order.
async fn decide_at_random(world: &World, dice: &mut Dice) -> Vec<i64> {
    let (mut holding, mut taken) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for _ in 0..MOST {
        if taken.values().sum::<usize>() == DECISIONS {
            break;
        }
        let accounts = world.accounts().await;
        let (kind, decision) = random(dice, &accounts, &holding);
        let decided = match world.decide(&decision).await {
            Ok(decided) => decided,
            Err(DecisionError::Store(error)) => panic!("{decision:?}: {error}"),
            // it makes no sense, or contradicts what is decided
            Err(_) => continue,
        };
        match decision {
            Decision::Undo { decision } => holding.retain(|other| *other != decision),
            _ => holding.push(decided.decision.id),
        }
        *taken.entry(kind).or_default() += 1;
        if dice.below(4) == 0 {
            touched(world).await;
        }
    }
    assert_eq!(taken.values().sum::<usize>(), DECISIONS, "{taken:?}");
    assert!(taken.len() >= 5, "decisions of one kind are no test: {taken:?}");
    println!("{taken:?}");
    holding
}

fn random(dice: &mut Dice, accounts: &[Account], holding: &[i64]) -> (&'static str, Decision) {
    let account = |dice: &mut Dice| AccountSeen { identity: IdentityId(dice.pick(accounts).id), expected_version: None };
    let people: Vec<Uuid> = accounts.iter().filter(|account| !account.is_bot).filter_map(|account| account.person_id).collect();
    let person = |dice: &mut Dice| PersonId(*dice.pick(&people));
    let seen = |person: PersonId| PersonSeen { person, expected_version: None };
    match dice.below(8) {
        0 | 1 => {
            let to = if dice.below(3) == 0 { RemapTo::New { display_name: None } } else { RemapTo::Person(person(dice)) };
            ("remap", Decision::Remap { account: account(dice), to })
        }
        2 => {
            let one = dice.pick(accounts).clone();
            let person = one.person_id.map_or_else(|| person(dice), PersonId);
            ("confirm", Decision::Confirm { account: AccountSeen { identity: IdentityId(one.id), expected_version: None }, person })
        }
        3 | 4 => {
            let person = person(dice);
            let own: Vec<IdentityId> =
                accounts.iter().filter(|account| account.person_id == Some(person.0)).map(|account| IdentityId(account.id)).collect();
            ("split", Decision::Split { person: seen(person), accounts: vec![*dice.pick(&own)], display_name: None })
        }
        5 => ("merge", Decision::Merge { into: seen(person(dice)), from: seen(person(dice)) }),
        6 => ("never", Decision::Never { one: Side::Account(account(dice)), other: Side::Person(seen(person(dice))) }),
        _ if holding.is_empty() => ("merge", Decision::Merge { into: seen(person(dice)), from: seen(person(dice)) }),
        _ => ("undo", Decision::Undo { decision: *dice.pick(holding) }),
    }
}
