//! Properties over random accounts drawn from few values, so that everything collides.

use std::collections::{HashMap, HashSet};

use ovia_domain::{IdentityId, PersonId};
use ovia_matching::{
    Activity, CoOccurrence, CoOccurrenceKind, Decisions, IdentityIn, Inputs, LinkClass, MatchConfig, MatchOutput, Matcher, Rule,
    match_identities,
};
use proptest::{option, prelude::*, sample::select};
use uuid::Uuid;

const NAMES: &[&str] = &[
    "Mina Holt",
    "mina  holt",
    "Holt, Mina",
    "M. Holt",
    "Magnus Holt",
    "Odd Lund",
    "Odd Lunde",
    "Jan Berg",
    "王小明",
    "Mina",
    "None",
    "Deploy Robot",
    "Robert Fjellheim",
    "Bob Fjellheim",
];
const EMAILS: &[&str] = &[
    "mina@acme.test",
    "MINA+x@acme.test",
    "odd@acme.test",
    "jan@acme.test",
    "root@localhost",
    "team@acme.test",
    "snowrook@norsund.test",
    "12+mholt@users.noreply.github.com",
];
const USERNAMES: &[&str] = &["mina", "odd", "acme-ci", "jan.bot", "mholt", "snowrook", "snowrook7"];

/// Day or night, much or little, in one of two projects.
fn activity() -> impl Strategy<Value = Activity> {
    (select(&[7usize, 8, 19][..]), select(&[1u32, 4, 20][..]), select(&["web", "api"][..])).prop_map(|(from, each, project)| {
        let mut hours = [0; 24];
        (from..from + 8).for_each(|hour| hours[hour % 24] = each);
        Activity { hours, projects: vec![project.to_owned()] }
    })
}

fn account() -> impl Strategy<Value = IdentityIn> {
    let text = |values: &'static [&'static str]| option::weighted(0.7, select(values)).prop_map(|text| text.map(str::to_owned));
    let person = || option::weighted(0.5, (1..4u128).prop_map(|id| PersonId(Uuid::from_u128(id))));
    let fields = (text(USERNAMES), text(NAMES), text(EMAILS));
    (0..12u32, select(&["gitlab", "jira"][..]), fields, option::weighted(0.3, any::<bool>()), person(), option::weighted(0.6, activity()))
        .prop_map(|(external_id, source, (username, display_name, email), is_bot, current_person, activity)| IdentityIn {
            id: IdentityId(Uuid::nil()),
            source: source.to_owned(),
            host: "git.acme.test".to_owned(),
            external_id: external_id.to_string(),
            username,
            display_name,
            email,
            is_bot,
            current_person,
            confirmed_person: None,
            activity,
            weight: None,
        })
}

fn accounts() -> impl Strategy<Value = Vec<IdentityIn>> {
    prop::collection::vec(account(), 0..14).prop_map(|accounts| {
        (1u128..).zip(accounts).map(|(id, account)| IdentityIn { id: IdentityId(Uuid::from_u128(id)), ..account }).collect()
    })
}

/// Accounts, some of them confirmed, and pairs that must stay apart.
fn decided() -> impl Strategy<Value = (Vec<IdentityIn>, Decisions)> {
    let confirmed = prop::collection::vec(option::weighted(0.25, 1..4u128), 14);
    let never = prop::collection::vec((1..15u128, 1..15u128), 0..4);
    (accounts(), confirmed, never).prop_map(|(mut accounts, confirmed, never)| {
        for (account, person) in accounts.iter_mut().zip(confirmed) {
            account.confirmed_person = person.map(|id| PersonId(Uuid::from_u128(100 + id)));
        }
        let id = |id| IdentityId(Uuid::from_u128(id));
        (accounts, Decisions { never_together: never.into_iter().map(|(a, b)| (id(a), id(b))).collect(), together: Vec::new() })
    })
}

fn seen() -> impl Strategy<Value = Vec<CoOccurrence>> {
    let pair = (1..15u128, 1..15u128, 1..30u32, any::<bool>()).prop_map(|(a, b, count, is_branch)| CoOccurrence {
        a: IdentityId(Uuid::from_u128(a)),
        b: IdentityId(Uuid::from_u128(b)),
        kind: if is_branch { CoOccurrenceKind::IssueBranch } else { CoOccurrenceKind::MergeRequestCommit },
        count,
    });
    prop::collection::vec(pair, 0..4)
}

/// What a store would hold after `output`: new clusters get new persons.
fn stored(accounts: &[IdentityIn], output: &MatchOutput) -> Vec<IdentityIn> {
    let persons: Vec<PersonId> =
        (1000u128..).zip(&output.clusters).map(|(new, cluster)| cluster.person.unwrap_or(PersonId(Uuid::from_u128(new)))).collect();
    let person_of: HashMap<IdentityId, PersonId> = output.links.iter().map(|link| (link.identity, persons[link.cluster])).collect();
    accounts.iter().map(|account| IdentityIn { current_person: person_of.get(&account.id).copied(), ..account.clone() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_makes_no_difference((accounts, decisions) in decided(), seed in any::<u64>()) {
        let mut shuffled = accounts.clone();
        shuffled.sort_by_key(|account| (account.id.0.as_u128() as u64 + 1).wrapping_mul(seed | 1));
        let reversed = Decisions { never_together: decisions.never_together.iter().rev().map(|(a, b)| (*b, *a)).collect(), together: Vec::new() };
        prop_assert_eq!(match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default()), match_identities(&shuffled, &reversed.clone().into(), &MatchConfig::default()));
    }

    #[test]
    fn a_second_run_changes_nothing((accounts, decisions) in decided()) {
        let first = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        let accounts = stored(&accounts, &first);
        let second = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        prop_assert_eq!(&first.links, &second.links);
        let third = match_identities(&stored(&accounts, &second), &decisions.clone().into(), &MatchConfig::default());
        prop_assert_eq!(&second, &third);
        prop_assert!(second.clusters.iter().all(|cluster| cluster.person.is_some()));
    }

    #[test]
    fn every_account_has_one_link_and_one_cluster((accounts, decisions) in decided()) {
        let output = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        let ids: Vec<IdentityId> = accounts.iter().map(|account| account.id).collect();
        prop_assert_eq!(output.links.iter().map(|link| link.identity).collect::<Vec<_>>(), ids.clone());
        let mut members: Vec<IdentityId> = output.clusters.iter().flat_map(|cluster| cluster.members.clone()).collect();
        members.sort_unstable();
        prop_assert_eq!(members, ids);
        for link in &output.links {
            prop_assert!(output.clusters[link.cluster].members.contains(&link.identity));
            prop_assert!((0.0..=1.0).contains(&link.confidence));
            prop_assert!(!link.trace.is_empty() || link.class == LinkClass::Confirmed);
            let alone = output.clusters[link.cluster].members.len() == 1;
            prop_assert!(alone || link.rule != Rule::OnlyAccount);
        }
    }

    #[test]
    fn a_person_has_one_cluster_at_most((accounts, decisions) in decided()) {
        let output = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        let persons: Vec<PersonId> = output.clusters.iter().filter_map(|cluster| cluster.person).collect();
        prop_assert_eq!(persons.iter().collect::<HashSet<_>>().len(), persons.len());
    }

    #[test]
    fn decisions_hold((accounts, decisions) in decided()) {
        let output = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        let cluster_of: HashMap<IdentityId, usize> = output.links.iter().map(|link| (link.identity, link.cluster)).collect();
        let confirmed: HashMap<IdentityId, PersonId> = accounts.iter().filter_map(|account| Some((account.id, account.confirmed_person?))).collect();
        for (id, person) in &confirmed {
            prop_assert_eq!(output.clusters[cluster_of[id]].person, Some(*person));
        }
        for (a, b) in &decisions.never_together {
            let forced = confirmed.get(a).is_some_and(|person| confirmed.get(b) == Some(person));
            if let (Some(one), Some(other)) = (cluster_of.get(a), cluster_of.get(b)) {
                // accounts joined by way of a confirmation that overrules another `never` are not told apart again
                let confirmed_cluster = output.clusters[*one].members.iter().filter(|id| confirmed.contains_key(id)).count() > 1;
                prop_assert!(a == b || forced || confirmed_cluster || one != other);
            }
        }
    }

    #[test]
    fn no_cluster_mixes_bots_and_humans(accounts in accounts()) {
        let output = match_identities(&accounts, &Inputs::default(), &MatchConfig::default());
        // one account can carry both flags in two connections: the true one wins
        let mut flags: HashMap<(&str, &str), Option<bool>> = HashMap::new();
        for account in &accounts {
            let flag = flags.entry((&account.source, &account.external_id)).or_default();
            *flag = (*flag).max(account.is_bot);
        }
        for cluster in &output.clusters {
            let known: HashSet<bool> = accounts.iter().filter(|account| cluster.members.contains(&account.id)).filter_map(|account| flags[&(account.source.as_str(), account.external_id.as_str())]).collect();
            prop_assert!(known.len() <= 1);
            prop_assert!(known.iter().all(|is_bot| *is_bot == cluster.is_bot));
        }
    }

    #[test]
    fn a_run_that_remembers_answers_as_a_full_one(steps in prop::collection::vec((decided(), seen(), any::<u64>()), 1..5)) {
        let mut matcher = Matcher::new(MatchConfig::default());
        for ((accounts, decisions), co_occurrences, keep) in steps {
            // a part of the accounts comes, goes or changes; ids are the same ones
            let accounts: Vec<IdentityIn> =
                accounts.into_iter().enumerate().filter(|(index, _)| keep >> index & 3 != 0).map(|(_, account)| account).collect();
            let inputs = Inputs { decisions, co_occurrences };
            prop_assert_eq!(matcher.run(&accounts, &inputs), match_identities(&accounts, &inputs, &MatchConfig::default()));
            prop_assert_eq!(matcher.run(&accounts, &inputs), match_identities(&accounts, &inputs, &MatchConfig::default()), "nothing changed");
        }
    }

    #[test]
    fn accounts_that_come_and_go_leave_nothing_behind((accounts, decisions) in decided(), co_occurrences in seen(), steps in prop::collection::vec(any::<u16>(), 2..8)) {
        let mut matcher = Matcher::new(MatchConfig::default());
        let inputs = Inputs { decisions, co_occurrences };
        for keep in steps {
            let here = |index: &usize| keep >> (index % 16) & 1 == 1;
            let accounts: Vec<IdentityIn> =
                accounts.iter().enumerate().filter(|(index, _)| here(index)).map(|(_, account)| account.clone()).collect();
            prop_assert_eq!(matcher.run(&accounts, &inputs), match_identities(&accounts, &inputs, &MatchConfig::default()));
        }
    }

    #[test]
    fn a_few_more_of_many_answer_as_a_full_run(seed in 0..50u64, more in 1..40usize) {
        let organisation = ovia_matching::generated::organisation(400, seed);
        let mut matcher = Matcher::new(MatchConfig::default());
        let identities = &organisation.identities;
        let first: Vec<IdentityIn> = identities[more..].to_vec();
        prop_assert_eq!(matcher.run(&first, &Inputs::default()), match_identities(&first, &Inputs::default(), &MatchConfig::default()));
        let full = match_identities(identities, &Inputs::default(), &MatchConfig::default());
        prop_assert_eq!(matcher.run(identities, &Inputs::default()), full);
    }

    #[test]
    fn questions_have_candidates_elsewhere_and_traces_are_consistent((accounts, decisions) in decided()) {
        let output = match_identities(&accounts, &decisions.into(), &MatchConfig::default());
        let cluster_of: HashMap<IdentityId, usize> = output.links.iter().map(|link| (link.identity, link.cluster)).collect();
        for link in &output.links {
            prop_assert!(link.class != LinkClass::Conflict || !link.candidates.is_empty());
            for candidate in &link.candidates {
                prop_assert!(cluster_of[&candidate.identity] != link.cluster);
                prop_assert!((0.0..=1.0).contains(&candidate.confidence));
            }
            prop_assert!(link.trace.iter().all(|evidence| !evidence.detail.is_empty() && evidence.log_odds.is_finite()));
            prop_assert!(!ovia_matching::sentence(link).is_empty());
        }
    }

    #[test]
    fn pairs_decided_together_are_unless_something_stronger_parts_them((accounts, never) in decided(), pairs in prop::collection::vec((1..15u128, 1..15u128), 0..4)) {
        let id = |id| IdentityId(Uuid::from_u128(id));
        let decisions = Decisions { together: pairs.iter().map(|(a, b)| (id(*a), id(*b))).collect(), ..never };
        let output = match_identities(&accounts, &decisions.clone().into(), &MatchConfig::default());
        let cluster_of: HashMap<IdentityId, usize> = output.links.iter().map(|link| (link.identity, link.cluster)).collect();
        let is_decided = |id: &IdentityId| accounts.iter().any(|account| account.id == *id && account.confirmed_person.is_some());
        if decisions.never_together.is_empty() && !accounts.iter().any(|account| is_decided(&account.id)) {
            for (a, b) in &decisions.together {
                if let (Some(one), Some(other)) = (cluster_of.get(a), cluster_of.get(b)) {
                    prop_assert_eq!(one, other);
                }
            }
        }
    }
}
