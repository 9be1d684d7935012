//! Every route of the Jira site that is not about issues, and the list of all.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::server::COST;
use super::model::Visibility;
use super::world::JiraWorld;
use super::{issues, search, wire};
use crate::server::{Answer, Call, Paging, Route, jira_error};
use crate::wire::{array, render};

type World = JiraWorld;

pub(super) const ROUTES: &[Route<World>] = &[
    Route("/rest/api/3/myself", myself),
    Route("/rest/api/3/serverInfo", server_info),
    Route("/rest/api/3/users/search", users),
    Route("/rest/api/3/users", users),
    Route("/rest/api/3/user", user),
    Route("/rest/api/3/user/bulk", users_by_id),
    Route("/rest/api/3/group/bulk", groups),
    Route("/rest/api/3/group/member", members),
    Route("/rest/api/3/project/search", projects),
    Route("/rest/api/3/project/:project", project),
    Route("/rest/api/3/project/:project/version", versions),
    Route("/rest/api/3/field", fields),
    Route("/rest/api/3/status", statuses),
    Route("/rest/api/3/statuses/search", statuses_found),
    Route("/rest/api/3/search/jql", search::jql),
    Route("/rest/api/3/search/approximate-count", search::count),
    Route("/rest/api/3/search", removed),
    Route("/rest/api/2/search", removed),
    Route("/rest/api/3/issue/bulkfetch", issues::bulk),
    Route("/rest/api/3/changelog/bulkfetch", issues::changelogs),
    Route("/rest/api/3/issue/:issue", issues::one),
    Route("/rest/api/3/issue/:issue/changelog", issues::changelog),
    Route("/rest/api/3/issue/:issue/worklog", issues::worklogs),
    Route("/rest/api/3/worklog/updated", issues::worklogs_updated),
    Route("/rest/api/3/worklog/deleted", issues::worklogs_deleted),
    Route("/rest/api/3/worklog/list", issues::worklog_list),
    Route("/rest/agile/1.0/board", boards),
    Route("/rest/agile/1.0/board/:board", board),
    Route("/rest/agile/1.0/board/:board/sprint", sprints),
    Route("/rest/agile/1.0/sprint/:sprint", sprint),
];

/// `startAt` and `maxResults`, the latter at most `most`.
pub(super) fn window(call: &Call, usual: usize, most: usize) -> Result<(usize, usize), Answer> {
    let number = |name: &str, usual: usize| match call.param(name) {
        None | Some("") => Ok(usual),
        Some(text) => text.parse::<usize>().map_err(|_| jira_error(400, &format!("The value '{text}' of {name} is not a number."))),
    };
    Ok((number("startAt", 0)?, number("maxResults", usual)?.min(most)))
}

/// A page bean of rows.
pub(super) fn page(world: &World, call: &Call, rows: &[Bytes], usual: usize, most: usize, name: &str) -> Answer {
    let (start, size) = match window(call, usual, most) {
        Ok((start, size)) => (start.min(rows.len()), size.min(world.page_cap.unwrap_or(size)).max(1)),
        Err(answer) => return answer,
    };
    let end = (start + size).min(rows.len());
    let address = |start: usize| {
        let kept =
            call.query.iter().filter(|(key, _)| key != "startAt" && key != "maxResults").map(|(key, value)| (key.as_str(), value.as_str()));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("startAt", &start.to_string())
            .append_pair("maxResults", &size.to_string())
            .finish();
        format!("{}{}?{query}", world.style.origin, call.path)
    };
    let next = if end < rows.len() { format!(r#""nextPage":{},"#, Value::from(address(end))) } else { String::new() };
    let body = format!(
        r#"{{"self":{},{next}"maxResults":{size},"startAt":{start},"total":{},"isLast":{},"{name}":{}}}"#,
        Value::from(address(start)),
        rows.len(),
        end == rows.len(),
        String::from_utf8_lossy(&array(&rows[start..end])),
    );
    Answer::json(Bytes::from(body)).header(COST, (end - start).to_string())
}

fn myself(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let mut user = wire::user(&world.facts, &world.style, world.facts.directory.token_account);
    user["timeZone"] = json!(world.style.zone.name());
    user["locale"] = json!("en_US");
    user["expand"] = json!("groups,applicationRoles");
    Answer::json(render(&user))
}

fn server_info(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    Answer::json(render(&json!({
        "baseUrl": world.style.origin, "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud",
        "buildNumber": 100_292, "serverTitle": "Brightloom",
    })))
}

fn user_rows(world: &World, picked: impl Iterator<Item = usize>) -> Vec<Bytes> {
    picked.map(|index| render(&wire::user(&world.facts, &world.style, index))).collect()
}

/// A plain array. Every tenth place belongs to somebody the token may not see: pages are short in the middle.
fn users(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let (start, size) = match window(call, 50, 1000) {
        Ok(window) => window,
        Err(answer) => return answer,
    };
    let accounts = world.facts.directory.accounts.len();
    let places = (0..accounts + accounts / 9).skip(start).take(size.min(world.page_cap.unwrap_or(size)));
    let picked = places.filter(|place| place % 10 != 9).map(|place| place - place / 10).filter(|index| *index < accounts);
    let rows = user_rows(world, picked);
    Answer::json(array(&rows)).header(COST, (2 * rows.len()).to_string())
}

fn user(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let found = world.facts.directory.accounts.iter().position(|one| Some(one.id.as_str()) == call.param("accountId"));
    found.map_or_else(
        || jira_error(404, "Specified user does not exist or you do not have required permissions"),
        |index| Answer::json(render(&wire::user(&world.facts, &world.style, index))),
    )
}

fn users_by_id(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let wanted = |id: &str| call.query.iter().any(|(key, value)| key == "accountId" && value == id);
    let picked = world.facts.directory.accounts.iter().enumerate().filter(|(_, one)| wanted(&one.id)).map(|(index, _)| index);
    page(world, call, &user_rows(world, picked), 10, 200, "values")
}

fn groups(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let rows: Vec<Bytes> = world.facts.directory.groups.iter().map(|one| render(&json!({"name": one.name, "groupId": one.id}))).collect();
    page(world, call, &rows, 50, 50, "values")
}

/// Active ones only, unless the others are asked for.
fn members(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let directory = &world.facts.directory;
    let Some(id) = call.param("groupId") else { return jira_error(400, "Either the groupname or groupId must be provided.") };
    let Some(group) = directory.groups.iter().find(|one| one.id == id) else {
        return jira_error(404, "The group does not exist.");
    };
    let all = call.flag("includeInactiveUsers");
    let picked = group.members.iter().copied().filter(|index| all || directory.accounts[*index].active);
    page(world, call, &user_rows(world, picked), 50, 50, "values")
}

/// Live ones, unless others are asked for; `status` may come several times.
fn projects(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let all =
        |name: &str| -> Vec<&str> { call.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(',')).collect() };
    let (statuses, keys, ids) = (all("status"), all("keys"), all("id"));
    let shown = |visibility: Visibility| match visibility {
        Visibility::Hidden => false,
        Visibility::Live => statuses.is_empty() || statuses.contains(&"live"),
        Visibility::Archived => statuses.contains(&"archived"),
        Visibility::Deleted => statuses.contains(&"deleted"),
    };
    let projects = world.facts.projects.iter().enumerate().filter(|(_, one)| {
        shown(one.visibility)
            && (keys.is_empty() || keys.iter().any(|key| key.eq_ignore_ascii_case(&one.key)))
            && (ids.is_empty() || ids.contains(&one.id.to_string().as_str()))
    });
    let mut found: Vec<(&str, usize)> = projects.map(|(index, one)| (one.key.as_str(), index)).collect();
    found.sort_unstable();
    let expand = call.param("expand").unwrap_or_default();
    let rows: Vec<Bytes> = found.into_iter().map(|(_, index)| render(&wire::project(&world.facts, &world.style, index, expand))).collect();
    page(world, call, &rows, 50, 100, "values")
}

/// By key, former key or id; 404 for what is hidden or in the trash.
fn project_index(world: &World, key: &str) -> Result<usize, Answer> {
    let found = world.facts.projects.iter().position(|one| {
        !matches!(one.visibility, Visibility::Hidden | Visibility::Deleted)
            && (one.key.eq_ignore_ascii_case(key)
                || one.id.to_string() == key
                || one.former_keys.iter().any(|it| it.eq_ignore_ascii_case(key)))
    });
    found.ok_or_else(|| jira_error(404, &format!("No project could be found with key '{key}'.")))
}

fn project(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    match project_index(world, &params[0]) {
        Ok(index) => {
            let expand = format!("lead,{}", call.param("expand").unwrap_or_default());
            Answer::json(render(&wire::project(&world.facts, &world.style, index, &expand))).header(COST, "1")
        }
        Err(answer) => answer,
    }
}

fn versions(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    match project_index(world, &params[0]) {
        Ok(index) => {
            let versions = world.facts.versions.iter().filter(|one| one.project == index);
            let rows: Vec<Bytes> = versions.map(|one| render(&wire::version(&world.facts, &world.style, one))).collect();
            page(world, call, &rows, 50, 50, "values")
        }
        Err(answer) => answer,
    }
}

fn fields(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let rows: Vec<Bytes> = world.facts.fields.iter().map(|one| render(&wire::field(one))).collect();
    Answer::json(array(&rows)).header(COST, rows.len().to_string())
}

fn shown_statuses(world: &World) -> impl Iterator<Item = &super::model::Status> {
    let seen = |project: Option<usize>| project.is_none_or(|index| world.facts.projects[index].is_live());
    world.facts.statuses.iter().filter(move |one| seen(one.project))
}

fn statuses(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let rows: Vec<Bytes> = shown_statuses(world).map(|one| render(&wire::status(&world.style, one))).collect();
    Answer::json(array(&rows)).header(COST, rows.len().to_string())
}

fn statuses_found(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let rows: Vec<Bytes> = shown_statuses(world).map(|one| render(&wire::status_found(&world.facts, one))).collect();
    page(world, call, &rows, 200, 200, "values")
}

fn removed(_: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    jira_error(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
}

/// Those of projects the token sees.
fn seen_boards(world: &World) -> impl Iterator<Item = (usize, &super::model::Board)> {
    world.facts.boards.iter().enumerate().filter(|(_, one)| world.facts.projects[one.project].is_live())
}

fn boards(world: &World, call: &Call, _: &[String], _: &Paging) -> Answer {
    let wanted = call.param("projectKeyOrId").map(|key| project_index(world, key));
    let project = match wanted {
        Some(Err(_)) => return jira_error(400, "The project does not exist or you do not have permission to see it."),
        Some(Ok(index)) => Some(index),
        None => None,
    };
    let kinds: Option<Vec<&str>> = call.param("type").map(|text| text.split(',').collect());
    let rows: Vec<Bytes> = seen_boards(world)
        .filter(|(_, one)| project.is_none_or(|index| one.project == index) && kinds.as_ref().is_none_or(|kinds| kinds.contains(&one.kind)))
        .map(|(_, one)| render(&wire::board(&world.facts, &world.style, one)))
        .collect();
    page(world, call, &rows, 50, 50, "values")
}

fn board_index(world: &World, id: &str) -> Result<usize, Answer> {
    let found = seen_boards(world).find(|(_, one)| one.id.to_string() == id).map(|(index, _)| index);
    found.ok_or_else(|| {
        jira_error(404, "The requested board cannot be viewed because it either does not exist or you do not have permission to view it.")
    })
}

fn board(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    match board_index(world, &params[0]) {
        Ok(index) => Answer::json(render(&wire::board(&world.facts, &world.style, &world.facts.boards[index]))),
        Err(answer) => answer,
    }
}

fn sprints(world: &World, call: &Call, params: &[String], _: &Paging) -> Answer {
    let index = match board_index(world, &params[0]) {
        Ok(index) => index,
        Err(answer) => return answer,
    };
    if world.facts.boards[index].kind == "kanban" {
        return jira_error(400, "The board does not support sprints");
    }
    let states: Option<Vec<&str>> = call.param("state").map(|text| text.split(',').collect());
    let sprints =
        world.facts.sprints.iter().filter(|one| one.board == index && states.as_ref().is_none_or(|states| states.contains(&one.state)));
    let rows: Vec<Bytes> = sprints.map(|one| render(&wire::sprint(&world.facts, &world.style, one, false))).collect();
    page(world, call, &rows, 50, 50, "values")
}

fn sprint(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    let seen = |one: &&super::model::Sprint| world.facts.projects[world.facts.boards[one.board].project].is_live();
    let found = world.facts.sprints.iter().filter(seen).find(|one| one.id.to_string() == params[0]);
    found.map_or_else(
        || jira_error(404, "Sprint does not exist"),
        |one| Answer::json(render(&wire::sprint(&world.facts, &world.style, one, false))),
    )
}
