//! The rows of the benchmark: templates made from a generated company, and the few values that differ from row to row.

use std::ops::Range;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Duration, SecondsFormat, Utc};

use super::template::Template;
use crate::company::dice::sha;
use crate::company::model::{Approval, Commit, FileDiff, MergeRequest, Note};
use crate::company::{Company, CompanyOptions, CompanySize};
use crate::wire::{self, Users, array};

const ID: u64 = 9_100_000_000_001;
const IID: u64 = 9_200_000_000_002;
const NOTE_IDS: u64 = 930_000_000_000;
/// Holes, in the order of `Row::values`.
const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const MERGE_SHA: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const CREATED: &str = "2001-01-01T00:00:01.001Z";
const UPDATED: &str = "2001-01-01T00:00:02.002Z";
const MERGED: &str = "2001-01-01T00:00:03.003Z";
const FIRST_ID: u64 = 1_000_000;
/// Of every row alike.
pub(super) const HOURS_FROM_CREATION_TO_UPDATE: i64 = 30;

/// What one merge request's own endpoints answer.
#[derive(Clone, Copy)]
pub(super) enum Detail {
    Own,
    Notes,
    Approvals,
    Commits,
    Diffs,
}

pub(super) struct BenchRows {
    pub company: Company,
    pub users: Users,
    rows: Vec<Row>,
    authors: Vec<String>,
    list: Template,
    /// By `Detail`.
    details: [Template; 5],
    has_details: bool,
}

struct Row {
    created: String,
    updated: String,
    merged: String,
    sha: String,
    merge_sha: String,
    /// Milliseconds; ascending with the index.
    updated_millis: i64,
}

impl BenchRows {
    pub(super) fn new(count: usize, payload_bytes: usize, details: bool) -> anyhow::Result<Self> {
        let as_of: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().context("failed to parse the benchmark's date")?;
        let size = CompanySize { people: 12, projects: 1, merge_requests: 1, pipelines: 0, deployments: 0 };
        let mut company = Company::generate(&CompanyOptions { seed: 1, as_of, size });
        let users = Users::new(&company);
        let authors: Vec<String> =
            company.users.iter().filter(|user| !user.bot).map(|user| users.basic(user.id).get().to_owned()).collect();
        let mut model = model(company.merge_requests.remove(0), &company)?;
        let markers = markers(&authors[0]);
        let cut = |bytes: Bytes| -> anyhow::Result<Template> {
            let text = String::from_utf8(bytes.to_vec()).context("failed to read a template as UTF-8")?;
            Ok(Template::cut(text, &markers.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        let start = as_of - Duration::seconds(7 * count as i64);
        let rows: Vec<Row> = (0..count).map(|index| row(index, start + Duration::seconds(7 * index as i64))).collect();
        // Markers are longer than what replaces them, so the size is measured on a filled row.
        let mut filled = Vec::new();
        if let Some(row) = rows.first() {
            fill(&cut(wire::merge_request_row(&company, &users, &model))?, row, 0, &authors, &mut filled);
        }
        let missing = payload_bytes.saturating_sub(filled.len());
        model.description.push_str(&"Why this change is needed, and how it was tested. ".repeat(missing / 50 + 1)[..missing]);
        let notes: Vec<Bytes> = wire::note_rows(&users, &company.projects[0], &model).into_iter().map(|(_, row)| row).collect();
        let list = cut(wire::merge_request_row(&company, &users, &model))?;
        let details_templates = [
            cut(wire::merge_request_detail(&company, &users, &model, None))?,
            cut(array(&notes))?,
            cut(wire::approvals(&users, &model))?,
            cut(array(&wire::commit_rows(&company, &model)))?,
            cut(array(&wire::diff_rows(&model)))?,
        ];
        Ok(Self { company, users, rows, authors, list, details: details_templates, has_details: details })
    }

    pub(super) fn project_path(&self) -> &str {
        &self.company.projects[0].full_path
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Indices of the rows updated in [after, before], both ends included.
    pub(super) fn window(&self, after: Option<i64>, before: Option<i64>) -> Range<usize> {
        let start = after.map_or(0, |after| self.rows.partition_point(|row| row.updated_millis < after));
        let end = before.map_or(self.rows.len(), |before| self.rows.partition_point(|row| row.updated_millis <= before));
        start..end.max(start)
    }

    /// A JSON array of list rows.
    pub(super) fn page(&self, indices: impl Iterator<Item = usize>) -> Bytes {
        let mut out = Vec::with_capacity(360_000);
        out.push(b'[');
        for index in indices {
            if out.len() > 1 {
                out.push(b',');
            }
            fill(&self.list, &self.rows[index], index, &self.authors, &mut out);
        }
        out.push(b']');
        out.into()
    }

    /// What an endpoint of one merge request answers; `None` without such a merge request.
    pub(super) fn detail(&self, iid: u64, detail: Detail) -> Option<Bytes> {
        let index = usize::try_from(iid).ok()?.checked_sub(1).filter(|index| *index < self.rows.len())?;
        if !self.has_details {
            match detail {
                Detail::Own => {}
                Detail::Approvals => {
                    return Some(Bytes::from_static(
                        br#"{"user_has_approved":false,"user_can_approve":false,"approved":false,"approved_by":[]}"#,
                    ));
                }
                _ => return Some(Bytes::from_static(b"[]")),
            }
        }
        let mut out = Vec::with_capacity(4096);
        fill(&self.details[detail as usize], &self.rows[index], index, &self.authors, &mut out);
        Some(out.into())
    }
}

fn fill(template: &Template, row: &Row, index: usize, authors: &[String], out: &mut Vec<u8>) {
    let (id, iid) = ((FIRST_ID + index as u64).to_string(), (index + 1).to_string());
    let author = &authors[index % authors.len()];
    template.fill(out, &[&id, &iid, &id, &row.sha, &row.merge_sha, &row.created, &row.updated, &row.merged, author]);
}

/// In the order `fill` gives the values. A note's id is the marker followed by one digit.
fn markers(author: &str) -> [String; 9] {
    let texts = [SHA, MERGE_SHA, CREATED, UPDATED, MERGED, author];
    let [sha, merge_sha, created, updated, merged, author] = texts.map(str::to_owned);
    [ID.to_string(), IID.to_string(), (NOTE_IDS / 10).to_string(), sha, merge_sha, created, updated, merged, author]
}

fn row(index: usize, updated: DateTime<Utc>) -> Row {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    Row {
        created: text(updated - Duration::hours(HOURS_FROM_CREATION_TO_UPDATE)),
        updated: text(updated),
        merged: text(updated - Duration::seconds(1)),
        sha: sha(300, index as u64),
        merge_sha: sha(301, index as u64),
        updated_millis: updated.timestamp_millis(),
    }
}

/// One merged merge request with a bit of everything, with marker values.
fn model(template: MergeRequest, company: &Company) -> anyhow::Result<MergeRequest> {
    let [created, updated, merged] = [CREATED, UPDATED, MERGED].map(|text| text.parse::<DateTime<Utc>>());
    let (created, updated, merged) = (created?, updated?, merged?);
    let (author, reviewer) = (company.users[0].id, company.users[1].id);
    let note = |n: u64, author: u64, system: bool, body: &str| Note {
        id: NOTE_IDS + n,
        author,
        body: body.to_owned(),
        system,
        event: None,
        note_type: (!system).then_some("DiscussionNote"),
        created_at: created,
        updated_at: updated,
    };
    let commit =
        |sha: &str| Commit { sha: sha.to_owned(), title: "Address review".to_owned(), author, authored_at: created, committed_at: created };
    let file =
        |path: &str| FileDiff { path: path.to_owned(), additions: 14, deletions: 5, collapsed: false, too_large: false, new_file: false };
    Ok(MergeRequest {
        id: ID,
        iid: IID,
        title: format!("Speed up the nightly export, part {IID}"),
        description: String::new(),
        state: "merged".to_owned(),
        draft: false,
        author,
        merged_by: Some(reviewer),
        closed_by: None,
        assignees: vec![author],
        reviewers: vec![reviewer],
        labels: vec!["backend", "priority::2"],
        milestone: None,
        source_project_id: Some(company.projects[0].id),
        sha: SHA.to_owned(),
        merge_commit_sha: Some(MERGE_SHA.to_owned()),
        squash_commit_sha: None,
        created_at: created,
        updated_at: updated,
        prepared_at: Some(created),
        merged_at: Some(merged),
        closed_at: None,
        discussion_locked: false,
        unknown_fields: false,
        notes: vec![
            note(1, reviewer, false, "Could we cover this with a test?"),
            note(2, author, false, "Done."),
            note(3, reviewer, true, "approved this merge request"),
        ],
        approvals: vec![Approval { user: reviewer, approved_at: Some(merged) }],
        commits: vec![commit(SHA), commit(MERGE_SHA)],
        files: vec![file("src/export.rs"), file("tests/export.rs")],
        ..template
    })
}
