//! Teams, memberships with dates, and their import.

use chrono::NaiveDate;
use ovia_domain::OrgId;
use ovia_store::{
    StoreError,
    decisions::Decision,
    people_import::{ImportOutcome, PersonImport},
    team_memberships::{MembershipOutcome, NewTeamMembership, TeamMembershipFilter},
    teams::TeamPatch,
};

use crate::world::{World, person, person_seen};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn stretch(team_id: uuid::Uuid, n: u128, from: &str, until: Option<&str>) -> NewTeamMembership {
    NewTeamMembership { team_id, person: person(n), role: None, from_date: day(from), until_date: until.map(day) }
}

#[tokio::test]
async fn a_persons_team_last_march_is_not_todays() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let store = world.store();
    let pay = store.team_create(world.org, "Payments", None, "token:ops").await.unwrap().id;
    let search = store.team_create(world.org, "Search", Some("finds"), "token:ops").await.unwrap().id;
    let taken = store.team_create(world.org, "SEARCH", None, "token:ops").await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    let create = async |new: NewTeamMembership| store.team_membership_create(world.org, &new, "token:ops").await.unwrap();
    let MembershipOutcome::Written(first) = create(stretch(pay, 1, "2026-01-01", Some("2026-04-01"))).await else { panic!("refused") };
    assert!(matches!(create(stretch(search, 1, "2026-04-01", None)).await, MembershipOutcome::Written(_)));
    let on = async |date: &str| {
        let filter = TeamMembershipFilter { person: Some(person(1)), on: Some(day(date)), ..Default::default() };
        let rows = store.team_memberships_list(world.org, &filter, &Default::default()).await.unwrap().items;
        rows.into_iter().map(|row| row.team_name).collect::<Vec<_>>()
    };
    assert_eq!((on("2026-03-31").await, on("2026-04-01").await), (vec!["Payments".to_owned()], vec!["Search".to_owned()]));
    assert!(on("2025-12-31").await.is_empty());
    // half-open: the day it ends is free, the day before is not
    assert!(matches!(create(stretch(pay, 1, "2026-04-01", None)).await, MembershipOutcome::Written(_)));
    assert_eq!(create(stretch(pay, 1, "2026-03-31", Some("2026-04-01"))).await, MembershipOutcome::Overlap);
    for until in ["2026-05-01", "2026-04-30"] {
        let backwards = create(stretch(pay, 2, "2026-05-01", Some(until))).await;
        assert_eq!(backwards, MembershipOutcome::EndsBeforeItBegins(day("2026-05-01")), "{until}");
    }
    assert_eq!(create(stretch(pay, 99, "2026-01-01", None)).await, MembershipOutcome::NoPerson);
    assert_eq!(create(stretch(uuid::Uuid::nil(), 1, "2026-01-01", None)).await, MembershipOutcome::NoTeam);
    let longer = store.team_membership_end(world.org, first.id, Some(day("2026-04-02")), "token:ops").await.unwrap();
    assert_eq!(longer, Some(MembershipOutcome::Overlap));
    for until in ["2026-01-01", "2025-12-31"] {
        let backwards = store.team_membership_end(world.org, first.id, Some(day(until)), "token:ops").await.unwrap();
        assert_eq!(backwards, Some(MembershipOutcome::EndsBeforeItBegins(day("2026-01-01"))), "{until}");
    }
    assert_eq!(store.team_membership_end(world.org, i64::MAX, Some(day("2025-12-31")), "token:ops").await.unwrap(), None);
    let shorter = store.team_membership_end(world.org, first.id, Some(day("2026-02-01")), "token:ops").await.unwrap();
    assert!(matches!(shorter, Some(MembershipOutcome::Written(row)) if row.until_date == Some(day("2026-02-01"))));
    assert!(store.team_membership_delete(world.org, first.id, "token:ops").await.unwrap());
    assert!(!store.team_membership_delete(world.org, first.id, "token:ops").await.unwrap());
    let archived = TeamPatch { archived: Some(true), ..TeamPatch::default() };
    assert!(store.team_patch(world.org, search, &archived, "token:ops").await.unwrap().unwrap().archived_at.is_some());
    assert_eq!(create(stretch(search, 2, "2026-01-01", None)).await, MembershipOutcome::NoTeam);
    assert!(store.team_patch(OrgId::generate(), pay, &archived, "token:ops").await.unwrap().is_none());
    let names = async |archived| {
        let teams = store.teams_list(world.org, archived, day("2026-05-01"), &Default::default()).await.unwrap().items;
        teams.into_iter().map(|team| (team.name, team.members)).collect::<Vec<_>>()
    };
    assert_eq!((names(false).await, names(true).await), (vec![("Payments".into(), 1)], vec![("Search".into(), 1)]));
}

#[tokio::test]
async fn memberships_follow_a_merge_and_come_back_with_its_undo() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let team = world.store().team_create(world.org, "Payments", None, "token:ops").await.unwrap().id;
    for (n, from, until) in [(1, "2026-01-01", None), (2, "2025-01-01", Some("2026-01-01")), (2, "2026-02-01", None)] {
        let written = world.store().team_membership_create(world.org, &stretch(team, n, from, until), "token:ops").await.unwrap();
        assert!(matches!(written, MembershipOutcome::Written(_)));
    }
    let before = world.state().await;
    let done = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap();
    let teams = world.store().person_detail(world.org, person(1)).await.unwrap().unwrap().teams;
    let days: Vec<NaiveDate> = teams.iter().map(|row| row.from_date).collect();
    assert_eq!(days, [day("2025-01-01"), day("2026-01-01")], "the overlapping one stays with whom it was");
    world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
    assert_eq!(world.state().await, before);
}

fn line(line: u64, email: &str, name: &str, team: &str, from: &str) -> PersonImport {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    PersonImport {
        line,
        email: text(email),
        display_name: text(name),
        team: text(team),
        from_date: from.parse().ok(),
        ..PersonImport::default()
    }
}

#[tokio::test]
async fn an_import_is_all_or_nothing_and_twice_changes_nothing() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let import = async |rows: &[PersonImport], dry| world.store().people_import(world.org, rows, "token:ops", dry).await.unwrap();
    let good = [
        line(2, "user1@acme.test", "Ada Byron", "Payments", "2026-01-01"),
        line(3, "new@acme.test", "Nora New", "payments", "2026-02-01"),
        line(4, "USER2@acme.test", "", "Search", "2026-01-01"),
    ];
    let bad = [
        good[0].clone(),
        line(5, "nobody@acme.test", "", "", ""),
        line(6, "user1@acme.test", "", "Payments", ""),
        line(7, "user1@acme.test", "", "Payments", "2026-03-01"),
        line(8, "", "No Address", "", ""),
    ];
    let refused = import(&bad, false).await;
    let problems: Vec<_> = refused.problems.iter().map(|problem| (problem.line, problem.field)).collect();
    assert_eq!(problems, [(5, "name"), (6, "from"), (7, "from"), (8, "email")]);
    let before = world.state().await;
    let expected =
        ImportOutcome { people_created: 1, people_updated: 2, teams_created: 2, memberships_created: 3, ..ImportOutcome::default() };
    assert_eq!((import(&good, true).await, world.state().await), (expected.clone(), before), "a dry run says the same and writes nothing");
    assert_eq!(import(&good, false).await, expected);
    assert_eq!(import(&good, false).await, ImportOutcome { unchanged: 3, ..ImportOutcome::default() });
    // a name that was imported is not changed by a run
    world.auto(&[(1, 1), (2, 1)]).await;
    assert_eq!(world.store().person_head(world.org, person(1)).await.unwrap().unwrap().display_name, "Ada Byron");
}
