//! What a complete sync of every live Jira project has to end with, straight from the facts.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::super::rows::{
    AccountGroupRow, AccountMembershipRow, AccountRow, directory_groups, directory_identities, directory_memberships,
};
use super::anomalies::AnomalyTruth;
use super::history::release_label;
use super::model::{Issue, JiraFacts, Visibility};
use crate::truth::Table;

type Time = DateTime<Utc>;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JiraProjectRow {
    pub name: String,
    pub archived: bool,
    pub key: String,
    pub former_keys: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemRow {
    pub key: String,
    pub project_external_id: String,
    pub title: String,
    pub kind: String,
    pub type_name: String,
    pub type_external_id: String,
    pub status: String,
    pub status_external_id: String,
    pub status_category: String,
    pub priority: String,
    pub resolution: Option<String>,
    pub parent_external_id: Option<String>,
    pub author_external_id: String,
    pub reporter_external_id: Option<String>,
    pub assignee_external_id: Option<String>,
    pub labels: Vec<String>,
    pub components: Vec<String>,
    pub fix_version_external_ids: Vec<String>,
    pub sprint_external_ids: Vec<String>,
    pub story_points: Option<f64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    pub updated_at: Time,
    pub resolved_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemChangeRow {
    pub work_item_external_id: String,
    pub author_external_id: Option<String>,
    pub created_at: Time,
    pub field: String,
    pub field_external_id: Option<String>,
    pub from_value: Option<String>,
    pub from_text: Option<String>,
    pub to_value: Option<String>,
    pub to_text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemLinkRow {
    pub from_external_id: String,
    pub to_external_id: String,
    pub link_type: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorklogRow {
    pub work_item_external_id: String,
    pub author_external_id: String,
    pub started_at: Time,
    pub seconds: i64,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionRow {
    pub project_external_id: String,
    pub name: String,
    pub description: Option<String>,
    pub released: bool,
    pub archived: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoardRow {
    pub name: String,
    pub board_kind: String,
    pub project_external_id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SprintRow {
    pub board_external_id: String,
    pub name: String,
    pub state: String,
    pub goal: Option<String>,
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub completed_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemStatusRow {
    pub name: String,
    pub category: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemFieldRow {
    pub name: String,
    pub custom: bool,
    pub schema_type: String,
    pub schema_custom: Option<String>,
}

/// Which release an item goes out with, and how one can know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseMembershipTruth {
    /// Of several, the one that comes out first.
    pub version_external_id: Option<String>,
    /// `fix_version`, `fix_versions` (several), `tie` (several, and no date says which is first), `label`, `conflict` (field and label
    /// disagree; the field is right), `none`.
    pub evidence: String,
}

/// Something wrong on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlantedTruth {
    /// `orphan_parent`, `type_mismatch`, `done_without_resolution`, `resolved_but_open`, `dates_out_of_order`, `release_missing`,
    /// `release_conflict`, `sprint_overlap`.
    pub rule: String,
    /// The table of what is wrong: `work_items`, `sprints`, `versions`.
    pub table: String,
    pub external_id: String,
    pub note: String,
}

/// The truth for a connection with all live project keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JiraTruth {
    pub as_of: Time,
    /// All accounts of the site, inactive ones and apps included.
    pub identities: Table<AccountRow>,
    pub groups: Table<AccountGroupRow>,
    /// `group:{group}:{account}`.
    pub memberships: Table<AccountMembershipRow>,
    /// Live ones.
    pub projects: Table<JiraProjectRow>,
    pub work_items: Table<WorkItemRow>,
    /// `{work item}:{change}:{position}`.
    pub work_item_changes: Table<WorkItemChangeRow>,
    pub work_item_links: Table<WorkItemLinkRow>,
    pub worklogs: Table<WorklogRow>,
    pub versions: Table<VersionRow>,
    pub boards: Table<BoardRow>,
    pub sprints: Table<SprintRow>,
    pub work_item_statuses: Table<WorkItemStatusRow>,
    pub work_item_fields: Table<WorkItemFieldRow>,
    /// By work item: keys it had before.
    pub former_keys: BTreeMap<String, Vec<String>>,
    /// By work item.
    pub release_membership: Table<ReleaseMembershipTruth>,
    pub planted: Vec<PlantedTruth>,
    /// All that is wrong, by `{rule}:{table}:{external id}`: what is planted, and what came about by itself.
    pub anomalies: Table<AnomalyTruth>,
}

impl JiraFacts {
    pub(crate) fn truth(&self) -> JiraTruth {
        let visible = || self.issues.iter().filter(|one| self.is_visible(one));
        let seen = |id: u64| visible().any(|one| one.id == id);
        let live = |project: usize| self.projects[project].is_live();
        let mut changes = Table::new();
        for issue in visible() {
            self.changes(issue, &mut changes);
        }
        let planted =
            self.planted.iter().filter(|one| one.table != "work_items" || visible().any(|it| it.id.to_string() == one.external_id));
        JiraTruth {
            as_of: self.as_of,
            identities: directory_identities(&self.directory),
            groups: directory_groups(&self.directory),
            memberships: directory_memberships(&self.directory),
            projects: self.projects.iter().filter(|one| one.is_live()).map(project).collect(),
            work_items: visible().map(|one| (one.id.to_string(), self.work_item(one))).collect(),
            work_item_changes: changes,
            work_item_links: self.links.iter().filter(|one| seen(one.from) || seen(one.to)).map(link).collect(),
            worklogs: self.worklogs.iter().filter(|one| seen(one.issue)).map(|one| self.worklog(one)).collect(),
            versions: self.versions.iter().filter(|one| live(one.project)).map(|one| self.version(one)).collect(),
            boards: self.boards.iter().filter(|one| live(one.project)).map(|one| self.board(one)).collect(),
            sprints: self.sprints.iter().filter(|one| live(self.boards[one.board].project)).map(|one| self.sprint(one)).collect(),
            work_item_statuses: self
                .statuses
                .iter()
                .filter(|one| one.project.is_none_or(live))
                .map(|one| {
                    (one.id.to_string(), WorkItemStatusRow { name: one.name.to_owned(), category: one.category.as_str().to_owned() })
                })
                .collect(),
            work_item_fields: self.fields.iter().map(field).collect(),
            former_keys: visible().map(|one| (one.id.to_string(), self.former_keys(one))).filter(|(_, keys)| !keys.is_empty()).collect(),
            release_membership: visible().map(|one| (one.id.to_string(), self.membership(one))).collect(),
            planted: planted
                .map(|one| PlantedTruth {
                    rule: one.rule.to_owned(),
                    table: one.table.to_owned(),
                    external_id: one.external_id.clone(),
                    note: one.note.clone(),
                })
                .collect(),
            anomalies: self.anomalies(),
        }
    }

    fn account(&self, index: usize) -> String {
        self.directory.accounts[index].id.clone()
    }

    /// Its own, and those of its project's former keys.
    pub(crate) fn former_keys(&self, issue: &Issue) -> Vec<String> {
        let project = &self.projects[issue.project];
        issue.former_keys.iter().cloned().chain(project.former_keys.iter().map(|key| format!("{key}-{}", issue.number))).collect()
    }

    fn work_item(&self, one: &Issue) -> WorkItemRow {
        let project = &self.projects[one.project];
        let (kind, status) = (&self.types[one.issue_type], &self.statuses[one.status]);
        WorkItemRow {
            key: self.key(one),
            project_external_id: project.id.to_string(),
            title: one.summary.clone(),
            kind: kind.kind.as_str().to_owned(),
            type_name: kind.name.to_owned(),
            type_external_id: kind.id.to_string(),
            status: status.name.to_owned(),
            status_external_id: status.id.to_string(),
            status_category: status.category.as_str().to_owned(),
            priority: one.priority.to_owned(),
            resolution: one.resolution.map(str::to_owned),
            parent_external_id: one.parent.map(|id| id.to_string()),
            author_external_id: self.account(one.creator),
            reporter_external_id: one.reporter.map(|index| self.account(index)),
            assignee_external_id: one.assignee.map(|index| self.account(index)),
            labels: one.labels.clone(),
            components: one.components.iter().map(|index| project.components[*index].to_owned()).collect(),
            fix_version_external_ids: one.fix_versions.iter().map(|index| self.versions[*index].id.to_string()).collect(),
            sprint_external_ids: one.sprints.iter().map(|index| self.sprints[*index].id.to_string()).collect(),
            story_points: one.points,
            due_on: one.due_on,
            created_at: one.created_at,
            updated_at: one.updated_at,
            resolved_at: one.resolved_at,
        }
    }

    fn changes(&self, issue: &Issue, table: &mut Table<WorkItemChangeRow>) {
        for history in &issue.histories {
            for (position, item) in history.items.iter().enumerate() {
                let row = WorkItemChangeRow {
                    work_item_external_id: issue.id.to_string(),
                    author_external_id: history.author.map(|index| self.account(index)),
                    created_at: history.at,
                    field: item.field.to_owned(),
                    field_external_id: item.field_id.clone(),
                    from_value: said(&item.from),
                    from_text: said(&item.from_text),
                    to_value: said(&item.to),
                    to_text: said(&item.to_text),
                };
                table.insert(format!("{}:{}:{position}", issue.id, history.id), row);
            }
        }
    }

    fn worklog(&self, one: &super::model::Worklog) -> (String, WorklogRow) {
        let row = WorklogRow {
            work_item_external_id: one.issue.to_string(),
            author_external_id: self.account(one.author),
            started_at: one.started_at,
            seconds: one.seconds,
            created_at: one.created_at,
            updated_at: one.updated_at,
        };
        (one.id.to_string(), row)
    }

    fn version(&self, one: &super::model::Version) -> (String, VersionRow) {
        let row = VersionRow {
            project_external_id: self.projects[one.project].id.to_string(),
            name: one.name.clone(),
            description: one.description.clone(),
            released: one.released,
            archived: one.archived,
            start_on: one.start_on,
            release_on: one.release_on,
        };
        (one.id.to_string(), row)
    }

    fn board(&self, one: &super::model::Board) -> (String, BoardRow) {
        let project_external_id = self.projects[one.project].id.to_string();
        (one.id.to_string(), BoardRow { name: one.name.clone(), board_kind: one.kind.to_owned(), project_external_id })
    }

    fn sprint(&self, one: &super::model::Sprint) -> (String, SprintRow) {
        let row = SprintRow {
            board_external_id: self.boards[one.board].id.to_string(),
            name: one.name.clone(),
            state: one.state.to_owned(),
            goal: one.goal.map(str::to_owned),
            starts_at: one.starts_at,
            ends_at: one.ends_at,
            completed_at: one.completed_at,
        };
        (one.id.to_string(), row)
    }

    pub(super) fn membership(&self, one: &Issue) -> ReleaseMembershipTruth {
        let named = |index: &usize| one.labels.contains(&release_label(&self.versions[*index].name));
        let of_project = |index: &usize| self.versions[*index].project == one.project;
        let labelled: Vec<usize> = (0..self.versions.len()).filter(of_project).filter(named).collect();
        let day = |index: usize| self.versions[index].release_on;
        // one without a date is not out before one that has one
        let first = one.fix_versions.iter().copied().min_by_key(|index| (day(*index).is_none(), day(*index), *index));
        let beside = |first: usize| one.fix_versions.iter().any(|index| *index != first && day(*index) == day(first));
        let (version, evidence) = match (first, one.fix_versions.len(), labelled.as_slice()) {
            (Some(first), _, labels) if !labels.is_empty() && !labels.contains(&first) => (Some(first), "conflict"),
            (Some(first), 1, _) => (Some(first), "fix_version"),
            (Some(first), _, _) if beside(first) => (Some(first), "tie"),
            (Some(first), _, _) => (Some(first), "fix_versions"),
            (None, _, [label, ..]) => (Some(*label), "label"),
            (None, _, []) => (None, "none"),
        };
        let version_external_id = version.map(|index| self.versions[index].id.to_string());
        ReleaseMembershipTruth { version_external_id, evidence: evidence.to_owned() }
    }
}

fn project(one: &super::model::JiraProject) -> (String, JiraProjectRow) {
    let row = JiraProjectRow {
        name: one.name.to_owned(),
        archived: one.visibility == Visibility::Archived,
        key: one.key.clone(),
        former_keys: one.former_keys.clone(),
    };
    (one.id.to_string(), row)
}

/// An empty text says nothing.
fn said(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

fn link(one: &super::model::Link) -> (String, WorkItemLinkRow) {
    let row =
        WorkItemLinkRow { from_external_id: one.from.to_string(), to_external_id: one.to.to_string(), link_type: one.kind.3.to_owned() };
    (one.id.to_string(), row)
}

fn field(one: &super::model::Field) -> (String, WorkItemFieldRow) {
    let row = WorkItemFieldRow {
        name: one.name.to_owned(),
        custom: one.custom.is_some(),
        schema_type: one.schema.to_owned(),
        schema_custom: one.custom.map(str::to_owned),
    };
    (one.id.clone(), row)
}
