//! Notes and approvals of a merge request.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Stamp, Users, render};
use crate::company::model::{MergeRequest, Note, Project};

#[derive(Serialize)]
struct NoteRow<'a> {
    id: u64,
    #[serde(rename = "type")]
    note_type: Option<&'static str>,
    body: &'a str,
    author: &'a RawValue,
    created_at: Stamp,
    updated_at: Stamp,
    system: bool,
    noteable_id: u64,
    noteable_type: &'static str,
    project_id: u64,
    resolvable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<bool>,
    confidential: bool,
    internal: bool,
    imported: bool,
    imported_from: &'static str,
    noteable_iid: u64,
    commands_changes: Empty,
}

#[derive(Serialize)]
struct Empty {}

/// Notes, each with what it is sorted by: (created_at, updated_at, id).
pub(crate) fn note_rows<'a>(users: &Users, project: &Project, one: &'a MergeRequest) -> Vec<(&'a Note, Bytes)> {
    let row = |note: &'a Note| {
        render(&NoteRow {
            id: note.id,
            note_type: note.note_type,
            body: &note.body,
            author: users.basic(note.author),
            created_at: Stamp(note.created_at),
            updated_at: Stamp(note.updated_at),
            system: note.system,
            noteable_id: one.id,
            noteable_type: "MergeRequest",
            project_id: project.id,
            resolvable: note.note_type.is_some(),
            resolved: note.note_type.map(|_| true),
            confidential: false,
            internal: false,
            imported: false,
            imported_from: "none",
            noteable_iid: one.iid,
            commands_changes: Empty {},
        })
    };
    one.notes.iter().map(|note| (note, row(note))).collect()
}

#[derive(Serialize)]
struct Approvals<'a> {
    user_has_approved: bool,
    user_can_approve: bool,
    approved: bool,
    approved_by: Vec<ApprovedBy<'a>>,
}

#[derive(Serialize)]
struct ApprovedBy<'a> {
    user: &'a RawValue,
    /// Older servers do not have the key at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<Stamp>,
}

/// `GET merge_requests/:iid/approvals`.
pub(crate) fn approvals(users: &Users, one: &MergeRequest) -> Bytes {
    let approved_by: Vec<ApprovedBy<'_>> = one
        .approvals
        .iter()
        .map(|approval| ApprovedBy { user: users.basic(approval.user), approved_at: approval.approved_at.map(Stamp) })
        .collect();
    render(&Approvals { user_has_approved: false, user_can_approve: false, approved: !approved_by.is_empty(), approved_by })
}
