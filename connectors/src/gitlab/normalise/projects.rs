//! Groups and projects.

use ovia_domain::{Entity, Group, Project};

use super::{Normalised, RowContext, RowError};
use crate::gitlab::wire;

pub fn group(_: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let group: wire::Group = wire::parse_row(json)?;
    let external_id = group.id.0;
    let entity = Group {
        external_id: external_id.clone(),
        name: group.name,
        full_path: group.full_path,
        parent_external_id: group.parent_id.map(|id| id.0),
        url: group.web_url,
    };
    Ok(Normalised { external_id, created_at: None, updated_at: None, entities: vec![Entity::Group(entity)], details: Vec::new() })
}

pub fn project(_: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let project: wire::Project = wire::parse_row(json)?;
    let external_id = project.id.0;
    let entity = Project {
        external_id: external_id.clone(),
        name: project.name,
        full_path: project.path_with_namespace,
        default_branch: project.default_branch,
        archived: project.archived,
        visibility: project.visibility,
        forked_from_external_id: project.forked_from_project.and_then(|origin| origin.id).map(|id| id.0),
        namespace_external_id: project.namespace.and_then(|namespace| namespace.id).map(|id| id.0),
        key: None,
        former_keys: Vec::new(),
        url: project.web_url,
        created_at: project.created_at,
        last_activity_at: project.last_activity_at,
    };
    Ok(Normalised {
        external_id,
        created_at: project.created_at,
        updated_at: None,
        entities: vec![Entity::Project(entity)],
        details: Vec::new(),
    })
}
