//! What hangs on a merge request: notes, approvals, commits.

use ovia_domain::{Entity, MergeRequestApproval, MergeRequestCommit, MergeRequestNote};

use super::accounts::{identity_ref, with_accounts};
use super::mentions::in_commit;
use super::notes::note_event;
use super::{Normalised, RowContext, RowError};
use crate::gitlab::wire;

pub fn note(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let note: wire::Note = wire::parse_row(json)?;
    let external_id = note.id.0.clone();
    let entity = MergeRequestNote {
        external_id: external_id.clone(),
        merge_request_external_id: context.merge_request.to_owned(),
        author_external_id: note.author.as_ref().map(|user| user.id.0.clone()),
        system: note.system,
        // Only GitLab's own notes: people also write "approved this merge request".
        event: if note.system { note_event(&note.body) } else { None },
        created_at: note.created_at,
        updated_at: note.updated_at,
    };
    Ok(Normalised {
        external_id,
        created_at: Some(note.created_at),
        updated_at: note.updated_at,
        entities: with_accounts(context, Entity::MergeRequestNote(entity), &note.author),
        details: Vec::new(),
    })
}

/// `/approvals`: one record per merge request, one entity per approver.
pub fn approvals(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let approvals: wire::Approvals = wire::parse_row(json)?;
    let mut entities = Vec::with_capacity(2 * approvals.approved_by.len());
    for approval in &approvals.approved_by {
        let identity_external_id = approval.user.id.0.clone();
        entities.push(Entity::MergeRequestApproval(MergeRequestApproval {
            external_id: format!("{}:{identity_external_id}", context.merge_request),
            merge_request_external_id: context.merge_request.to_owned(),
            identity_external_id,
            approved_at: approval.approved_at,
        }));
        entities.push(identity_ref(context, &approval.user));
    }
    let external_id = context.merge_request.to_owned();
    Ok(Normalised { external_id, created_at: None, updated_at: None, entities, details: Vec::new() })
}

pub fn commit(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let commit: wire::Commit = wire::parse_row(json)?;
    if commit.id.is_empty() {
        return Err(RowError::Missing("id"));
    }
    let external_id = format!("{}:{}", context.merge_request, commit.id);
    let mentioned = in_commit(context.merge_request, &commit);
    let entity = MergeRequestCommit {
        external_id: external_id.clone(),
        merge_request_external_id: context.merge_request.to_owned(),
        sha: commit.id,
        title: commit.title,
        author_name: commit.author_name,
        author_email: commit.author_email,
        authored_at: commit.authored_date,
        committed_at: commit.committed_date,
    };
    Ok(Normalised {
        external_id,
        created_at: entity.authored_at,
        updated_at: None,
        entities: vec![Entity::MergeRequestCommit(entity), mentioned],
        details: Vec::new(),
    })
}
