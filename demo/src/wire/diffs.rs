//! Commits and diffs of a merge request.

use bytes::Bytes;
use serde::Serialize;

use super::{EXTERNAL_URL, LocalStamp, commit_email, render};
use crate::company::Company;
use crate::company::changes::diff_text;
use crate::company::dice;
use crate::company::model::{Commit, MergeRequest, User};

#[derive(Serialize)]
pub(super) struct CommitRow<'a> {
    id: &'a str,
    short_id: &'a str,
    created_at: LocalStamp,
    parent_ids: Vec<String>,
    title: &'a str,
    message: String,
    author_name: &'a str,
    author_email: String,
    authored_date: LocalStamp,
    committer_name: &'a str,
    committer_email: String,
    committed_date: LocalStamp,
    trailers: Empty,
    extended_trailers: Empty,
    web_url: String,
}

#[derive(Serialize)]
struct Empty {}

pub(super) fn commit<'a>(user: &'a User, project_path: &str, commit: &'a Commit) -> CommitRow<'a> {
    let offset = user.offset_minutes;
    CommitRow {
        id: &commit.sha,
        short_id: &commit.sha[..8],
        created_at: LocalStamp::new(commit.committed_at, offset),
        parent_ids: vec![dice::sha(91, commit.committed_at.timestamp() as u64)],
        title: &commit.title,
        message: format!("{}\n", commit.title),
        author_name: &user.name,
        author_email: commit_email(user),
        authored_date: LocalStamp::new(commit.authored_at, offset),
        committer_name: &user.name,
        committer_email: commit_email(user),
        committed_date: LocalStamp::new(commit.committed_at, offset),
        trailers: Empty {},
        extended_trailers: Empty {},
        web_url: format!("{EXTERNAL_URL}/{project_path}/-/commit/{}", commit.sha),
    }
}

/// `GET merge_requests/:iid/commits`: newest first, empty `parent_ids` as GitLab answers here.
pub(crate) fn commit_rows(company: &Company, one: &MergeRequest) -> Vec<Bytes> {
    let path = &company.projects[one.project].full_path;
    let rows = one.commits.iter().filter_map(|item| company.user(item.author).map(|user| commit(user, path, item)));
    rows.map(|row| render(&CommitRow { parent_ids: Vec::new(), ..row })).collect()
}

#[derive(Serialize)]
struct DiffRow<'a> {
    diff: String,
    collapsed: bool,
    too_large: bool,
    new_path: &'a str,
    old_path: &'a str,
    a_mode: &'static str,
    b_mode: &'static str,
    new_file: bool,
    renamed_file: bool,
    deleted_file: bool,
    generated_file: bool,
}

/// `GET merge_requests/:iid/diffs`.
pub(crate) fn diff_rows(one: &MergeRequest) -> Vec<Bytes> {
    let row = |file: &crate::company::model::FileDiff| {
        render(&DiffRow {
            diff: diff_text(file),
            collapsed: file.collapsed,
            too_large: file.too_large,
            new_path: &file.path,
            old_path: &file.path,
            a_mode: if file.new_file { "0" } else { "100644" },
            b_mode: "100644",
            new_file: file.new_file,
            renamed_file: false,
            deleted_file: false,
            generated_file: false,
        })
    };
    one.files.iter().map(row).collect()
}
