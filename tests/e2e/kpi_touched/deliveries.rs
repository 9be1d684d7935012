//! Pipelines, deployments, environments and projects.

use super::{BY_HUMAN, Change, SOMEBODY, copy, delivery, gone_and_back, nth, of, release_begins, set, version};

fn pipelines() -> Vec<Change> {
    let table = "pipelines";
    let ran = |at| nth(table, at, "status = 'success' and finished_at is not null");
    let change = |what, at, columns: &str| (what, set(table, &ran(at), columns));
    let first = "(select min(created_at) - interval '50 days' from merge_requests)";
    let columns = [("sha", "'oldest'"), ("created_at", first), ("updated_at", first), ("started_at", "null"), ("finished_at", first)];
    let mut changes = vec![
        ("a pipeline older than all", copy(table, &ran(3), &columns)),
        ("the oldest pipeline is gone", set(table, "select id from pipelines where sha = 'oldest'", "deleted_at = now()")),
        change("a pipeline failed", 10, "status = 'failed'"),
        change("a pipeline finished later", 11, "finished_at = finished_at + interval '1 day'"),
        change("a pipeline of another branch", 12, "git_ref = 'elsewhere'"),
        change("a pipeline took longer", 13, "started_at = null, duration_seconds = 90000"),
    ];
    changes.extend(gone_and_back(["a pipeline is gone", "a pipeline is back"], table, &ran(14)));
    changes
}

/// The project with merges that has fewest deployments.
const UNDEPLOYED: &str = "(select p.external_id from projects p
    where exists (select from merge_requests m
        where m.connection_id = p.connection_id and m.project_external_id = p.external_id and m.merged_at is not null)
    order by (select count(*) from deployments d where d.connection_id = p.connection_id and d.project_external_id = p.external_id), p.id
    limit 1)";

fn deployments() -> Vec<Change> {
    let table = "deployments";
    let change = |what, at, columns: &str| (what, set(table, &delivery(at), columns));
    let first = [
        ("project_external_id", UNDEPLOYED),
        ("created_at", "'2026-02-10T10:00:00Z'"),
        ("updated_at", "'2026-02-10T10:10:00Z'"),
        ("finished_at", "'2026-02-10T10:10:00Z'"),
        ("sha", "null"),
    ];
    let its_id = "select id from deployments where sha is null and created_at = '2026-02-10T10:00:00Z'";
    let earlier = of(table, "created_at - interval '2 days'", &delivery(6));
    let between = [("created_at", earlier.as_str()), ("updated_at", "null"), ("finished_at", "null"), ("sha", "null")];
    let long_ago = |column| {
        let merge = "merged_at is not null and merge_commit_sha is not null order by merged_at offset 3 limit 1";
        format!("(select {column} from merge_requests where {merge})")
    };
    let (project, sha) = (long_ago("project_external_id"), long_ago("merge_commit_sha"));
    let older = format!(
        "sha = (select m.merge_commit_sha from merge_requests m where m.connection_id = t.connection_id and m.deleted_at is null
            and m.project_external_id = t.project_external_id and m.merged_at < t.created_at - interval '8 days'
            and m.merge_commit_sha is not null and {BY_HUMAN} order by m.merged_at desc limit 1)"
    );
    let soon = of(table, "finished_at + interval '1 minute'", &delivery(3));
    let again = [
        ("created_at", soon.as_str()),
        ("updated_at", "null"),
        ("finished_at", &soon),
        ("sha", "null"),
        ("identity_external_id", SOMEBODY),
    ];
    let mut changes = vec![
        ("the first deployment of a project", copy(table, &delivery(4), &first)),
        ("a deployment between others", copy(table, &delivery(6), &between)),
        ("a deployment of a merge long ago", copy(table, &delivery(9), &[("project_external_id", &project), ("sha", &sha)])),
        ("the first deployment is gone again", set(table, its_id, "deleted_at = now()")),
        change("a deployment failed after all", 5, "status = 'failed'"),
        change("a deployment finished two days later", 7, "finished_at = finished_at + interval '2 days'"),
        change("a deployment of another commit", 2, &older),
        ("a deployment once more", copy(table, &delivery(3), &again)),
        ("a deployment by nobody", set(table, "select max(id) from deployments", "identity_external_id = null")),
    ];
    changes.extend(gone_and_back(["a deployment is gone", "a deployment is back"], table, &delivery(10)));
    changes
}

fn environments_and_projects() -> Vec<Change> {
    let (table, projects) = ("environments", "projects");
    let staging = nth(table, 0, "tier is distinct from 'production'");
    let production = nth(
        table,
        0,
        "tier = 'production' and exists (select from deployments d where d.connection_id = t.connection_id
            and d.environment_external_id = t.external_id and d.status = 'success')",
    );
    let project = nth(projects, 0, "true");
    let of_release = format!(
        "select p.id from projects p join versions v on v.connection_id = p.connection_id and v.project_external_id = p.external_id
         where v.id = ({})",
        version(0)
    );
    let mut changes = vec![
        ("a review app", copy(table, &staging, &[("name", "'review/1'"), ("tier", "'development'")])),
        ("an environment becomes production", set(table, &staging, "tier = 'production'")),
        ("an environment was never production", set(table, &production, "tier = 'staging'")),
        ("an environment does not say", set(table, &production, "tier = null")),
        ("another default branch", set(projects, &project, "default_branch = 'develop'")),
        release_begins(),
        ("a project is archived", set(projects, &of_release, "archived = true")),
        ("a project is no longer archived", set(projects, &of_release, "archived = false")),
    ];
    changes.extend(gone_and_back(["a project is gone", "a project is back"], projects, &of_release));
    changes
}

pub(super) fn changes() -> Vec<Change> {
    [pipelines(), deployments(), environments_and_projects()].concat()
}
