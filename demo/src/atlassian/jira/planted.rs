//! What is wrong on purpose, each kind in a few places, noted down so that a check can be held against it.

use chrono::{Days, Duration};

use super::history::release_label;
use super::model::{Category, Issue, JiraFacts, Kind, Planted};
use crate::company::Span;
use crate::company::model::Time;

/// How often each kind is planted, at most.
const EACH: usize = 3;

pub(super) fn plant(facts: &mut JiraFacts, span: Span) {
    let mut free: Vec<usize> = (0..facts.issues.len()).filter(|index| facts.is_visible(&facts.issues[*index])).collect();
    let mut take = |facts: &JiraFacts, fits: &dyn Fn(&JiraFacts, usize) -> bool| {
        let mut found = Vec::new();
        free.retain(|index| {
            let picked = found.len() < EACH && fits(facts, *index);
            if picked {
                found.push(*index);
            }
            !picked
        });
        found
    };
    let kind = |facts: &JiraFacts, index: usize| facts.kind(&facts.issues[index]);
    let category = |facts: &JiraFacts, index: usize| facts.category(&facts.issues[index]);
    let done = |facts: &JiraFacts, index: usize| category(facts, index) == Category::Done && kind(facts, index).level() == 0;

    let invisible = facts.issues.iter().find(|one| !facts.is_visible(one)).map(|one| one.id);
    for index in take(facts, &|facts, index| kind(facts, index) == Kind::Story && category(facts, index) != Category::Done) {
        // Its epic is in the archived project: the issue names it, nothing finds it.
        facts.issues[index].parent = invisible;
        facts.plant("orphan_parent", index, "its parent is in a project nobody sees");
    }
    let epics = take(facts, &|facts, index| kind(facts, index) == Kind::Epic && category(facts, index) != Category::Done);
    for index in epics {
        let (id, project) = (facts.issues[index].id, facts.issues[index].project);
        let fits = |one: &&Issue| one.project == project && facts.kind(one) == Kind::Story && one.parent != Some(id);
        let story = facts.issues.iter().find(fits).map(|one| one.id);
        if story.is_some() {
            facts.issues[index].parent = story;
            facts.plant("type_mismatch", index, "an epic below a story");
        }
    }
    for index in take(facts, &done) {
        facts.issues[index].resolution = None;
        facts.issues[index].resolved_at = None;
        facts.plant("done_without_resolution", index, "the workflow forgot the resolution");
    }
    for index in take(facts, &|facts, index| category(facts, index) == Category::InProgress && kind(facts, index).level() == 0) {
        let issue = &mut facts.issues[index];
        issue.resolution = Some("Done");
        issue.resolved_at = Some(issue.updated_at);
        facts.plant("resolved_but_open", index, "resolved, and in progress again");
    }
    for index in take(facts, &done) {
        let issue = &mut facts.issues[index];
        issue.resolved_at = Some(issue.created_at - Duration::days(2));
        facts.plant("dates_out_of_order", index, "resolved before it was created, as an import left it");
    }
    for index in take(facts, &done) {
        facts.issues[index].fix_versions.clear();
        facts.issues[index].labels.retain(|label| !label.starts_with("release-"));
        facts.plant("release_missing", index, "done, and in no release");
    }
    for index in take(facts, &|facts, index| done(facts, index) && facts.issues[index].fix_versions.len() == 1) {
        let version = &facts.versions[facts.issues[index].fix_versions[0]];
        let other = facts.versions.iter().find(|one| one.project == version.project && one.id != version.id && !one.archived);
        let Some(label) = other.map(|one| release_label(&one.name)) else { continue };
        facts.issues[index].labels.push(label);
        facts.plant("release_conflict", index, "the field names one release, a label another");
    }
    sprints(facts, span, take(facts, &|facts, index| facts.issues[index].project == 0 && kind(facts, index) == Kind::Story));
    for version in facts.versions.iter_mut().filter(|one| one.project == 0).nth(3).into_iter() {
        version.start_on = version.release_on.and_then(|day| day.checked_add_days(Days::new(4)));
        let (external_id, note) = (version.id.to_string(), "begins after its release".to_owned());
        facts.planted.push(Planted { rule: "dates_out_of_order", table: "versions", external_id, note });
    }
}

/// A second sprint on the first board beside the one that runs, and stories that are in both.
fn sprints(facts: &mut JiraFacts, span: Span, stories: Vec<usize>) {
    let Some(active) = facts.sprints.iter().position(|one| one.state == "active") else { return };
    let mut second = facts.sprints[active].clone();
    let shift = |time: Option<Time>| time.map(|time| time + Duration::days(2));
    second.id = facts.sprints.iter().map(|one| one.id).max().unwrap_or_default() + 2;
    second.name = format!("{} (parallel)", second.name);
    second.starts_at = shift(second.starts_at).map(|start| start.min(span.end));
    second.ends_at = shift(second.ends_at);
    for id in [facts.sprints[active].id, second.id] {
        let note = "two sprints of one board run at once".to_owned();
        facts.planted.push(Planted { rule: "sprint_overlap", table: "sprints", external_id: id.to_string(), note });
    }
    facts.sprints.push(second);
    for index in stories {
        if facts.issues[index].sprints.is_empty() {
            continue;
        }
        facts.issues[index].sprints = vec![active, facts.sprints.len() - 1];
        facts.plant("sprint_overlap", index, "in two sprints that run at once");
    }
}

impl JiraFacts {
    fn plant(&mut self, rule: &'static str, index: usize, note: &str) {
        let external_id = self.issues[index].id.to_string();
        self.planted.push(Planted { rule, table: "work_items", external_id, note: note.to_owned() });
    }
}
