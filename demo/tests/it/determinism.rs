//! Equal options, equal company.

use std::collections::BTreeSet;

use ovia_demo::{Company, CompanyOptions, CompanySize};

use crate::client::{as_of, full, small};

#[test]
fn the_same_seed_gives_the_same_company() {
    assert_eq!(small().truth(), small().truth());
    let other = Company::generate(&CompanyOptions { seed: 8, as_of: as_of(), size: CompanySize::small() });
    assert_ne!(small().truth(), other.truth());
}

#[test]
fn sizes_are_as_asked() {
    let counts = full().truth().counts;
    assert_eq!((counts.merge_requests, counts.pipelines, counts.deployments, counts.projects, counts.groups), (3000, 8000, 900, 12, 5));
    let people = &full().truth().people.clone();
    assert_eq!((people.humans.len(), people.duplicates.len(), people.conflict_pairs.len()), (60, 3, 1));
    assert!(counts.jobs > 3 * counts.pipelines && counts.jobs < 6 * counts.pipelines, "{}", counts.jobs);
    assert_eq!(small().truth().counts.merge_requests, 120);
}

#[test]
fn odd_sizes_work_too() {
    for (people, projects, merge_requests, pipelines, deployments) in [(1, 1, 0, 0, 0), (2, 14, 9, 5, 5), (130, 2, 300, 20, 60)] {
        for seed in 0..4 {
            let size = CompanySize { people, projects, merge_requests, pipelines, deployments };
            let company = Company::generate(&CompanyOptions { seed, as_of: as_of(), size });
            let counts = company.truth().counts;
            assert_eq!((counts.projects, counts.merge_requests, counts.pipelines), (projects, merge_requests, pipelines));
            let usernames: BTreeSet<&String> = company.truth().identities.values().map(|row| &row.username).collect();
            assert_eq!(usernames.len(), counts.identities);
        }
    }
}
