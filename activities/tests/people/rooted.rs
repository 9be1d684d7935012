//! People who are more than what rules made of accounts: imported, in teams; and what was refused about people.

use ovia_domain::{IdentityId, PersonId};
use ovia_store::{
    decisions::{AccountSeen, Decision, RemapTo, Side},
    people_import::PersonImport,
};
use uuid::Uuid;

use crate::company::Company;

fn line(email: &str, name: &str, team: &str) -> PersonImport {
    PersonImport {
        line: 2,
        email: Some(email.into()),
        display_name: (!name.is_empty()).then(|| name.into()),
        team: (!team.is_empty()).then(|| team.into()),
        from_date: "2026-01-01".parse().ok(),
        ..PersonImport::default()
    }
}

impl Company {
    /// The person that a line of a personnel file means.
    async fn import(&self, row: PersonImport) -> Uuid {
        let address = row.email.clone().unwrap();
        let outcome = self.store().people_import(self.org, &[row], "token:ops", false).await.unwrap();
        assert_eq!(outcome.problems, []);
        let query = sqlx::query_as(
            "select person_id from team_memberships m join people p on p.id = m.person_id where lower(p.primary_email) = $1",
        );
        let (person,): (Uuid,) = query.bind(address.to_lowercase()).fetch_one(self.store().pool()).await.unwrap();
        person
    }

    async fn teams_of(&self, person: Uuid) -> usize {
        self.store().person_detail(self.org, PersonId(person)).await.unwrap().unwrap().teams.len()
    }

    fn seen(&self, account: Uuid) -> AccountSeen {
        AccountSeen { identity: IdentityId(account), expected_version: None }
    }

    async fn settled(&self) {
        assert_eq!(self.matched().await["links_written"], 0, "a second run writes nothing");
    }
}

#[tokio::test]
async fn who_was_imported_before_the_first_sync_gets_the_accounts() {
    let mut company = Company::new().await;
    let ida = company.import(line("Ida@acme.test", "Ida Marsh", "Payments")).await;
    company.matched().await;
    assert!(company.state().await.people.contains(&ida), "still there, without accounts");
    let one = company.account(0, "ida", "Ida Marsh", Some("ida@acme.test"), false).await;
    let other = company.account(1, "imarsh", "Ida Marsh", Some("ida@acme.test"), false).await;
    company.matched().await;
    let state = company.state().await;
    assert_eq!((state.links[&one].person, state.links[&other].person), (ida, ida));
    let again =
        company.store().people_import(company.org, &[line("ida@acme.test", "Ida Marsh", "Payments")], "token:ops", false).await.unwrap();
    assert_eq!((again.unchanged, again.problems), (1, vec![]), "the same file again");
    company.settled().await;
}

#[tokio::test]
async fn an_address_of_two_people_or_a_decision_gives_nobody_away() {
    let mut company = Company::new().await;
    // two accounts that are decided to be two people have the address; and one that is confirmed to be somebody
    let first = company.account(0, "nell", "Nell Ames", Some("desk@acme.test"), false).await;
    let second = company.account(1, "olga", "Olga Brandt", Some("desk@acme.test"), false).await;
    let third = company.account(0, "pia", "Pia Cole", Some("pia@acme.test"), false).await;
    let never = Decision::Never { one: Side::Account(company.seen(first)), other: Side::Account(company.seen(second)) };
    company.matched().await;
    if company.state().await.links[&first].person == company.state().await.links[&second].person {
        let remap = Decision::Remap { account: company.seen(first), to: RemapTo::New { display_name: None } };
        company.store().decide(company.org, &company.by(), &remap).await.unwrap();
    } else {
        company.store().decide(company.org, &company.by(), &never).await.unwrap();
    }
    let own = company.state().await.links[&third].person;
    let confirm = Decision::Confirm { account: company.seen(third), person: PersonId(own) };
    company.store().decide(company.org, &company.by(), &confirm).await.unwrap();
    // imported when nobody could be found
    company
        .sql(&format!(
            "insert into people (id, org_id, display_name, primary_email, imported_at) values
                (gen_random_uuid(), '{org}', 'Nell', 'desk@acme.test', now()), (gen_random_uuid(), '{org}', 'Pia', 'pia@acme.test', now())",
            org = company.org
        ))
        .await;
    let before = company.state().await.links;
    company.matched().await;
    for account in [first, second, third] {
        assert_eq!(company.state().await.links[&account].person, before[&account].person);
    }
    company.settled().await;
}

#[tokio::test]
async fn who_is_in_a_team_stays_when_rules_join_two_people() {
    let mut company = Company::new().await;
    let one = company.account(0, "rosa", "Rosa Dunne", None, false).await;
    let two = company.account(0, "rdunne", "Rosa Dunne", Some("rosa@acme.test"), false).await;
    let three = company.account(1, "rosa.d", "Rosa Dunne", Some("rosa@acme.test"), false).await;
    company.matched().await;
    // apart at first: the lone account is in a team
    company.sql(&format!("update identities set display_name = 'Somebody Else', username = 'zz9' where id = '{one}'")).await;
    company.matched().await;
    let state = company.state().await;
    assert!(state.links[&one].person != state.links[&two].person && state.links[&two].person == state.links[&three].person, "{state:?}");
    let lone = state.links[&one].person;
    company
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('{team}', '{org}', 'Payments');
            insert into team_memberships (org_id, team_id, person_id, from_date, created_by) values ('{org}', '{team}', '{lone}', '2026-01-01', 'token:ops')",
            team = Uuid::new_v4(),
            org = company.org
        ))
        .await;
    // now one address says that all are one
    company.sql(&format!("update identities set display_name = 'Rosa Dunne', email = 'rosa@acme.test' where id = '{one}'")).await;
    company.matched().await;
    let state = company.state().await;
    for account in [one, two, three] {
        assert_eq!(state.links[&account].person, lone, "the two others come to who is in the team");
    }
    assert_eq!(company.teams_of(lone).await, 1);
    company.settled().await;
}

#[tokio::test]
async fn memberships_follow_where_somebody_confirmed_who_it_is() {
    let mut company = Company::new().await;
    let one = company.account(0, "sara", "Sara Ellis", Some("sara@acme.test"), false).await;
    company.matched().await;
    let team_of = company.state().await.links[&one].person;
    company
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('{team}', '{org}', 'Payments');
            insert into team_memberships (org_id, team_id, person_id, from_date, created_by) values ('{org}', '{team}', '{team_of}', '2026-01-01', 'token:ops')",
            team = Uuid::new_v4(),
            org = company.org
        ))
        .await;
    // another account, confirmed, that turns out to have the same address
    let other = company.account(1, "zz41", "Quiet One", None, false).await;
    company.matched().await;
    let own = company.state().await.links[&other].person;
    assert_ne!(own, team_of);
    let confirm = Decision::Confirm { account: company.seen(other), person: PersonId(own) };
    company.store().decide(company.org, &company.by(), &confirm).await.unwrap();
    company.sql(&format!("update identities set email = 'sara@acme.test', display_name = 'Sara Ellis' where id = '{other}'")).await;
    company.matched().await;
    let state = company.state().await;
    assert_eq!((state.links[&one].person, state.people.contains(&team_of)), (own, false), "{state:?}");
    assert_eq!((company.teams_of(own).await, company.teams_of(team_of).await), (1, 0), "the team has her work");
    company.settled().await;
}

#[tokio::test]
async fn what_was_refused_about_a_person_holds_for_accounts_that_come_later() {
    let mut company = Company::new().await;
    let account = company.account(0, "tess", "Tess Fowler", Some("tess@one.test"), false).await;
    let candidate = company.account(1, "tfowler", "Tess Fowler", Some("tess@two.test"), false).await;
    let sibling = company.account(0, "tess.fowler", "Tess Fowler", Some("tess@two.test"), false).await;
    company.matched().await;
    let person = company.state().await.links[&candidate].person;
    assert_eq!(company.state().await.links[&sibling].person, person);
    if company.state().await.links[&account].person == person {
        let split = Decision::Remap { account: company.seen(account), to: RemapTo::New { display_name: None } };
        company.store().decide(company.org, &company.by(), &split).await.unwrap();
    } else {
        let never = Decision::Never { one: Side::Account(company.seen(account)), other: Side::Account(company.seen(candidate)) };
        company.store().decide(company.org, &company.by(), &never).await.unwrap();
    }
    // the account by which it was refused is gone; the person's other one gets the very address
    company.sql(&format!("update identities set deleted_at = now() where id = '{candidate}'")).await;
    company.sql(&format!("update identities set email = 'tess@one.test' where id = '{sibling}'")).await;
    company.sql(&format!("delete from never_together where a = '{sibling}' or b = '{sibling}'")).await;
    company.matched().await;
    let state = company.state().await;
    assert_eq!(state.links[&sibling].person, person);
    assert_ne!(state.links[&account].person, person, "refused is refused");
    assert!(!state.links[&account].candidates.contains(&sibling), "nor is it asked again: {:?}", state.links[&account]);
    company.settled().await;
    assert!(company.state().await.rejected.contains(&(account, person)));
}
