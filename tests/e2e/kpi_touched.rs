//! Whatever changes in the rows that figures are made of: what an increment makes of it is what computing everything makes of it.

mod company;
mod deliveries;
mod incidents;
mod merge_requests;
mod people;
mod work_items;

/// What happens, and the statements that make it happen. `{org}` is the organisation.
type Change = (&'static str, String);

/// A row like the one that `pick` finds (`t`), with these columns (SQL expressions) instead.
fn copy(table: &str, pick: &str, instead: &[(&str, &str)]) -> String {
    let columns: String = instead.iter().map(|(column, value)| format!(", '{column}', {value}")).collect();
    format!(
        "insert into {table} overriding system value
         select (jsonb_populate_record(null::{table}, to_jsonb(t) || jsonb_build_object(
            'id', (select max(id) + 1 from {table}), 'external_id', 'copy-' || (select max(id) + 1 from {table}), 'ingested_at', now(),
            'changed_at', now(), 'deleted_at', null{columns}))).*
         from {table} t where t.id = ({pick})"
    )
}

/// Columns (as after `set`) of the row that `pick` finds (`t`) become others.
fn set(table: &str, pick: &str, set: &str) -> String {
    format!("update {table} t set {set}, changed_at = now() where id = ({pick})")
}

fn gone_and_back(what: [&'static str; 2], table: &str, pick: &str) -> [Change; 2] {
    let pick_deleted = format!("select id from {table} where deleted_at = '2026-03-17T11:11:11Z'");
    [(what[0], set(table, pick, "deleted_at = '2026-03-17T11:11:11Z'")), (what[1], set(table, &pick_deleted, "deleted_at = null"))]
}

/// The first of these rows that is not deleted, from the nth on.
fn nth(table: &str, nth: u32, condition: &str) -> String {
    format!("select id from {table} t where deleted_at is null and {condition} order by id offset {nth} limit 1")
}

/// The nth merged merge request by a human.
fn merged(at: u32) -> String {
    let human = "exists (select from identities i where i.connection_id = t.connection_id and i.external_id = t.author_external_id
        and i.is_bot is not true)";
    nth("merge_requests", at, &format!("merged_at is not null and {human}"))
}

/// The nth successful deployment to production.
fn delivery(nth: u32) -> String {
    format!(
        "select d.id from deployments d join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
         where e.tier = 'production' and d.status = 'success' and d.deleted_at is null order by d.created_at, d.id offset {nth} limit 1"
    )
}

/// What (an expression of `p`) is so of a project with deliveries.
fn delivered(what: &str) -> String {
    format!(
        "(select {what} from projects p where exists (
            select from deployments d
            join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
            where e.tier = 'production' and d.connection_id = p.connection_id and d.project_external_id = p.external_id
                and d.status = 'success') order by p.id limit 1)"
    )
}

/// The nth work item that is done.
fn done(at: u32) -> String {
    nth("work_items", at, "status_category = 'done' and kind <> 'epic'")
}

/// One column of the row that `pick` finds.
fn of(table: &str, column: &str, pick: &str) -> String {
    format!("(select {column} from {table} where id = ({pick}))")
}

/// A human's account at the row's (`t`) connection.
const SOMEBODY: &str =
    "(select external_id from identities i where i.connection_id = t.connection_id and i.is_bot is not true order by id desc limit 1)";
