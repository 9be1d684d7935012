//! Merge requests, and the per-item requests a changed one needs.

use ovia_domain::{DetailRequest, Entity, MergeRequest};
use serde_json::json;

use super::accounts::{ids, with_accounts};
use super::mentions::in_merge_request;
use super::{Normalised, RowContext, RowError};
use crate::gitlab::streams::{MERGE_REQUEST_APPROVALS, MERGE_REQUEST_COMMITS, MERGE_REQUEST_DIFFS, MERGE_REQUEST_NOTES};
use crate::gitlab::wire;

const DETAILS: [&str; 4] = [MERGE_REQUEST_NOTES, MERGE_REQUEST_APPROVALS, MERGE_REQUEST_COMMITS, MERGE_REQUEST_DIFFS];

pub fn merge_request(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let row: wire::MergeRequest = wire::parse_row(json)?;
    let external_id = row.id.0.clone();
    let details = if context.details { details(context, &row) } else { Vec::new() };
    let users =
        row.author.iter().chain(&row.assignees).chain(&row.assignee).chain(&row.reviewers).chain(&row.merge_user).chain(&row.merged_by);
    let mut entities = with_accounts(context, Entity::MergeRequest(entity(context, &row)), users);
    entities.extend(in_merge_request(&row));
    Ok(Normalised { external_id, created_at: Some(row.created_at), updated_at: row.updated_at, entities, details })
}

fn entity(context: &RowContext<'_>, row: &wire::MergeRequest) -> MergeRequest {
    let project = project(context, row);
    let source_project = row.source_project_id.as_ref().map(|id| id.0.clone());
    MergeRequest {
        external_id: row.id.0.clone(),
        number: row.iid,
        title: row.title.clone(),
        state: row.state.clone(),
        draft: row.draft.or(row.work_in_progress).unwrap_or_else(|| is_draft_title(&row.title)),
        author_external_id: row.author.as_ref().map(|user| user.id.0.clone()),
        merged_by_external_id: row.merge_user.as_ref().or(row.merged_by.as_ref()).map(|user| user.id.0.clone()),
        assignee_external_ids: ids(&row.assignees, row.assignee.as_ref()),
        reviewer_external_ids: ids(&row.reviewers, None),
        labels: row.labels.clone(),
        milestone: row.milestone.as_ref().and_then(|milestone| milestone.title.clone()),
        source_branch: row.source_branch.clone(),
        target_branch: row.target_branch.clone(),
        // A fork that was deleted leaves null.
        is_fork: source_project.as_deref() != Some(row.target_project_id.as_ref().map_or(project, |id| &id.0)),
        source_project_external_id: source_project,
        project_external_id: project.to_owned(),
        head_sha: row.sha.clone(),
        merge_commit_sha: row.merge_commit_sha.clone(),
        squash_commit_sha: row.squash_commit_sha.clone(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        prepared_at: row.prepared_at,
        merged_at: row.merged_at,
        closed_at: row.closed_at,
        url: row.web_url.clone(),
    }
}

fn project<'a>(context: &RowContext<'a>, row: &'a wire::MergeRequest) -> &'a str {
    row.project_id.as_ref().or(row.target_project_id.as_ref()).map_or(context.project, |id| &id.0)
}

fn details(context: &RowContext<'_>, row: &wire::MergeRequest) -> Vec<DetailRequest> {
    let request = |stream: &str| DetailRequest {
        stream: stream.to_owned(),
        external_id: row.id.0.clone(),
        args: json!({"project": project(context, row), "iid": row.iid}),
    };
    DETAILS.map(request).into()
}

/// Servers before 13.x mark drafts by their titles only.
fn is_draft_title(title: &str) -> bool {
    let title = title.trim_start().to_ascii_lowercase();
    ["draft:", "[draft]", "(draft)", "wip:", "[wip]"].iter().any(|prefix| title.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(extra: serde_json::Value) -> (MergeRequest, Normalised) {
        let mut row = json!({"id": 9, "iid": 4, "project_id": 7, "title": "Add a thing", "state": "opened", "created_at": "2026-01-02T03:04:05.678+02:00"});
        row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let context = RowContext { project: "7", details: true, ..RowContext::default() };
        let normalised = merge_request(&context, &row.to_string()).unwrap();
        let Entity::MergeRequest(entity) = normalised.entities[0].clone() else { unreachable!("first entity") };
        (entity, normalised)
    }

    #[test]
    fn drafts_by_flag_then_by_older_flag_then_by_title() {
        assert!(!read(json!({"draft": false, "title": "Draft: x"})).0.draft);
        assert!(read(json!({"work_in_progress": true})).0.draft);
        assert!(read(json!({"title": "[WIP] x"})).0.draft);
        assert!(!read(json!({"title": "Draft board"})).0.draft);
    }

    #[test]
    fn the_merge_user_is_preferred_over_merged_by() {
        let both = read(json!({"merge_user": {"id": 1}, "merged_by": {"id": 2}})).0;
        assert_eq!(both.merged_by_external_id.as_deref(), Some("1"));
        assert_eq!(read(json!({"merge_user": null, "merged_by": {"id": 2}})).0.merged_by_external_id.as_deref(), Some("2"));
    }

    #[test]
    fn forks_even_deleted_ones() {
        assert!(!read(json!({"source_project_id": 7, "target_project_id": 7})).0.is_fork);
        assert!(read(json!({"source_project_id": 8, "target_project_id": 7})).0.is_fork);
        let gone = read(json!({"source_project_id": null, "target_project_id": 7})).0;
        assert!(gone.is_fork && gone.source_project_external_id.is_none());
    }

    #[test]
    fn keys_of_work_items_are_found_in_title_branch_and_description() {
        let mentioned = |extra: serde_json::Value| {
            let found = read(extra).1.entities.into_iter();
            let found =
                found.filter_map(|entity| if let Entity::References(row) = entity { Some((row.external_id, row.keys)) } else { None });
            found.map(|(id, keys)| format!("{id} {}", keys.join(","))).collect::<Vec<_>>()
        };
        let row = json!({"title": "WEB-1: faster, see OPS-7", "source_branch": "feature/WEB-2-faster", "description": "Closes WEB-1.\nFor WEB-3"});
        assert_eq!(
            mentioned(row),
            ["merge_requests:9:title WEB-1,OPS-7", "merge_requests:9:branch WEB-2", "merge_requests:9:description WEB-1,WEB-3"]
        );
        // what was there before has to be taken back
        assert_eq!(
            mentioned(json!({"description": null})),
            ["merge_requests:9:title ", "merge_requests:9:branch ", "merge_requests:9:description "]
        );
    }

    #[test]
    fn accounts_are_named_once_and_their_pages_asked_for() {
        let (_, normalised) =
            read(json!({"author": {"id": 1}, "reviewers": [{"id": 2}, {"id": 1}], "assignees": null, "assignee": {"id": 3}}));
        let ids: Vec<_> = normalised
            .entities
            .iter()
            .filter_map(|entity| match entity {
                Entity::IdentityRef(account) => Some((account.external_id.as_str(), account.detail.is_some())),
                _ => None,
            })
            .collect();
        assert_eq!(ids, [("1", true), ("3", true), ("2", true)]);
        let streams: Vec<_> = normalised.details.iter().map(|detail| detail.stream.as_str()).collect();
        assert_eq!(streams, DETAILS);
        assert_eq!(normalised.details[0].args, json!({"project": "7", "iid": 4}));
        assert_eq!(normalised.created_at, "2026-01-02T01:04:05.678Z".parse().ok());
    }
}
