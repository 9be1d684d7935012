//! The company's Jira has every special case, and the truth says where.

use std::collections::{BTreeMap, BTreeSet};

use ovia_demo::{Company, CompanyOptions, CompanySize};

use crate::client::{as_of, full, small};

#[test]
fn the_same_seed_gives_the_same_sites() {
    assert_eq!(small().jira_truth(), small().jira_truth());
    assert_eq!(small().confluence_truth(), small().confluence_truth());
    let other = Company::generate(&CompanyOptions { seed: 8, as_of: as_of(), size: CompanySize::small() });
    assert_ne!(small().jira_truth(), other.jira_truth());
    assert_ne!(small().confluence_truth(), other.confluence_truth());
}

#[test]
fn the_jira_has_every_special_case() {
    for company in [small(), full()] {
        let truth = company.jira_truth();
        let items = || truth.work_items.values();
        let kinds: BTreeSet<&str> = items().map(|row| row.kind.as_str()).collect();
        assert_eq!(kinds, ["bug", "epic", "story", "subtask", "task"].into());
        assert!(items().any(|row| row.type_name == "Fehler") && items().any(|row| row.type_name == "缺陷"));
        let categories: BTreeSet<&str> = items().map(|row| row.status_category.as_str()).collect();
        assert_eq!(categories, ["done", "in_progress", "todo"].into());
        assert!(items().any(|row| row.fix_version_external_ids.len() > 1) && items().any(|row| row.sprint_external_ids.len() > 1));
        assert!(items().any(|row| row.reporter_external_id.is_none()) && items().any(|row| row.story_points == Some(0.5)));
        assert!(truth.former_keys.values().flatten().any(|key| !key.starts_with("SHOP-")));
        let mut minutes = BTreeMap::new();
        for row in items() {
            *minutes.entry(row.updated_at.timestamp() / 60).or_insert(0) += 1;
        }
        assert!(minutes.values().any(|count| *count > 24), "many issues within one minute");
        let mut entries: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (id, row) in &truth.work_item_changes {
            entries.entry(&row.work_item_external_id).or_default().insert(id.split(':').nth(1).unwrap());
        }
        assert!(entries.values().filter(|entries| entries.len() > 40).count() >= 3);
        let fields: BTreeSet<&str> = truth.work_item_changes.values().map(|row| row.field.as_str()).collect();
        for field in ["status", "Sprint", "Fix Version", "IssueParentAssociation", "Epic Link", "assignee", "Key", "labels", "resolution"] {
            assert!(fields.contains(field), "{field}");
        }
        assert!(
            truth
                .work_item_changes
                .values()
                .any(|row| row.field == "Sprint" && row.to_value.as_ref().is_some_and(|ids| ids.contains(", ")))
        );
        assert!(truth.work_item_changes.values().any(|row| row.author_external_id.is_none()));
    }
}

#[test]
fn planted_errors_are_there_and_nothing_else_is_wrong() {
    for company in [small(), full()] {
        let truth = company.jira_truth();
        let planted = |rule: &str| -> BTreeSet<&str> {
            let found = truth.planted.iter().filter(|one| one.rule == rule && one.table == "work_items");
            found.map(|one| one.external_id.as_str()).collect()
        };
        let wrong = |is: &dyn Fn(&str, &ovia_demo::WorkItemRow) -> bool| -> BTreeSet<&str> {
            truth.work_items.iter().filter(|(id, row)| is(id, row)).map(|(id, _)| id.as_str()).collect()
        };
        let orphan =
            |_: &str, row: &ovia_demo::WorkItemRow| row.parent_external_id.as_ref().is_some_and(|id| !truth.work_items.contains_key(id));
        assert_eq!(wrong(&orphan), planted("orphan_parent"));
        assert_eq!(wrong(&|_, row| row.kind == "epic" && row.parent_external_id.is_some()), planted("type_mismatch"));
        assert_eq!(wrong(&|_, row| row.status_category == "done" && row.resolution.is_none()), planted("done_without_resolution"));
        assert_eq!(wrong(&|_, row| row.status_category != "done" && row.resolution.is_some()), planted("resolved_but_open"));
        assert_eq!(wrong(&|_, row| row.resolved_at.is_some_and(|at| at < row.created_at)), planted("dates_out_of_order"));
        let evidence = |id: &str| truth.release_membership[id].evidence.as_str();
        assert_eq!(wrong(&|id, row| row.status_category == "done" && evidence(id) == "none"), planted("release_missing"));
        assert_eq!(wrong(&|id, _| evidence(id) == "conflict"), planted("release_conflict"));
        for rule in
            ["orphan_parent", "type_mismatch", "done_without_resolution", "resolved_but_open", "dates_out_of_order", "release_missing"]
        {
            assert!(!planted(rule).is_empty(), "{rule}");
        }
        assert!(truth.planted.iter().any(|one| one.rule == "sprint_overlap" && one.table == "sprints"));
        let found = |rule: &str, table: &str, id: &str| truth.anomalies.contains_key(&format!("{rule}:{table}:{id}"));
        let missed: Vec<_> = truth.planted.iter().filter(|one| !found(&one.rule, &one.table, &one.external_id)).collect();
        assert!(missed.is_empty(), "planted, and not told of: {missed:?}");
        assert!(truth.planted.iter().any(|one| one.rule == "dates_out_of_order" && one.table == "versions"));
        let kinds: BTreeSet<&str> = truth.release_membership.values().map(|one| one.evidence.as_str()).collect();
        assert!(["fix_version", "fix_versions", "label", "none"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        // Parents stand where they belong, but for what is planted.
        for (id, row) in &truth.work_items {
            let Some(parent) = row.parent_external_id.as_ref().and_then(|id| truth.work_items.get(id)) else { continue };
            let fits = match row.kind.as_str() {
                "subtask" => !["epic", "subtask"].contains(&parent.kind.as_str()),
                _ => parent.kind == "epic",
            };
            assert!(fits || planted("type_mismatch").contains(id.as_str()), "{id}");
        }
    }
}

#[test]
fn the_last_status_in_the_changelog_is_the_status() {
    let truth = full().jira_truth();
    let mut last: BTreeMap<&str, (&ovia_demo::WorkItemChangeRow, u64)> = BTreeMap::new();
    for (id, row) in truth.work_item_changes.iter().filter(|(_, row)| row.field == "status") {
        let number: u64 = id.split(':').nth(1).unwrap().parse().unwrap();
        let best = last.entry(&row.work_item_external_id).or_insert((row, number));
        if (row.created_at, number) >= (best.0.created_at, best.1) {
            *best = (row, number);
        }
    }
    for (id, (change, _)) in &last {
        assert_eq!(change.to_value.as_deref(), Some(truth.work_items[*id].status_external_id.as_str()), "{id}");
    }
    assert!(last.len() > 500);
}

#[test]
fn the_same_people_are_in_all_three_systems() {
    let company = full();
    let (gitlab, jira, confluence) = (company.truth().clone(), company.jira_truth(), company.confluence_truth());
    // Customers of the help desk are unknown to the wiki.
    assert_eq!(jira.identities.len(), confluence.identities.len() + 1);
    assert!(confluence.identities.iter().all(|(id, row)| jira.identities[id] == *row));
    let across = company.people_across();
    assert_eq!(across.len(), gitlab.people.humans.len());
    let (mut names, mut emails) = (0, 0);
    for person in &across {
        let atlassian = &jira.identities[person.atlassian.as_ref().unwrap()];
        let first = &gitlab.identities[&person.gitlab[0]];
        names += usize::from(atlassian.display_name != first.display_name);
        emails += usize::from(atlassian.email.is_some() && atlassian.email != first.email);
    }
    assert!(names > 10 && emails > 2, "{names} {emails}");
    assert!(jira.identities.values().filter(|row| row.email.is_some()).count() * 4 < jira.identities.len());
    assert_eq!(company.atlassian_apps().len(), jira.identities.values().filter(|row| row.is_bot).count());
}

#[test]
fn merge_requests_mention_issues_that_exist() {
    for company in [small(), full()] {
        let (gitlab, jira) = (company.truth().clone(), company.jira_truth());
        let keys: BTreeSet<&str> = jira.work_items.values().map(|row| row.key.as_str()).collect();
        let references = company.references();
        let places: BTreeSet<&str> = references.values().map(|row| row.place.as_str()).collect();
        assert_eq!(places, ["branch", "commit", "description", "title"].into());
        for (id, row) in &references {
            assert!(row.keys.iter().all(|key| keys.contains(key.as_str())), "{row:?}");
            let found = &gitlab.merge_requests[&row.from_external_id];
            match row.place.as_str() {
                "title" => assert!(found.title.contains(&row.keys[0])),
                "branch" => assert!(found.source_branch.starts_with(&row.keys[0])),
                _ => {}
            }
            assert_eq!(*id, format!("merge_requests:{}:{}", row.from_external_id, row.place));
        }
        assert!(references.len() * 8 > gitlab.counts.merge_requests, "{}", references.len());
    }
}
