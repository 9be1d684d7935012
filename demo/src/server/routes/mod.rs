//! Every route, in one list. One file per kind of thing.

mod account;
mod groups;
mod merge_requests;
mod pipelines;
mod projects;

use super::world::World;
use super::{Answer, Call, Paging, Route};

pub(super) const ROUTES: &[Route<World>] = &[
    Route("/version", account::version),
    Route("/metadata", account::metadata),
    Route("/user", account::current_user),
    Route("/personal_access_tokens/self", account::token),
    Route("/users", account::users),
    Route("/users/:id", account::user),
    Route("/groups/:id", groups::detail),
    Route("/groups/:id/members/all", groups::members),
    Route("/groups/:id/members/all/:user_id", groups::member),
    Route("/groups/:id/projects", groups::projects),
    Route("/groups/:id/subgroups", groups::subgroups),
    Route("/groups/:id/descendant_groups", groups::descendants),
    Route("/groups/:id/epics", groups::premium_only),
    Route("/groups/:id/billable_members", groups::owners_only),
    Route("/projects", projects::list),
    Route("/projects/:id", projects::detail),
    Route("/projects/:id/members/all", projects::members),
    Route("/projects/:id/members/all/:user_id", projects::member),
    Route("/projects/:id/issues", projects::issues),
    Route("/projects/:id/issues/:iid", projects::issue),
    Route("/projects/:id/environments", projects::environments),
    Route("/projects/:id/environments/:environment_id", projects::environment),
    Route("/projects/:id/deployments", projects::deployments),
    Route("/projects/:id/deployments/:deployment_id", projects::deployment),
    Route("/projects/:id/releases", projects::releases),
    Route("/projects/:id/releases/:tag", projects::release),
    Route("/projects/:id/merge_requests", merge_requests::list),
    Route("/projects/:id/merge_requests/:iid", merge_requests::detail),
    Route("/projects/:id/merge_requests/:iid/notes", merge_requests::notes),
    Route("/projects/:id/merge_requests/:iid/approvals", merge_requests::approvals),
    Route("/projects/:id/merge_requests/:iid/commits", merge_requests::commits),
    Route("/projects/:id/merge_requests/:iid/diffs", merge_requests::diffs),
    Route("/projects/:id/jobs", pipelines::project_jobs),
    Route("/projects/:id/jobs/:job_id", pipelines::job),
    Route("/projects/:id/pipelines", pipelines::list),
    Route("/projects/:id/pipelines/:pipeline_id", pipelines::detail),
    Route("/projects/:id/pipelines/:pipeline_id/jobs", pipelines::jobs),
    Route("/projects/:id/pipelines/:pipeline_id/bridges", pipelines::bridges),
];

/// The project of a call, or the answer for one that moved or does not exist.
fn project(world: &World, call: &Call, key: &str, paging: &Paging) -> Result<usize, Answer> {
    if let Some(index) = world.project(key) {
        return Ok(index);
    }
    let mut visible = world.visible_projects().map(|(project, _)| project);
    let moved = visible.find(|project| project.old_path.as_deref().is_some_and(|old| old.eq_ignore_ascii_case(key)));
    Err(match moved {
        Some(project) => moved_to(call, project.id, paging),
        None => Answer::message(404, "404 Project Not Found"),
    })
}

/// 301 to the same call by project id.
fn moved_to(call: &Call, id: u64, paging: &Paging) -> Answer {
    let (before, after) = call.path.split_once("/projects/").unwrap_or_default();
    let rest = after.split_once('/').map(|(_, rest)| format!("/{rest}")).unwrap_or_default();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
    let mark = if query.is_empty() { "" } else { "?" };
    // The redirect itself goes where the caller came from; a proxy rewrites it, unlike links.
    let origin = call.header("host").map_or_else(|| paging.origin.clone(), |host| format!("http://{host}"));
    Answer::message(301, "301 Moved Permanently").header("location", format!("{origin}{before}/projects/{id}{rest}{mark}{query}"))
}
