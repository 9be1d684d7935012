//! Issues, and the links they show.

use ovia_domain::{DetailRequest, Entity, ListKind, WholeList, WorkItem, WorkItemLink};
use serde_json::json;

use super::projects::{browse, category};
use super::{Context, Normalised, RowError};
use super::{custom, kinds, people};
use crate::jira::streams::{CHANGELOGS, WORKLOGS};
use crate::jira::wire;
use crate::lenient::parse_row;

pub fn issue(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let issue: wire::Issue = parse_row(json)?;
    let (id, fields) = (issue.id.0, issue.fields);
    let project = fields.project.as_ref().map_or_else(|| context.partition.to_owned(), |project| project.id.0.clone());
    if project.is_empty() {
        return Err(RowError::Missing("project"));
    }
    let details = if context.settings.details { details(&id, &fields) } else { Vec::new() };
    let accounts = people::references(fields.creator.iter().chain(&fields.reporter).chain(&fields.assignee));
    let links: Vec<WorkItemLink> = fields.issuelinks.iter().flatten().filter_map(|shown| link(&id, shown)).collect();
    let whole_lists = whole_lists(&id, &fields, context.settings.details);
    let account = |user: &Option<wire::User>| user.as_ref().map(|user| user.account_id.0.clone());
    let item = WorkItem {
        external_id: id.clone(),
        url: browse(issue.own_url.as_deref(), &issue.key),
        project_external_id: project,
        title: fields.summary.unwrap_or_else(|| issue.key.clone()),
        key: issue.key,
        kind: kinds::kind(context.settings, &fields.issuetype),
        type_name: fields.issuetype.name,
        type_external_id: fields.issuetype.id.map(|id| id.0),
        status_category: category(&fields.status),
        status: fields.status.name,
        status_external_id: fields.status.id.map(|id| id.0),
        priority: fields.priority.and_then(|priority| priority.name),
        resolution: fields.resolution.and_then(|resolution| resolution.name),
        parent_external_id: fields.parent.map(|parent| parent.id.0),
        author_external_id: account(&fields.creator),
        reporter_external_id: account(&fields.reporter),
        assignee_external_id: account(&fields.assignee),
        labels: fields.labels,
        components: fields.components.into_iter().filter_map(|component| component.name).collect(),
        fix_version_external_ids: fields.fix_versions.into_iter().map(|version| version.id.0).collect(),
        sprint_external_ids: custom::sprints(&fields.others),
        story_points: custom::story_points(&fields.others),
        due_on: fields.duedate,
        created_at: fields.created,
        updated_at: fields.updated,
        resolved_at: fields.resolutiondate,
    };
    let entities = std::iter::once(Entity::WorkItem(item)).chain(links.into_iter().map(Entity::WorkItemLink)).chain(accounts).collect();
    Ok(Normalised { external_id: id, updated: fields.updated, entities, details, whole_lists })
}

/// A row shows all links, if links at all; of work logs at least whether there are any.
fn whole_lists(id: &str, fields: &wire::IssueFields, details: bool) -> Vec<WholeList> {
    let list = |kind, external_ids| WholeList { kind, work_item: id.to_owned(), external_ids };
    let links = fields.issuelinks.as_ref().map(|links| list(ListKind::Links, links.iter().map(|link| link.id.0.clone()).collect()));
    let no_worklogs = (details && !has_worklogs(fields)).then(|| list(ListKind::Worklogs, Vec::new()));
    links.into_iter().chain(no_worklogs).collect()
}

/// Unless it is said that there are none.
fn has_worklogs(fields: &wire::IssueFields) -> bool {
    fields.worklog.as_ref().and_then(|worklog| worklog.total) != Some(0)
}

/// The whole history, whatever part of it a list would show; work logs where there may be any.
fn details(id: &str, fields: &wire::IssueFields) -> Vec<DetailRequest> {
    let request = |stream: &str| DetailRequest { stream: stream.into(), external_id: id.to_owned(), args: json!({}) };
    let worklogs = has_worklogs(fields).then(|| request(WORKLOGS));
    std::iter::once(request(CHANGELOGS)).chain(worklogs).collect()
}

/// A link, the same whichever end shows it: what is said outward is said of `from`.
fn link(id: &str, shown: &wire::IssueLink) -> Option<WorkItemLink> {
    let (from, to) = match (&shown.outward_issue, &shown.inward_issue) {
        (Some(other), _) => (id.to_owned(), other.id.0.clone()),
        (None, Some(other)) => (other.id.0.clone(), id.to_owned()),
        // the other end is hidden from this account
        (None, None) => return None,
    };
    let link_type = shown.kind.outward.clone().or_else(|| shown.kind.name.clone()).unwrap_or_else(|| "relates to".into());
    Some(WorkItemLink { external_id: shown.id.0.clone(), from_external_id: from, to_external_id: to, link_type })
}
