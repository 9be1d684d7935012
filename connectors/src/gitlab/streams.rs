//! The streams, in dependency order, and how each list is asked for.

use ovia_domain::{Partitioning, StreamKind, StreamSpec};

use super::cursor::Phase;

pub const GROUPS: &str = "groups";
pub const PROJECTS: &str = "projects";
pub const MEMBERS: &str = "members";
pub const USER_DETAILS: &str = "user_details";
pub const MERGE_REQUEST_NOTES: &str = "merge_request_notes";
pub const MERGE_REQUEST_APPROVALS: &str = "merge_request_approvals";
pub const MERGE_REQUEST_COMMITS: &str = "merge_request_commits";
pub const MERGE_REQUEST_DIFFS: &str = "merge_request_diffs";
pub const PIPELINE_DETAILS: &str = "pipeline_details";
pub const PIPELINE_JOBS: &str = "pipeline_jobs";
pub const PIPELINE_BRIDGES: &str = "pipeline_bridges";

/// How a list is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By time, in windows.
    Window,
    /// Page by page, all of it every time.
    Pages,
    /// By keyset links, newest first, in the first walk only.
    KeysetOnce,
}

/// A list below `/projects/:id`, whose last path segment is the stream's name.
#[derive(Debug)]
pub struct ProjectList {
    pub name: &'static str,
    pub title: &'static str,
    pub mode: Mode,
    query: &'static [(&'static str, &'static str)],
}

const BY_UPDATE: [(&str, &str); 2] = [("order_by", "updated_at"), ("sort", "asc")];

pub static PROJECT_LISTS: [ProjectList; 7] = [
    ProjectList { name: "issues", title: "issues", mode: Mode::Window, query: &[("scope", "all"), ("state", "all")] },
    ProjectList { name: "merge_requests", title: "merge requests", mode: Mode::Window, query: &[("scope", "all"), ("state", "all")] },
    ProjectList { name: "pipelines", title: "pipelines", mode: Mode::Window, query: &[] },
    ProjectList {
        name: "jobs",
        title: "jobs",
        mode: Mode::KeysetOnce,
        query: &[("pagination", "keyset"), ("order_by", "id"), ("sort", "desc")],
    },
    ProjectList { name: "environments", title: "environments", mode: Mode::Pages, query: &[] },
    ProjectList { name: "deployments", title: "deployments", mode: Mode::Window, query: &[] },
    // Sorted by creation: releases that are added meanwhile come last and shift nothing.
    ProjectList { name: "releases", title: "releases", mode: Mode::Pages, query: &[("order_by", "created_at"), ("sort", "asc")] },
];

impl ProjectList {
    pub fn find(name: &str) -> Option<&'static Self> {
        PROJECT_LISTS.iter().find(|list| list.name == name)
    }

    /// The query of a phase, without position and page size.
    pub fn query(&self, phase: Phase) -> Vec<(&'static str, &'static str)> {
        let mut query = match phase {
            Phase::Open => vec![("scope", "all"), ("state", "opened")],
            Phase::Main | Phase::Untimed => self.query.to_vec(),
        };
        match (self.mode, phase) {
            (Mode::Window, Phase::Main) => query.extend(BY_UPDATE),
            // Rows without a time come first in a descending order.
            (Mode::Window, Phase::Untimed) => query.extend([("order_by", "updated_at"), ("sort", "desc")]),
            (Mode::Window, Phase::Open) => query.extend([("order_by", "created_at"), ("sort", "asc")]),
            _ => {}
        }
        query
    }

    /// The time a window is about, as filters name it.
    pub fn window_filter(phase: Phase) -> &'static str {
        if phase == Phase::Open { "created" } else { "updated" }
    }

    /// The phase after `phase` in a backfill's window, which shows no rows without a time.
    pub fn phase_after_window(&self, phase: Phase) -> Option<Phase> {
        (self.name == "pipelines" && phase == Phase::Main).then_some(Phase::Untimed)
    }

    /// The phase after `phase`. `rewindowed`: the unfiltered list was not read to its end, so rows without a time may be missing.
    pub fn phase_after(&self, phase: Phase, first_walk: bool, rewindowed: bool) -> Option<Phase> {
        match (self.name, phase) {
            ("pipelines", Phase::Main) if first_walk && rewindowed => Some(Phase::Untimed),
            ("merge_requests", Phase::Main) if !first_walk => Some(Phase::Open),
            _ => None,
        }
    }
}

/// A list that is read whole every time.
const fn list(name: &'static str, title: &'static str, partitioning: Partitioning) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::List(partitioning), title, natural_key: "id", windowed: false, complete: true, census: true }
}

fn project_list(list: &ProjectList) -> StreamSpec {
    StreamSpec {
        name: list.name,
        kind: StreamKind::List(Partitioning::PerRecordOf(PROJECTS)),
        title: list.title,
        natural_key: if list.name == "releases" { "tag_name" } else { "id" },
        windowed: list.mode == Mode::Window,
        complete: list.mode == Mode::Pages,
        census: true,
    }
}

const fn detail(name: &'static str, title: &'static str) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::Detail, title, natural_key: "id", windowed: false, complete: false, census: false }
}

/// The streams to sync. Without `details`: one request per page of a list and no per-item requests, so no jobs either.
pub fn streams(details: bool) -> Vec<StreamSpec> {
    let mut streams = vec![
        list(GROUPS, "groups", Partitioning::Configured),
        list(PROJECTS, "projects", Partitioning::Configured),
        list(MEMBERS, "members", Partitioning::Configured),
    ];
    let lists = PROJECT_LISTS.iter().filter(|project_list| details || project_list.mode != Mode::KeysetOnce);
    streams.extend(lists.map(project_list));
    if details {
        streams.extend([
            detail(USER_DETAILS, "user details"),
            detail(MERGE_REQUEST_NOTES, "merge request notes"),
            detail(MERGE_REQUEST_APPROVALS, "merge request approvals"),
            detail(MERGE_REQUEST_COMMITS, "merge request commits"),
            detail(MERGE_REQUEST_DIFFS, "merge request sizes"),
            detail(PIPELINE_DETAILS, "pipeline details"),
            detail(PIPELINE_JOBS, "pipeline jobs"),
            detail(PIPELINE_BRIDGES, "pipeline bridges"),
        ]);
    }
    streams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_item_requests_are_left_out_without_details() {
        let names: Vec<_> = streams(false).iter().map(|stream| stream.name).collect();
        let expected =
            ["groups", "projects", "members", "issues", "merge_requests", "pipelines", "environments", "deployments", "releases"];
        assert_eq!(names, expected);
        assert!(streams(true).iter().any(|stream| stream.name == "jobs"));
    }

    #[test]
    fn deployments_filtered_by_update_are_ordered_by_it() {
        let deployments = ProjectList::find("deployments").map(|list| list.query(Phase::Main));
        assert_eq!(deployments, Some(vec![("order_by", "updated_at"), ("sort", "asc")]), "GitLab answers 400 otherwise");
    }
}
