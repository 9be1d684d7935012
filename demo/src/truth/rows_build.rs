//! Rows about people, projects, issues and merge requests.

use std::collections::BTreeSet;

use super::Table;
use super::rows::{ApprovalRow, CommitRow, GroupRow, IdentityRow, IssueRow, MembershipRow, MergeRequestRow, NoteRow, ProjectRow};
use crate::company::Company;
use crate::company::model::Scope;
use crate::wire::{EXTERNAL_URL, commit_email, milestone_title};

fn ids(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// Every account that is a member of the top group or shows up in a row.
pub(super) fn identities(company: &Company) -> Table<IdentityRow> {
    let mut seen: BTreeSet<u64> = company.members_all(Scope::Group(company.groups[0].id)).iter().map(|member| member.user).collect();
    for one in &company.merge_requests {
        seen.extend([one.author].into_iter().chain(one.merged_by).chain(one.closed_by));
        seen.extend(one.assignees.iter().chain(&one.reviewers).copied());
        seen.extend(one.notes.iter().map(|note| note.author).chain(one.approvals.iter().map(|approval| approval.user)));
    }
    for one in &company.issues {
        seen.extend([one.author].into_iter().chain(one.closed_by).chain(one.assignees.iter().copied()));
    }
    seen.extend(company.pipelines.iter().map(|one| one.user));
    seen.extend(company.deployments.iter().map(|one| one.user));
    seen.extend(company.releases.iter().map(|one| one.author));
    let users = seen.into_iter().filter_map(|id| company.user(id));
    users
        .map(|user| {
            let row = IdentityRow {
                username: user.username.clone(),
                display_name: user.name.clone(),
                email: user.public_email.clone(),
                is_bot: user.bot,
                state: user.state.to_owned(),
                url: format!("{EXTERNAL_URL}/{}", user.username),
            };
            (user.id.to_string(), row)
        })
        .collect()
}

impl Company {
    /// Membership rows of one scope, `group:{full path}` or `project:{full path}`; empty for a scope that does not exist.
    pub fn memberships(&self, scope: &str) -> Table<MembershipRow> {
        let found = match scope.split_once(':') {
            Some(("group", path)) => self.groups.iter().find(|group| group.full_path == path).map(|group| Scope::Group(group.id)),
            Some(("project", path)) => {
                self.projects.iter().find(|project| project.full_path == path).map(|project| Scope::Project(project.id))
            }
            _ => None,
        };
        let Some(found) = found else { return Table::new() };
        let members = self.members_all(found).into_iter();
        members
            .map(|member| {
                let row = MembershipRow {
                    scope: scope.to_owned(),
                    identity_external_id: member.user.to_string(),
                    access_level: member.access_level,
                    expires_at: member.expires_at,
                };
                (format!("{scope}:{}", member.user), row)
            })
            .collect()
    }
}

pub(super) fn groups(company: &Company) -> Table<GroupRow> {
    let row = |group: &crate::company::model::Group| GroupRow {
        name: group.name.clone(),
        full_path: group.full_path.clone(),
        parent_external_id: group.parent.map(|id| id.to_string()),
    };
    company.groups.iter().map(|group| (group.id.to_string(), row(group))).collect()
}

pub(super) fn projects(company: &Company) -> Table<ProjectRow> {
    let row = |project: &crate::company::model::Project| ProjectRow {
        name: project.name.clone(),
        full_path: project.full_path.clone(),
        default_branch: project.default_branch.to_owned(),
        archived: project.archived,
        visibility: project.visibility.to_owned(),
        forked_from_external_id: project.forked_from.map(|id| id.to_string()),
        namespace_external_id: project.group.to_string(),
        url: format!("{EXTERNAL_URL}/{}", project.full_path),
        created_at: project.created_at,
        last_activity_at: project.last_activity_at,
    };
    company.projects.iter().map(|project| (project.id.to_string(), row(project))).collect()
}

pub(super) fn issues(company: &Company) -> Table<IssueRow> {
    let row = |issue: &crate::company::model::Issue| {
        let project = &company.projects[issue.project];
        IssueRow {
            project_external_id: project.id.to_string(),
            number: issue.iid as i64,
            title: issue.title.clone(),
            state: issue.state.to_owned(),
            issue_type: issue.issue_type.to_owned(),
            author_external_id: issue.author.to_string(),
            assignee_external_ids: ids(&issue.assignees),
            labels: texts(&issue.labels),
            milestone: issue.milestone.map(|n| milestone_title(n).to_owned()),
            confidential: issue.confidential,
            weight: issue.weight,
            due_on: issue.due_on,
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            closed_at: issue.closed_at,
            url: format!("{EXTERNAL_URL}/{}/-/issues/{}", project.full_path, issue.iid),
        }
    };
    company.issues.iter().map(|issue| (issue.id.to_string(), row(issue))).collect()
}

pub(super) fn merge_requests(company: &Company) -> Table<MergeRequestRow> {
    let row = |one: &crate::company::model::MergeRequest| {
        let project = &company.projects[one.project];
        let shown = || one.files.iter().filter(|file| !file.collapsed && !file.too_large);
        MergeRequestRow {
            project_external_id: project.id.to_string(),
            number: one.iid as i64,
            title: one.title.clone(),
            state: one.state.clone(),
            draft: one.draft,
            author_external_id: one.author.to_string(),
            merged_by_external_id: one.merged_by.map(|id| id.to_string()),
            assignee_external_ids: ids(&one.assignees),
            reviewer_external_ids: ids(&one.reviewers),
            labels: texts(&one.labels),
            milestone: one.milestone.map(|n| milestone_title(n).to_owned()),
            source_branch: one.source_branch.clone(),
            target_branch: project.default_branch.to_owned(),
            source_project_external_id: one.source_project_id.map(|id| id.to_string()),
            is_fork: one.source_project_id != Some(project.id),
            head_sha: one.sha.clone(),
            merge_commit_sha: one.merge_commit_sha.clone(),
            squash_commit_sha: one.squash_commit_sha.clone(),
            created_at: one.created_at,
            updated_at: one.updated_at,
            prepared_at: one.prepared_at,
            merged_at: one.merged_at,
            closed_at: one.closed_at,
            url: format!("{EXTERNAL_URL}/{}/-/merge_requests/{}", project.full_path, one.iid),
            additions: shown().map(|file| i64::from(file.additions)).sum(),
            deletions: shown().map(|file| i64::from(file.deletions)).sum(),
            changed_files: one.files.len() as i64,
            size_is_partial: shown().count() < one.files.len(),
        }
    };
    company.merge_requests.iter().map(|one| (one.id.to_string(), row(one))).collect()
}

pub(super) fn notes(company: &Company) -> Table<NoteRow> {
    let mut table = Table::new();
    for one in &company.merge_requests {
        for note in &one.notes {
            let row = NoteRow {
                merge_request_external_id: one.id.to_string(),
                author_external_id: note.author.to_string(),
                system: note.system,
                event: note.event.map(|event| event.as_str().to_owned()),
                created_at: note.created_at,
                updated_at: note.updated_at,
            };
            table.insert(note.id.to_string(), row);
        }
    }
    table
}

pub(super) fn approvals(company: &Company) -> Table<ApprovalRow> {
    let mut table = Table::new();
    for one in &company.merge_requests {
        for approval in &one.approvals {
            let (merge_request_external_id, identity_external_id) = (one.id.to_string(), approval.user.to_string());
            let key = format!("{merge_request_external_id}:{identity_external_id}");
            table.insert(key, ApprovalRow { merge_request_external_id, identity_external_id, approved_at: approval.approved_at });
        }
    }
    table
}

pub(super) fn commits(company: &Company) -> Table<CommitRow> {
    let mut table = Table::new();
    for one in &company.merge_requests {
        for commit in &one.commits {
            let author = company.user(commit.author);
            let row = CommitRow {
                merge_request_external_id: one.id.to_string(),
                sha: commit.sha.clone(),
                title: commit.title.clone(),
                author_name: author.map(|user| user.name.clone()).unwrap_or_default(),
                author_email: author.map(commit_email).unwrap_or_default(),
                authored_at: commit.authored_at,
                committed_at: commit.committed_at,
            };
            table.insert(format!("{}:{}", one.id, commit.sha), row);
        }
    }
    table
}
