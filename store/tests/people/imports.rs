//! People and teams from a table: large ones, again, in any order, and what is kept about them.

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use ovia_store::{
    StoreError,
    people_import::{ImportOutcome, PersonImport},
    team_memberships::{MembershipOutcome, NewTeamMembership},
};
use serde_json::json;

use crate::world::{World, person};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn line(line: u64, email: &str, name: &str, team: &str, from: &str, until: &str) -> PersonImport {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    PersonImport {
        line,
        email: text(email),
        display_name: text(name),
        team: text(team),
        from_date: from.parse().ok(),
        until_date: until.parse().ok(),
        ..PersonImport::default()
    }
}

impl World {
    async fn import(&self, rows: &[PersonImport]) -> ImportOutcome {
        self.store().people_import(self.org, rows, "token:ops", false).await.unwrap()
    }
}

#[tokio::test]
async fn a_company_of_twelve_thousand_is_imported_at_once() {
    let world = World::new(0).await;
    let rows: Vec<PersonImport> = (0..12_000)
        .map(|n| line(n + 2, &format!("p{n}@acme.test"), &format!("Person {n}"), &format!("Team {}", n % 40), "2026-01-01", ""))
        .collect();
    let started = Instant::now();
    let expected = ImportOutcome { people_created: 12_000, teams_created: 40, memberships_created: 12_000, ..ImportOutcome::default() };
    assert_eq!(world.import(&rows).await, expected);
    assert_eq!(world.import(&rows).await, ImportOutcome { unchanged: 12_000, ..ImportOutcome::default() });
    assert!(started.elapsed() < Duration::from_secs(60), "two imports took {:?}", started.elapsed());
}

#[tokio::test]
async fn the_order_of_lines_says_nothing() {
    let lines = [
        line(2, "user1@acme.test", "", "Payments", "2026-01-01", "2026-03-01"),
        line(3, "user1@acme.test", "", "Payments", "2026-03-01", ""),
        line(4, "new@acme.test", "", "Payments", "2026-01-01", ""),
        line(5, "new@acme.test", "Nora New", "Search", "2026-01-01", ""),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]] {
        let world = World::new(1).await;
        world.auto(&[(1, 1)]).await;
        // there is one until further notice already: it ends, and the next begins
        world.import(&[line(2, "user1@acme.test", "", "Payments", "2026-01-01", "")]).await;
        let rows = order.map(|at: usize| lines[at].clone());
        let outcome = world.import(&rows).await;
        assert_eq!(outcome.problems, [], "{order:?}");
        assert_eq!((outcome.people_created, outcome.memberships_created, outcome.memberships_updated), (1, 3, 1), "{order:?}");
        assert_eq!(world.import(&rows).await.unchanged, 4);
        let wrong = [
            line(9, "user1@acme.test", "", "Payments", "2026-02-01", ""),
            line(7, "new@acme.test", "", "Search", "2026-01-01", "2026-05-01"),
            line(8, "new@acme.test", "", "Search", "2026-01-01", "2026-06-01"),
        ];
        let told: Vec<_> = world.import(&wrong).await.problems.iter().map(|problem| (problem.line, problem.field)).collect();
        assert_eq!(told, [(8, "from"), (9, "from")], "an overlap, and two lines that say otherwise");
    }
}

#[tokio::test]
async fn an_address_says_who_is_meant_and_changes_nobody() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 1)]).await;
    world.db.sql(&format!("update people set primary_email = 'user1@acme.test' where id = '{}'", person(1))).await;
    let two = [line(2, "user1@acme.test", "", "Payments", "2026-01-01", ""), line(3, "USER2@acme.test", "", "Search", "2026-01-01", "")];
    let outcome = world.import(&two).await;
    assert_eq!((outcome.people_updated, outcome.memberships_created), (0, 2));
    let head = world.store().person_head(world.org, person(1)).await.unwrap().unwrap();
    assert_eq!((head.primary_email.as_deref(), head.imported_at), (Some("user1@acme.test"), None), "matching goes on naming the person");
    assert_eq!(world.import(&two).await, ImportOutcome { unchanged: 2, ..ImportOutcome::default() });
    // by id it is the new address
    let by_id = PersonImport { line: 2, person: Some(person(1)), email: Some("ada@acme.test".into()), ..PersonImport::default() };
    assert_eq!(world.import(std::slice::from_ref(&by_id)).await.people_updated, 1);
    let head = world.store().person_head(world.org, person(1)).await.unwrap().unwrap();
    assert_eq!((head.primary_email.as_deref(), head.imported_at.is_some()), (Some("ada@acme.test"), true));
    assert_eq!(world.import(&[by_id]).await.unchanged, 1);
    let unknown = PersonImport { line: 4, person: Some(person(77)), ..PersonImport::default() };
    assert_eq!(world.import(&[unknown]).await.problems[0].field, "person_id");
}

#[tokio::test]
async fn of_several_with_an_address_the_one_that_somebody_knows_is_meant() {
    let world = World::new(3).await;
    world.import(&[line(2, "user1@acme.test", "Ada Byron", "Payments", "2026-01-01", "")]).await;
    // a run that had read before made somebody else of the account
    world.auto(&[(1, 1), (2, 2)]).await;
    let again = world.import(&[line(2, "user1@acme.test", "Ada Byron", "Payments", "2026-01-01", "")]).await;
    assert_eq!(again, ImportOutcome { unchanged: 1, ..ImportOutcome::default() });
    // two that are both known: somebody has to say which
    world.db.sql(&format!("update people set imported_at = now() where id = '{}'", person(1))).await;
    let both = world.import(&[line(2, "user1@acme.test", "", "Payments", "2026-01-01", "")]).await;
    assert_eq!((both.problems.len(), both.problems[0].field), (1, "email"));
}

#[tokio::test]
async fn what_an_import_changed_of_whom_is_kept() {
    let world = World::new(1).await;
    world.auto(&[(1, 1)]).await;
    let epoch = world.store().matching_read(world.org).await.unwrap().identity_epoch;
    world.import(&[line(2, "user1@acme.test", "Ada Byron", "Payments", "2026-01-01", "")]).await;
    world.import(&[line(2, "user1@acme.test", "Ada Norgate", "Payments", "2026-01-01", "2026-06-01")]).await;
    let people = world
        .json(
            "select jsonb_agg(jsonb_build_array(actor, subject_id, data -> 'before' -> 'display_name', data -> 'after' -> 'display_name')
        order by id) from audit_events where action = 'person.import'",
        )
        .await;
    let name = format!("Person {}", person(1));
    assert_eq!(people, json!([["token:ops", person(1), name, "Ada Byron"], ["token:ops", person(1), "Ada Byron", "Ada Norgate"]]));
    let members = world
        .json(
            "select jsonb_agg(jsonb_build_array(data -> 'before', data -> 'after') order by id) from audit_events
        where action = 'team.member_import'",
        )
        .await;
    let open = json!({"role": null, "until": null});
    assert_eq!(members, json!([[null, open], [open, {"role": null, "until": "2026-06-01"}]]));
    let now = world.store().matching_read(world.org).await.unwrap().identity_epoch;
    assert_eq!(now, epoch + 2, "a run that has read before reads again");
    world.import(&[line(2, "user1@acme.test", "Ada Norgate", "Payments", "2026-01-01", "2026-06-01")]).await;
    assert_eq!(world.store().matching_read(world.org).await.unwrap().identity_epoch, now, "nothing changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_teams_and_memberships_at_once_neither_fail_nor_overlap() {
    for _ in 0..5 {
        let world = World::new(2).await;
        world.auto(&[(1, 1), (2, 2)]).await;
        let (store, org) = (world.store(), world.org);
        let team = store.team_create(org, "Operations", None, "token:ops").await.unwrap().id;
        let rows: Vec<PersonImport> = (1..=2).map(|n| line(n, &format!("user{n}@acme.test"), "", "Payments", "2026-01-01", "")).collect();
        let new =
            |n: u128| NewTeamMembership { team_id: team, person: person(n), role: None, from_date: day("2026-01-01"), until_date: None };
        let (one, other) = (new(1), new(1));
        let (imported, made, first, second) = tokio::join!(
            store.people_import(org, &rows, "token:ops", false),
            store.team_create(org, "payments", None, "token:ben"),
            store.team_membership_create(org, &one, "token:ops"),
            store.team_membership_create(org, &other, "token:ben"),
        );
        assert_eq!(imported.unwrap().problems, []);
        assert!(matches!(made, Ok(_) | Err(StoreError::Conflict(_))), "{made:?}");
        let outcomes = [first.unwrap(), second.unwrap()];
        assert_eq!(outcomes.iter().filter(|one| **one == MembershipOutcome::Overlap).count(), 1, "{outcomes:?}");
        let teams = world.json("select to_jsonb(count(*)) from teams where lower(name) = 'payments'").await;
        assert_eq!(teams, 1);
    }
}

#[tokio::test]
async fn who_does_not_get_the_lock_is_told_that_it_is_held() {
    let world = World::new(0).await;
    let lock = "select pg_advisory_xact_lock(hashtextextended('matching:x', 0))";
    let mut holder = world.store().pool().begin().await.unwrap();
    sqlx::query(lock).execute(&mut *holder).await.unwrap();
    let mut other = world.store().pool().begin().await.unwrap();
    sqlx::query("set local lock_timeout = '20ms'").execute(&mut *other).await.unwrap();
    let error = StoreError::from(sqlx::query(lock).execute(&mut *other).await.unwrap_err());
    assert!(error.is_busy(), "{error}");
    let missing = StoreError::from(sqlx::query("select 1 from nothing").execute(world.store().pool()).await.unwrap_err());
    assert!(!missing.is_busy() && !StoreError::BadCursor.is_busy());
}
