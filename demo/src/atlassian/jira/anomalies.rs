//! Everything that is wrong in the site, planted or not, straight from the facts: what integrity checks have to find, and nothing else.

use serde::Serialize;

use super::model::{Category, Issue, JiraFacts, Kind};
use crate::truth::Table;

/// A rule that something breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnomalyTruth {
    pub rule: String,
    /// `work_items`, `versions`, `sprints`.
    pub table: String,
    pub external_id: String,
}

impl JiraFacts {
    /// By `{rule}:{table}:{external id}`.
    pub(super) fn anomalies(&self) -> Table<AnomalyTruth> {
        let mut found = Vec::new();
        for issue in self.issues.iter().filter(|one| self.is_visible(one)) {
            found.extend(self.wrong(issue).into_iter().map(|rule| (rule, "work_items", issue.id)));
        }
        for version in self.versions.iter().filter(|one| self.projects[one.project].is_live()) {
            if version.start_on.zip(version.release_on).is_some_and(|(start, release)| start > release) {
                found.push(("dates_out_of_order", "versions", version.id));
            }
        }
        // those that run now are the only ones of the company that could run at once
        for sprint in self.sprints.iter().filter(|one| one.state == "active" && self.projects[self.boards[one.board].project].is_live()) {
            if self.sprints.iter().any(|other| other.board == sprint.board && other.state == "active" && other.id != sprint.id) {
                found.push(("sprint_overlap", "sprints", sprint.id));
            }
        }
        let row = |(rule, table, id): (&str, &str, u64)| {
            let row = AnomalyTruth { rule: rule.to_owned(), table: table.to_owned(), external_id: id.to_string() };
            (format!("{rule}:{table}:{id}"), row)
        };
        found.into_iter().map(row).collect()
    }

    fn wrong(&self, issue: &Issue) -> Vec<&'static str> {
        let (kind, done) = (self.kind(issue), self.category(issue) == Category::Done);
        let parent = issue.parent.map(|id| self.issue(id).filter(|one| self.is_visible(one)));
        let stands = match (kind, parent.flatten().map(|one| self.kind(one).level())) {
            (_, None) => true,
            (Kind::Epic, Some(level)) => level == 1,
            (_, Some(level)) => level == kind.level() + 1,
        };
        let evidence = self.membership(issue).evidence;
        let running = issue.sprints.iter().filter(|index| self.sprints[**index].state == "active").count();
        let early = issue.resolved_at.is_some_and(|at| at < issue.created_at) || issue.updated_at < issue.created_at;
        let rules = [
            ("orphan_parent", parent.map_or(kind == Kind::Subtask, |found| found.is_none())),
            ("type_mismatch", !stands),
            ("release_missing", done && kind.level() == 0 && evidence == "none"),
            ("release_conflict", evidence == "conflict" || evidence == "tie"),
            ("done_without_resolution", done && issue.resolution.is_none()),
            ("resolved_but_open", !done && issue.resolution.is_some()),
            ("dates_out_of_order", early),
            ("sprint_overlap", running > 1),
        ];
        rules.into_iter().filter(|(_, broken)| *broken).map(|(rule, _)| rule).collect()
    }
}
