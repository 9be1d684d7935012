//! Issues.

use ovia_domain::{Entity, Issue};

use super::accounts::{ids, with_accounts};
use super::{Normalised, RowContext, RowError};
use crate::gitlab::wire;

pub fn issue(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let issue: wire::Issue = wire::parse_row(json)?;
    let external_id = issue.id.0.clone();
    let entity = Issue {
        external_id: external_id.clone(),
        project_external_id: issue.project_id.map_or_else(|| context.project.to_owned(), |id| id.0),
        number: issue.iid,
        title: issue.title,
        state: issue.state,
        issue_type: issue.issue_type,
        author_external_id: issue.author.as_ref().map(|user| user.id.0.clone()),
        assignee_external_ids: ids(&issue.assignees, issue.assignee.as_ref()),
        labels: issue.labels,
        milestone: issue.milestone.and_then(|milestone| milestone.title),
        confidential: issue.confidential,
        weight: issue.weight,
        due_on: issue.due_date,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at,
        url: issue.web_url,
    };
    let users = issue.author.iter().chain(&issue.assignees).chain(&issue.assignee);
    Ok(Normalised {
        external_id,
        created_at: Some(issue.created_at),
        updated_at: issue.updated_at,
        entities: with_accounts(context, Entity::Issue(entity), users),
        details: Vec::new(),
    })
}
