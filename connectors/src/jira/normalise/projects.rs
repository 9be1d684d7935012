//! Projects, their versions, and what the site defines: fields and statuses.

use ovia_domain::{Entity, Project, StatusCategory, Version, WorkItemField, WorkItemStatus};
use url::Url;

use super::{Context, Normalised, RowError};
use crate::jira::wire;
use crate::lenient::parse_row;

const SPRINT: &str = "com.pyxis.greenhopper.jira:gh-sprint";
const TEAM_POINTS: &str = "com.pyxis.greenhopper.jira:jsw-story-points";
const NUMBER: &str = "com.atlassian.jira.plugin.system.customfieldtypes:float";

/// A number field is known only by its name, which each site writes in its own language.
const POINTS_NAMES: [&str; 11] = [
    "story points",
    "story point estimate",
    "story-points",
    "storypoints",
    "story-point-schätzung",
    "points de story",
    "points d'histoire",
    "puntos de historia",
    "ストーリー ポイント",
    "ストーリーポイント",
    "故事点",
];

pub fn project(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let project: wire::Project = parse_row(json)?;
    let external_id = project.id.0;
    let entity = Project {
        external_id: external_id.clone(),
        name: project.name.unwrap_or_else(|| project.key.clone()),
        full_path: project.key.clone(),
        default_branch: None,
        archived: project.archived,
        visibility: project.is_private.map(|private| if private { "private" } else { "public" }.into()),
        forked_from_external_id: None,
        namespace_external_id: None,
        former_keys: project.project_keys.into_iter().filter(|key| *key != project.key).collect(),
        url: browse(project.own_url.as_deref(), &project.key),
        key: Some(project.key),
        created_at: None,
        last_activity_at: None,
    };
    Ok(Normalised { external_id, entities: vec![Entity::Project(entity)], ..Normalised::default() })
}

pub fn version(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let version: wire::Version = parse_row(json)?;
    let project = version.project_id.map_or_else(|| context.partition.to_owned(), |id| id.0);
    if project.is_empty() {
        return Err(RowError::Missing("projectId"));
    }
    let external_id = version.id.0;
    let entity = Version {
        external_id: external_id.clone(),
        project_external_id: project,
        name: version.name,
        description: version.description,
        released: version.released,
        archived: version.archived,
        start_on: version.start_date,
        release_on: version.release_date,
        url: None,
    };
    Ok(Normalised { external_id, entities: vec![Entity::Version(entity)], ..Normalised::default() })
}

pub fn field(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let field: wire::Field = parse_row(json)?;
    let external_id = field.id.0;
    let (schema_type, schema_custom) = field.schema.map_or((None, None), |schema| (schema.kind, schema.custom));
    let entity = WorkItemField { external_id: external_id.clone(), name: field.name, custom: field.custom, schema_type, schema_custom };
    Ok(Normalised { external_id, entities: vec![Entity::WorkItemField(entity)], ..Normalised::default() })
}

pub fn status(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let status: wire::Status = parse_row(json)?;
    let external_id = status.id.as_ref().map(|id| id.0.clone()).ok_or(RowError::Missing("id"))?;
    let entity = WorkItemStatus { external_id: external_id.clone(), category: category(&status), name: status.name };
    Ok(Normalised { external_id, entities: vec![Entity::WorkItemStatus(entity)], ..Normalised::default() })
}

/// By the category's key; names are in the site's or the account's language.
pub fn category(status: &wire::Status) -> Option<StatusCategory> {
    match status.category.as_ref()?.key.as_deref()? {
        "new" => Some(StatusCategory::Todo),
        "indeterminate" => Some(StatusCategory::InProgress),
        "done" => Some(StatusCategory::Done),
        _ => None,
    }
}

/// The id of a custom field whose values are read of an issue: sprints and story points, whatever number the site gave them.
pub fn custom_field(json: &str) -> Option<String> {
    let field: wire::Field = parse_row(json).ok()?;
    let wanted = match field.schema.as_ref()?.custom.as_deref()? {
        SPRINT | TEAM_POINTS => true,
        NUMBER => POINTS_NAMES.contains(&field.name.trim().to_lowercase().as_str()),
        _ => false,
    };
    wanted.then_some(field.id.0)
}

/// The page that people open, made of a row's own address. An address of the API gateway does not say which site it is.
pub fn browse(own_url: Option<&str>, key: &str) -> Option<String> {
    let own = Url::parse(own_url?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    if own.host_str() == Some("api.atlassian.com") || own.path().contains("/ex/jira/") {
        return None;
    }
    let (prefix, _) = own.path().split_once("/rest/")?;
    let mut url = own.clone();
    url.set_query(None);
    url.set_fragment(None);
    // these only fail on URLs without a host
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_path(&format!("{prefix}/browse/{key}"));
    Some(url.into())
}
