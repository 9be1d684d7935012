//! Facts as Jira's JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::history::resolution_id;
use super::model::{ChangeItem, History, Issue, JiraFacts, JiraProject, Link, Sprint, Status, Version, Worklog};

/// Where links point, and in whose time zone times are shown.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub origin: String,
    pub zone: Tz,
}

/// `2021-03-28T16:06:08.713+0800`: no colon in the offset.
pub(crate) fn stamp(style: &Style, time: DateTime<Utc>) -> String {
    time.with_timezone(&style.zone).format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string()
}

/// `2021-03-28T08:06:08.713Z`, as sprints have it.
fn zulu(time: Option<DateTime<Utc>>) -> Value {
    time.map_or(Value::Null, |time| json!(time.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

/// An account; one that hides its address has none, or an empty one.
pub(crate) fn user(facts: &JiraFacts, style: &Style, index: usize) -> Value {
    let one = &facts.directory.accounts[index];
    let origin = &style.origin;
    let mut user = json!({
        "self": format!("{origin}/rest/api/3/user?accountId={}", one.id),
        "accountId": one.id,
        "accountType": one.kind,
        "avatarUrls": {"48x48": format!("{origin}/avatars/{index}-48.png"), "16x16": format!("{origin}/avatars/{index}-16.png")},
        "displayName": one.name,
        "active": one.active,
        "timeZone": one.time_zone,
    });
    if one.email.is_some() || index % 2 == 1 {
        user["emailAddress"] = json!(one.email.as_deref().unwrap_or_default());
    }
    user
}

pub(crate) fn project(facts: &JiraFacts, style: &Style, index: usize, expand: &str) -> Value {
    let one = &facts.projects[index];
    let wants = |part: &str| expand.split(',').any(|name| name.trim() == part);
    let mut project = project_ref(style, one);
    project["expand"] = json!("description,lead,issueTypes,url,projectKeys,permissions,insight");
    project["isPrivate"] = json!(false);
    project["properties"] = json!({});
    // In no document, and always there.
    project["entityId"] = json!(super::super::accounts::uuid(one.id, 1));
    project["uuid"] = project["entityId"].clone();
    match one.visibility {
        super::model::Visibility::Archived => {
            project["archived"] = json!(true);
            project["archivedDate"] = json!(stamp(style, facts.as_of));
        }
        super::model::Visibility::Deleted => project["deleted"] = json!(true),
        _ => {}
    }
    if wants("projectKeys") {
        project["projectKeys"] = json!(std::iter::once(&one.key).chain(&one.former_keys).collect::<Vec<_>>());
    }
    if wants("lead") {
        project["lead"] = user(facts, style, one.lead);
    }
    if wants("insight") {
        let issues = || facts.issues.iter().filter(|issue| issue.project == index);
        let mut insight = json!({"totalIssueCount": issues().count()});
        if let Some(last) = issues().map(|issue| issue.updated_at).max() {
            insight["lastIssueUpdateTime"] = json!(stamp(style, last));
        }
        project["insight"] = insight;
    }
    project
}

fn project_ref(style: &Style, one: &JiraProject) -> Value {
    json!({
        "self": format!("{}/rest/api/3/project/{}", style.origin, one.id),
        "id": one.id.to_string(),
        "key": one.key,
        "name": one.name,
        "projectTypeKey": one.project_type,
        "simplified": one.team_managed,
        "style": if one.team_managed { "next-gen" } else { "classic" },
        "avatarUrls": {"48x48": format!("{}/rest/api/3/universal_avatar/view/type/project/avatar/10415", style.origin)},
    })
}

pub(crate) fn status(style: &Style, one: &Status) -> Value {
    let (id, key, colour, name, _) = one.category.jira();
    json!({
        "self": format!("{}/rest/api/3/status/{}", style.origin, one.id),
        "description": "",
        "iconUrl": format!("{}/images/icons/statuses/generic.png", style.origin),
        "name": one.name,
        "id": one.id.to_string(),
        "statusCategory": {
            "self": format!("{}/rest/api/3/statuscategory/{id}", style.origin), "id": id, "key": key, "colorName": colour, "name": name,
        },
    })
}

/// As `/statuses/search` has it: the category in capitals.
pub(crate) fn status_found(facts: &JiraFacts, one: &Status) -> Value {
    let scope = match one.project {
        Some(index) => json!({"type": "PROJECT", "project": {"id": facts.projects[index].id.to_string()}}),
        None => json!({"type": "GLOBAL"}),
    };
    json!({"id": one.id.to_string(), "name": one.name, "statusCategory": one.category.jira().4, "scope": scope, "description": ""})
}

pub(crate) fn field(one: &super::model::Field) -> Value {
    let mut schema = json!({"type": one.schema});
    if let Some(items) = one.items {
        schema["items"] = json!(items);
    }
    match one.custom {
        Some(custom) => {
            schema["custom"] = json!(custom);
            schema["customId"] = json!(one.id.trim_start_matches("customfield_").parse::<u64>().unwrap_or_default());
        }
        None => schema["system"] = json!(one.id),
    }
    json!({
        "id": one.id, "key": one.id, "name": one.name, "custom": one.custom.is_some(), "orderable": true, "navigable": true,
        "searchable": true, "clauseNames": [one.id], "schema": schema,
    })
}

pub(crate) fn version(facts: &JiraFacts, style: &Style, one: &Version) -> Value {
    let mut version = json!({
        "self": format!("{}/rest/api/3/version/{}", style.origin, one.id),
        "id": one.id.to_string(),
        "name": one.name,
        "archived": one.archived,
        "released": one.released,
        "projectId": facts.projects[one.project].id,
    });
    if let Some(description) = &one.description {
        version["description"] = json!(description);
    }
    if let Some(day) = one.start_on {
        version["startDate"] = json!(day);
        version["userStartDate"] = json!(day.format("%d/%b/%y").to_string());
    }
    if let Some(day) = one.release_on {
        version["releaseDate"] = json!(day);
        version["overdue"] = json!(!one.released && day < facts.as_of.date_naive());
    }
    version
}

pub(crate) fn board(facts: &JiraFacts, style: &Style, one: &super::model::Board) -> Value {
    let project = &facts.projects[one.project];
    json!({
        "id": one.id,
        "self": format!("{}/rest/agile/1.0/board/{}", style.origin, one.id),
        "name": one.name,
        "type": one.kind,
        "location": {
            "projectId": project.id, "projectKey": project.key, "projectName": project.name, "projectTypeKey": project.project_type,
            "displayName": format!("{} ({})", project.name, project.key), "name": format!("{} ({})", project.name, project.key),
        },
        "isPrivate": false,
    })
}

/// As the agile API has it, or as the sprint field of an issue.
pub(crate) fn sprint(facts: &JiraFacts, style: &Style, one: &Sprint, in_issue: bool) -> Value {
    let board = facts.boards[one.board].id;
    let mut sprint = Map::new();
    sprint.insert("id".to_owned(), json!(one.id));
    if !in_issue {
        sprint.insert("self".to_owned(), json!(format!("{}/rest/agile/1.0/sprint/{}", style.origin, one.id)));
    }
    sprint.insert("state".to_owned(), json!(one.state));
    sprint.insert("name".to_owned(), json!(one.name));
    for (name, time) in [("startDate", one.starts_at), ("endDate", one.ends_at), ("completeDate", one.completed_at)] {
        if time.is_some() {
            sprint.insert(name.to_owned(), zulu(time));
        }
    }
    sprint.insert(if in_issue { "boardId" } else { "originBoardId" }.to_owned(), json!(board));
    sprint.insert("goal".to_owned(), json!(one.goal.unwrap_or_default()));
    sprint.into()
}

pub(crate) fn worklog(facts: &JiraFacts, style: &Style, one: &Worklog) -> Value {
    json!({
        "self": format!("{}/rest/api/3/issue/{}/worklog/{}", style.origin, one.issue, one.id),
        "author": user(facts, style, one.author),
        "updateAuthor": user(facts, style, one.author),
        "created": stamp(style, one.created_at),
        "updated": stamp(style, one.updated_at),
        "started": stamp(style, one.started_at),
        "timeSpent": format!("{}m", one.seconds / 60),
        "timeSpentSeconds": one.seconds,
        "id": one.id.to_string(),
        "issueId": one.issue.to_string(),
    })
}

/// One changelog entry. In bulk its time is a number of milliseconds, elsewhere a text.
pub(crate) fn history(facts: &JiraFacts, style: &Style, one: &History, bulk: bool) -> Value {
    let created = if bulk { json!(one.at.timestamp_millis()) } else { json!(stamp(style, one.at)) };
    let mut entry = json!({"id": one.id.to_string(), "created": created, "items": one.items.iter().map(change).collect::<Vec<_>>()});
    if let Some(author) = one.author {
        entry["author"] = user(facts, style, author);
    }
    entry
}

fn change(one: &ChangeItem) -> Value {
    let custom = one.field_id.as_deref().is_some_and(|id| id.starts_with("customfield_"));
    let mut item = json!({
        "field": one.field,
        "fieldtype": if custom { "custom" } else { "jira" },
        "from": one.from,
        "fromString": one.from_text,
        "to": one.to,
        "toString": one.to_text,
    });
    if let Some(id) = &one.field_id {
        item["fieldId"] = json!(id);
    }
    item
}

fn type_of(facts: &JiraFacts, style: &Style, index: usize) -> Value {
    let one = &facts.types[index];
    let mut kind = json!({
        "self": format!("{}/rest/api/3/issuetype/{}", style.origin, one.id),
        "id": one.id.to_string(),
        "description": "",
        "iconUrl": format!("{}/rest/api/2/universal_avatar/view/type/issuetype/avatar/{}?size=medium", style.origin, one.kind.avatar()),
        "name": one.name,
        "subtask": one.kind.level() < 0,
        "avatarId": one.kind.avatar(),
        "hierarchyLevel": one.kind.level(),
    });
    if let Some(project) = one.project {
        kind["entityId"] = json!(super::super::accounts::uuid(one.id, 2));
        kind["scope"] = json!({"type": "PROJECT", "project": {"id": facts.projects[project].id.to_string()}});
    }
    kind
}

/// An issue as others show it: parents, subtasks, links.
fn brief(facts: &JiraFacts, style: &Style, one: &Issue) -> Value {
    json!({
        "id": one.id.to_string(),
        "key": facts.key(one),
        "self": format!("{}/rest/api/3/issue/{}", style.origin, one.id),
        "fields": {
            "summary": one.summary,
            "status": status(style, &facts.statuses[one.status]),
            "priority": {"name": one.priority},
            "issuetype": type_of(facts, style, one.issue_type),
        },
    })
}

fn link(facts: &JiraFacts, style: &Style, one: &Link, seen_from: u64) -> Option<Value> {
    let (id, name, inward, outward) = one.kind;
    let (side, other) = if one.from == seen_from { ("outwardIssue", one.to) } else { ("inwardIssue", one.from) };
    let other = brief(facts, style, facts.issue(other)?);
    let mut link = json!({
        "id": one.id.to_string(),
        "self": format!("{}/rest/api/3/issueLink/{}", style.origin, one.id),
        "type": {"id": id.to_string(), "name": name, "inward": inward, "outward": outward},
    });
    link[side] = other;
    Some(link)
}

fn adf(text: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]})
}

/// All fields of an issue, in an order of their own.
pub(crate) fn fields(facts: &JiraFacts, style: &Style, one: &Issue) -> Vec<(String, Value)> {
    let project = &facts.projects[one.project];
    let account = |index: Option<usize>| index.map_or(Value::Null, |index| user(facts, style, index));
    let named = |name: &str| facts.field_id(name).unwrap_or("customfield_0").to_owned();
    let worklogs: Vec<&Worklog> = facts.worklogs.iter().filter(|log| log.issue == one.id).collect();
    let links: Vec<Value> =
        facts.links.iter().filter(|it| it.from == one.id || it.to == one.id).filter_map(|it| link(facts, style, it, one.id)).collect();
    let subtasks: Vec<Value> = facts
        .issues
        .iter()
        .filter(|other| other.parent == Some(one.id) && facts.kind(other).level() < 0)
        .map(|other| brief(facts, style, other))
        .collect();
    let (points, estimate) = if project.team_managed { (None, one.points) } else { (one.points, None) };
    let resolution = one.resolution.map_or(Value::Null, |name| {
        let id = resolution_id(name);
        json!({"self": format!("{}/rest/api/3/resolution/{id}", style.origin), "id": id.to_string(), "description": "", "name": name})
    });
    let sprints: Vec<Value> = one.sprints.iter().map(|index| sprint(facts, style, &facts.sprints[*index], true)).collect();
    let components = one.components.iter().map(|index| json!({"id": (index + 10_040).to_string(), "name": project.components[*index]}));
    let mut fields: Vec<(String, Value)> = vec![
        ("statuscategorychangedate".to_owned(), json!(stamp(style, one.updated_at))),
        ("issuetype".to_owned(), type_of(facts, style, one.issue_type)),
        ("project".to_owned(), project_ref(style, project)),
        ("fixVersions".to_owned(), one.fix_versions.iter().map(|index| version(facts, style, &facts.versions[*index])).collect()),
        ("resolution".to_owned(), resolution),
        ("resolutiondate".to_owned(), one.resolved_at.map_or(Value::Null, |time| json!(stamp(style, time)))),
        ("created".to_owned(), json!(stamp(style, one.created_at))),
        ("updated".to_owned(), json!(stamp(style, one.updated_at))),
        ("priority".to_owned(), json!({"id": "3", "name": one.priority, "self": format!("{}/rest/api/3/priority/3", style.origin)})),
        ("labels".to_owned(), json!(one.labels)),
        ("components".to_owned(), components.collect()),
        ("issuelinks".to_owned(), links.into()),
        ("assignee".to_owned(), account(one.assignee)),
        ("reporter".to_owned(), account(one.reporter)),
        ("creator".to_owned(), account(Some(one.creator))),
        ("status".to_owned(), status(style, &facts.statuses[one.status])),
        ("summary".to_owned(), json!(one.summary)),
        ("description".to_owned(), one.description.as_deref().map_or(Value::Null, adf)),
        ("duedate".to_owned(), json!(one.due_on)),
        ("subtasks".to_owned(), subtasks.into()),
        ("workratio".to_owned(), json!(-1)),
        ("votes".to_owned(), json!({"votes": 0, "hasVoted": false})),
        (
            "worklog".to_owned(),
            json!({
                "startAt": 0, "maxResults": 20, "total": worklogs.len(),
                "worklogs": worklogs.iter().take(20).map(|log| worklog(facts, style, log)).collect::<Vec<_>>(),
            }),
        ),
        (named("Sprint"), if sprints.is_empty() { Value::Null } else { sprints.into() }),
        (named("Story Points"), json!(points)),
        (named("Story point estimate"), json!(estimate)),
        (named("Confidence"), json!((one.id % 7) as f64 * 10.0)),
        (named("Rank"), json!(format!("0|i{:05x}:", one.id))),
    ];
    if let Some(parent) = one.parent.and_then(|id| facts.issue(id)) {
        fields.push(("parent".to_owned(), brief(facts, style, parent)));
    }
    fields
}
