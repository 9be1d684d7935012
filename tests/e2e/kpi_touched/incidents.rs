//! Incidents, of the tracker and of the code host, and what people say of them.

use super::{Change, IS_DELIVERY, copy, delivered, done, gone_and_back, nth, of, set};

const ITEMS: &str = "work_items";

fn of_key(key: &str) -> String {
    format!("select id from work_items where key = '{key}' order by id limit 1")
}

/// The nth newest delivery of the service.
fn delivery(at: u32) -> String {
    let project = delivered("p.external_id");
    nth("deployments", at, &format!("project_external_id = {project} and {}", IS_DELIVERY.replace("d.", "t.")))
}

/// A moment from that on which the nth delivery finished.
fn after(nth: u32, interval: &str) -> String {
    of("deployments", &format!("coalesce(finished_at, created_at) + interval '{interval}'"), &delivery(nth))
}

/// An incident of a service, an hour after a delivery.
fn incident(key: &str, service: &str, nth: u32) -> String {
    let (created, resolved, key) = (after(nth, "1 hour"), after(nth, "73 hours"), format!("'{key}'"));
    let service = format!("jsonb_build_array('{service}')");
    let columns = [
        ("key", key.as_str()),
        ("components", &service),
        ("labels", "jsonb_build_array('incident')"),
        ("created_at", &created),
        ("resolved_at", &resolved),
    ];
    copy(ITEMS, &done(2), &columns)
}

/// Somebody says what caused an incident.
fn said(key: &str, deployment: &str) -> String {
    let incident = of_key(key);
    format!(
        "update kpi_incident_overrides set ended_at = now() where ended_at is null;
         insert into kpi_incident_overrides (org_id, incident_table, incident_id, deployment_id, created_by)
         values ('{{org}}', 'work_items', ({incident}), ({deployment}), 'test')"
    )
}

fn of_the_tracker() -> Vec<Change> {
    let taken_back = || "update kpi_incident_overrides set ended_at = now() where ended_at is null".to_owned();
    let (created, finished) = (after(3, "50 minutes"), after(3, "55 minutes"));
    let nearer = [("created_at", created.as_str()), ("updated_at", "null"), ("finished_at", finished.as_str()), ("sha", "null")];
    let mention = format!(
        "select r.id from references_found r
         join merge_requests m on m.connection_id = r.connection_id and m.external_id = r.from_external_id
         where r.from_table = 'merge_requests' and m.deleted_at is null and m.project_external_id = {} and m.merged_at is not null
         order by m.merged_at, r.id limit 1",
        delivered("p.external_id")
    );
    vec![
        ("the first incident", incident("INC-1", "web", 3)),
        ("another of the same deployment", incident("INC-2", "web", 3)),
        ("one of a service nobody knows", incident("INC-3", "other", 4)),
        ("it is resolved later", set(ITEMS, &of_key("INC-2"), "resolved_at = resolved_at + interval '5 days'")),
        ("it is not resolved", set(ITEMS, &of_key("INC-2"), "resolved_at = null")),
        ("somebody says: another deployment", said("INC-1", &delivery(1))),
        ("somebody takes it back", taken_back()),
        ("somebody says: none", said("INC-1", "null")),
        ("somebody takes that back", taken_back()),
        ("somebody says: none, as was thought", said("INC-3", "null")),
        ("somebody takes that back as well", taken_back()),
        ("a merge request of the service names it", set("references_found", &mention, "keys = array['INC-3']")),
        ("it names another one", set("references_found", &mention, "keys = '{}'")),
        ("a deployment nearer to it", copy("deployments", &delivery(3), &nearer)),
        ("the deployment failed itself", set("deployments", &delivery(3), "status = 'failed'")),
        ("of another service", set(ITEMS, &of_key("INC-1"), "components = '{other}'")),
        ("its labels make it none", set(ITEMS, &of_key("INC-2"), "labels = '{}'")),
        ("by a filter it is one", set(ITEMS, &of_key("INC-2"), "priority = 'Blackout'")),
        ("by a filter it is a drill", set(ITEMS, &of_key("INC-2"), "labels = '{Drill}'")),
        ("its label makes it one again", set(ITEMS, &of_key("INC-2"), "labels = '{incident}'")),
    ]
}

fn of_the_code_host() -> Vec<Change> {
    let table = "issues";
    let of_project = nth(
        table,
        0,
        "exists (select from deployments d where d.connection_id = t.connection_id and d.project_external_id = t.project_external_id)",
    );
    let created = "(select coalesce(d.finished_at, d.created_at) + interval '1 hour' from deployments d
        where d.connection_id = t.connection_id and d.project_external_id = t.project_external_id and d.status = 'success'
        order by d.created_at limit 1)";
    let columns = [
        ("number", "990001"),
        ("labels", "jsonb_build_array('Incident')"),
        ("created_at", created),
        ("closed_at", "'2026-03-10T10:00:00Z'"),
        ("state", "'closed'"),
    ];
    let issue = "select id from issues where number = 990001";
    let change = |what, columns: &str| (what, set(table, issue, columns));
    let mut changes = vec![
        ("an issue is an incident", copy(table, &of_project, &columns)),
        change("the issue is closed later", "closed_at = closed_at + interval '9 days'"),
        change("the issue is no incident", "labels = '{}'"),
        change("by a filter it is", "labels = '{Outage}'"),
        change("by that it is none again", "labels = '{}'"),
        change("by its type it is", "issue_type = 'incident'"),
    ];
    changes.extend(gone_and_back(["the issue is gone", "the issue is back"], table, issue));
    changes.push(change("it is an issue again", "issue_type = 'issue'"));
    changes.extend(gone_and_back(["an incident is gone", "an incident is back"], ITEMS, &of_key("INC-2")));
    let none = "update work_items set labels = '{}', changed_at = now() where 'incident' = any(labels)";
    changes.push(("no incident is left", none.to_owned()));
    changes
}

pub(super) fn changes() -> Vec<Change> {
    [of_the_tracker(), of_the_code_host()].concat()
}
