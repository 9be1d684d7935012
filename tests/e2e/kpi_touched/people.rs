//! People, teams, connections and settings.

use super::Change;

/// The nth person with merge requests.
fn person(nth: u32) -> String {
    format!(
        "(select p.id from people p where p.retired_at is null and not p.is_bot and exists (
            select from person_identity_links l
            join identities i on i.id = l.identity_id
            join merge_requests m on m.connection_id = i.connection_id and m.author_external_id = i.external_id
            where l.person_id = p.id and l.status in ('auto', 'confirmed')
        ) order by p.id offset {nth} limit 1)"
    )
}

/// As a decision tells of these people.
fn told(people: &str) -> String {
    format!(
        "update organisations set identity_epoch = identity_epoch + 1 where id = '{{org}}';
         insert into changed_people (org_id, person_id, epoch, reason)
         select '{{org}}', p, (select identity_epoch from organisations where id = '{{org}}'), 'decision:remap'
         from unnest(array[{people}]) p"
    )
}

fn settings(settings: &str, person_level: &str) -> String {
    format!(
        "insert into kpi_settings (org_id, version, settings, person_level, created_by)
         select org_id, version + 1, settings || '{settings}', {person_level}, 'test' from kpi_settings order by version desc limit 1"
    )
}

fn accounts() -> Vec<Change> {
    let author = "(select i.id from identities i where i.is_bot is not true and exists (select from merge_requests m
        where m.connection_id = i.connection_id and m.author_external_id = i.external_id) order by i.external_id, i.id limit 1)";
    let told_robot = told("(select id from robot)");
    let (one, other) = (person(3), person(4));
    vec![
        ("figures of people", settings("{}", "true")),
        (
            "an account is a bot's",
            format!(
                "create table was_bot as select {author} as id;
                 update identities set is_bot = true, changed_at = now() where id = (select id from was_bot)"
            ),
        ),
        ("it is not", "update identities set is_bot = false, changed_at = now() where id = (select id from was_bot)".to_owned()),
        (
            "a person is a bot",
            format!(
                "create table robot as select {} as id; update people set is_bot = true where id = (select id from robot); {told_robot}",
                person(2)
            ),
        ),
        ("the person is none", format!("update people set is_bot = false where id = (select id from robot); {told_robot}")),
        (
            "accounts go to somebody else",
            format!(
                "create table two as select {one} as one, {other} as other;
                 update person_identity_links set person_id = (select other from two)
                 where person_id = (select one from two) and status in ('auto', 'confirmed');
                 {}",
                told("(select one from two), (select other from two)")
            ),
        ),
    ]
}

fn teams_settings_and_connections() -> Vec<Change> {
    let somebody = person(1);
    let joins = format!(
        "insert into team_memberships (org_id, team_id, person_id, from_date, created_by)
         select '{{org}}', t.id, {somebody}, date '2025-11-01', 'test' from teams t
         where not exists (select from team_memberships m where m.team_id = t.id and m.person_id = {somebody}) limit 1"
    );
    let left = "update team_memberships set until_date = greatest(from_date + 1, date '2026-01-15')
        where id = (select min(id) from team_memberships)";
    let change = |what, sql: &str| (what, sql.to_owned());
    let set = |what, json| (what, settings(json, "person_level"));
    vec![
        ("somebody joins a team", joins),
        change("somebody left earlier", left),
        change("somebody never was there", "delete from team_memberships where id = (select min(id) from team_memberships)"),
        change("a team is archived", "update teams set archived_at = now() where name = 'other'"),
        change("a team is not archived", "update teams set archived_at = null where name = 'other'"),
        set("patience is shorter", r#"{"stale_after_days": 2, "ageing_after_days": 3}"#),
        set("days begin elsewhere", r#"{"time_zone": "Asia/Kathmandu"}"#),
        set("days begin as before", r#"{"time_zone": "UTC"}"#),
        set("staging counts as production", r#"{"production_tiers": ["production", "staging"]}"#),
        ("no figures of people", settings("{}", "false")),
        change("the tracker is disconnected", "update connections set deleted_at = now() where source = 'jira'"),
        change("the tracker is connected again", "update connections set deleted_at = null where source = 'jira'"),
    ]
}

pub(super) fn changes() -> Vec<Change> {
    [accounts(), teams_settings_and_connections()].concat()
}
