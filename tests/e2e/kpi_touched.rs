//! Whatever changes in the rows that figures are made of: what an increment makes of it is what computing everything makes of it.

mod company;
mod deliveries;
mod incidents;
mod merge_requests;
mod people;
mod work_items;

use std::sync::Mutex;

use company::Company;

/// What happens, and the statements that make it happen. `{org}` is the organisation.
type Change = (&'static str, String);

/// A row like the one that `pick` finds (`t`), with these columns (SQL expressions) instead.
pub(crate) fn copy(table: &str, pick: &str, instead: &[(&str, &str)]) -> String {
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
pub(crate) fn set(table: &str, pick: &str, set: &str) -> String {
    format!("update {table} t set {set}, changed_at = now() where id = ({pick})")
}

fn gone_and_back(what: [&'static str; 2], table: &str, pick: &str) -> [Change; 2] {
    let pick_deleted = format!("select id from {table} where deleted_at = '2026-03-17T11:11:11Z'");
    [(what[0], set(table, pick, "deleted_at = '2026-03-17T11:11:11Z'")), (what[1], set(table, &pick_deleted, "deleted_at = null"))]
}

/// When a row of a table began; tables without are in the order of their ids.
fn began(table: &str) -> &'static str {
    match table {
        "merge_request_approvals" => "approved_at",
        "merge_request_commits" => "authored_at",
        "merge_requests" | "merge_request_notes" | "pipelines" | "deployments" | "issues" | "work_items" | "work_item_changes" => {
            "created_at"
        }
        _ => "-id",
    }
}

/// The nth newest of the rows (`t`) that are not deleted and of which `condition` is so: what is new touches few windows, so that none is
/// right by chance.
fn nth(table: &str, nth: u32, condition: &str) -> String {
    let began = began(table);
    format!("select id from {table} t where deleted_at is null and {condition} order by {began} desc nulls last, id offset {nth} limit 1")
}

/// The merge request `m` is by a human.
const BY_HUMAN: &str = "exists (select from identities i where i.connection_id = m.connection_id and i.external_id = m.author_external_id
    and i.is_bot is not true)";

/// The nth merged merge request by a human.
fn merged(at: u32) -> String {
    nth("merge_requests", at, &format!("merged_at is not null and {}", BY_HUMAN.replace("m.", "t.")))
}

/// The deployment `d` is a delivery: to production, and succeeded.
const IS_DELIVERY: &str = "d.status = 'success' and d.deleted_at is null and exists (select from environments e
    where e.connection_id = d.connection_id and e.external_id = d.environment_external_id and e.tier = 'production')";

/// The nth delivery, of all projects.
fn delivery(at: u32) -> String {
    nth("deployments", at, &IS_DELIVERY.replace("d.", "t."))
}

/// What (an expression of `p`) is so of a project with deliveries.
fn delivered(what: &str) -> String {
    format!(
        "(select {what} from projects p where exists (select from deployments d where d.connection_id = p.connection_id
            and d.project_external_id = p.external_id and {IS_DELIVERY}) order by p.id limit 1)"
    )
}

/// The nth work item that is done.
fn done(at: u32) -> String {
    nth("work_items", at, "status_category = 'done' and kind not in ('epic', 'bug')")
}

/// The nth version that has items.
fn version(at: u32) -> String {
    let has_items = "exists (select from work_items w where w.connection_id = t.connection_id
        and w.fix_version_external_ids @> array[t.external_id])";
    nth("versions", at, has_items)
}

/// A release that begins with the year and is not over.
fn release_begins() -> Change {
    let columns = "released = false, archived = false, start_on = '2026-01-01', release_on = '2026-03-30'";
    ("a release begins", set("versions", &version(0), columns))
}

/// One column of the row that `pick` finds.
fn of(table: &str, column: &str, pick: &str) -> String {
    format!("(select {column} from {table} where id = ({pick}))")
}

/// An account of somebody in a team at the row's (`t`) connection.
const SOMEBODY: &str = "(select i.external_id from identities i join person_identity_links l on l.identity_id = i.id
    join team_memberships m on m.person_id = l.person_id and m.until_date is null
    where i.connection_id = t.connection_id and i.is_bot is not true and l.status in ('auto', 'confirmed') order by i.id desc limit 1)";

/// Lists of changes, each of a company of its own, two at a time.
#[tokio::test]
async fn an_increment_is_what_computing_everything_makes_of_it() {
    let company = Company::start().await;
    let lists = vec![people::changes(), incidents::changes(), work_items::changes(), deliveries::changes(), merge_requests::changes()];
    let (lists, wrong) = (Mutex::new(lists), Mutex::new(Vec::new()));
    // a runtime for each: one that five rollups keep busy would not look after its connections
    let next = || lists.lock().unwrap().pop();
    let work = || {
        while let Some(changes) = next() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let found = runtime.block_on(async { company.copy().await.increments(&changes).await });
            wrong.lock().unwrap().extend(found);
        }
    };
    std::thread::scope(|scope| {
        // not on this thread: it has a runtime already
        scope.spawn(work);
        scope.spawn(work);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
