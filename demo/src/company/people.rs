//! Accounts, who is behind them, and what they are members of.
//!
//! Everybody in the company is a member of the top group or of a subgroup below it, as it is on a real GitLab; outsiders are
//! members of nothing and show up only as authors.

use chrono::Duration;

use super::dice::{Dice, mix};
use super::model::{Group, Member, Person, Project, Scope, Time, User, UserKind};
use super::names::{ALIAS, NAMES, SECOND_ACCOUNTS};

const FIRST_USER_ID: u64 = 2_101;

pub(super) struct People {
    pub users: Vec<User>,
    pub persons: Vec<Person>,
    pub members: Vec<Member>,
    /// The account the access token belongs to.
    pub token_user: u64,
}

/// `count` humans, their second accounts, and the bots.
pub(super) fn generate(dice: &mut Dice, count: usize, groups: &[Group], projects: &[Project], as_of: Time) -> People {
    let mut people = People { users: Vec::new(), persons: Vec::new(), members: Vec::new(), token_user: 0 };
    for index in 0..count {
        let user = human(dice, index, count, as_of);
        people.persons.push(Person { users: vec![user.id], shares: None });
        people.users.push(user);
    }
    for (person, username, shares) in SECOND_ACCOUNTS.iter().copied().filter(|second| second.0 < count) {
        let first = people.users[person].clone();
        let id = next_id(&people.users);
        let user = User {
            id,
            username: username.to_owned(),
            name: if shares == "name" {
                first.name.clone()
            } else if shares == "email" {
                "Amélie R. (CI)".to_owned()
            } else {
                ALIAS.to_owned()
            },
            public_email: if shares == "email" { first.public_email.clone() } else { None },
            created_at: first.created_at + Duration::days(200),
            departed: false,
            ..first
        };
        people.persons[person].users.push(id);
        people.persons[person].shares = Some(shares);
        people.users.push(user);
    }
    bots(&mut people, groups, projects, as_of);
    members(dice, &mut people, groups, projects);
    people
}

fn next_id(users: &[User]) -> u64 {
    users.last().map_or(FIRST_USER_ID, |user| user.id + 37)
}

fn human(dice: &mut Dice, index: usize, count: usize, as_of: Time) -> User {
    let entry = &NAMES[index % NAMES.len()];
    let round = index / NAMES.len();
    let suffix = if round == 0 { String::new() } else { format!("{}", round + 1) };
    // The last two of a large company contribute from outside; every eleventh has left.
    let outsider = index + 2 >= count && count >= 8;
    let departed = index % 11 == 10 && !outsider;
    let domain = if outsider { "kitefield.example" } else { "brightloom.example" };
    User {
        id: FIRST_USER_ID + 37 * index as u64,
        username: format!("{}{suffix}", entry.username),
        name: if round == 0 { entry.name.to_owned() } else { format!("{} {}", entry.name, round + 1) },
        state: match (departed, index % 2) {
            (true, 0) => "blocked",
            (true, _) => "deactivated",
            _ => "active",
        },
        public_email: (!entry.email.is_empty()).then(|| format!("{}{suffix}@{domain}", entry.email)),
        bot: false,
        created_at: as_of - Duration::days(dice.between(420, 1900)) + dice.millis(0, 86_400_000),
        offset_minutes: entry.offset,
        departed,
        kind: if outsider { UserKind::Outsider } else { UserKind::Human },
    }
}

fn bots(people: &mut People, groups: &[Group], projects: &[Project], as_of: Time) {
    let hash = |n: u64| format!("{:016x}{:016x}", mix(n, 7), mix(n, 8));
    let mut kinds: Vec<(UserKind, String, String)> =
        vec![(UserKind::GroupBot, format!("group_{}_bot_{}", groups[0].id, hash(groups[0].id)), "ovia-sync".to_owned())];
    for project in projects.iter().step_by(4) {
        kinds.push((
            UserKind::ProjectBot(project.id),
            format!("project_{}_bot_{}", project.id, hash(project.id)),
            format!("{}-ci-token", project.path),
        ));
    }
    kinds.push((UserKind::DependencyBot, "depsy.brightloom".to_owned(), "Depsy".to_owned()));
    for (kind, username, name) in kinds {
        let id = next_id(&people.users);
        if kind == UserKind::GroupBot {
            people.token_user = id;
        }
        let created_at = as_of - Duration::days(500) - Duration::hours((id % 500) as i64);
        people.users.push(User {
            id,
            username,
            name,
            state: "active",
            public_email: None,
            bot: true,
            created_at,
            offset_minutes: 0,
            departed: false,
            kind,
        });
    }
}

fn members(dice: &mut Dice, people: &mut People, groups: &[Group], projects: &[Project]) {
    for (index, user) in people.users.iter().enumerate() {
        let (scope, access_level) = match user.kind {
            UserKind::Outsider => continue,
            UserKind::ProjectBot(project) => (Scope::Project(project), 40),
            UserKind::GroupBot | UserKind::DependencyBot => (Scope::Group(groups[0].id), 30),
            // Every fifth human is a member of one subgroup only.
            UserKind::Human if index % 5 == 4 && groups.len() > 1 => (Scope::Group(groups[1 + index % (groups.len() - 1)].id), 30),
            UserKind::Human => (Scope::Group(groups[0].id), dice.pick(&[20, 30, 30, 40, 40, 50])),
        };
        let created_at = user.created_at + Duration::minutes(11);
        let expires_at = (index % 13 == 7).then(|| (created_at + Duration::days(3000)).date_naive());
        people.members.push(Member { scope, user: user.id, access_level, created_at, expires_at });
        // Some have a higher role in one project as well.
        if user.kind == UserKind::Human && index % 6 == 1 {
            let project = projects[index % projects.len()].id;
            people.members.push(Member { scope: Scope::Project(project), user: user.id, access_level: 50, created_at, expires_at: None });
        }
    }
}
