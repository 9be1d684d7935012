//! Changelogs and work logs of one issue, which its rows do not name: the context does.

use ovia_domain::{Entity, WorkItemChange, Worklog};

use super::people::references;
use super::{Context, Normalised, RowError};
use crate::jira::wire;
use crate::lenient::parse_row;

/// What was changed at once: one row per field.
pub fn history(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let history: wire::History = parse_row(json)?;
    let issue = issue_of(context)?;
    let external_id = format!("{issue}:{}", history.id.0);
    let author = history.author.as_ref().map(|author| author.account_id.0.clone());
    let change = |(place, item): (usize, wire::HistoryItem)| {
        Entity::WorkItemChange(WorkItemChange {
            external_id: format!("{external_id}:{place}"),
            work_item_external_id: issue.to_owned(),
            author_external_id: author.clone(),
            created_at: history.created,
            field: item.field,
            field_external_id: item.field_id,
            from_value: item.from,
            from_text: item.from_text,
            to_value: item.to,
            to_text: item.to_text,
        })
    };
    let changes: Vec<Entity> = history.items.into_iter().enumerate().map(change).collect();
    let entities = changes.into_iter().chain(references(&history.author)).collect();
    Ok(Normalised { external_id, entities, ..Normalised::default() })
}

pub fn worklog(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let worklog: wire::Worklog = parse_row(json)?;
    let issue = match &worklog.issue_id {
        Some(id) => id.0.clone(),
        None => issue_of(context)?.to_owned(),
    };
    let external_id = worklog.id.0;
    let entity = Worklog {
        external_id: external_id.clone(),
        work_item_external_id: issue,
        author_external_id: worklog.author.as_ref().map(|author| author.account_id.0.clone()),
        started_at: worklog.started,
        seconds: worklog.time_spent_seconds.unwrap_or(0),
        created_at: worklog.created,
        updated_at: worklog.updated,
    };
    let entities = std::iter::once(Entity::Worklog(entity)).chain(references(&worklog.author)).collect();
    Ok(Normalised { external_id, updated: worklog.updated, entities, ..Normalised::default() })
}

/// `10001`, also of `10001:77`: what a stored record is called begins with its issue.
fn issue_of<'a>(context: &Context<'a>) -> Result<&'a str, RowError> {
    let issue = context.partition.split(':').next().unwrap_or_default();
    if issue.is_empty() { Err(RowError::Missing("issue")) } else { Ok(issue) }
}
