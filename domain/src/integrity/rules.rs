//! What is wrong with a work item, a version or a sprint. Pure: the rows that a rule compares come with the item.

use chrono::{DateTime, NaiveDate, Utc};

use super::{AnomalyRule, Decision, Finding, MembershipRule};
use crate::{StatusCategory, WorkItemKind};

type Time = DateTime<Utc>;

/// What rules look at in a work item.
#[derive(Clone, Debug)]
pub struct ItemFacts {
    pub kind: WorkItemKind,
    pub status: String,
    pub status_category: Option<StatusCategory>,
    pub resolution: Option<String>,
    pub parent: Parent,
    /// Names of sprints that run now and hold it.
    pub active_sprints: Vec<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub resolved_at: Option<Time>,
}

/// The item above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// It names none.
    None,
    /// It names one that is not stored.
    Unknown {
        external_id: String,
    },
    Known {
        key: String,
        kind: WorkItemKind,
    },
}

/// What rules look at in a version.
#[derive(Clone, Copy, Debug)]
pub struct VersionDates {
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

/// What rules look at in a sprint.
#[derive(Clone, Debug)]
pub struct SprintFacts {
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub completed_at: Option<Time>,
    /// A sprint of its board that ran at the same time for more than a day, where there is one; both have begun.
    pub beside: Option<String>,
}

/// Rules that a work item breaks. `expected`: it ought to be in a release.
pub fn work_item_findings(item: &ItemFacts, release: &Decision, expected: bool) -> Vec<Finding> {
    let found = [
        orphan_parent(item),
        type_mismatch(item),
        release_missing(release, expected),
        release_conflict(release),
        done_without_resolution(item),
        resolved_but_open(item),
        item_dates(item),
        item_sprints(item),
    ];
    found.into_iter().flatten().collect()
}

fn orphan_parent(item: &ItemFacts) -> Option<Finding> {
    let explanation = match &item.parent {
        Parent::Unknown { external_id } => format!(
            "Its parent, {external_id} in the source, is not stored: it was deleted, the token does not see it, or it lies outside of what is synced."
        ),
        Parent::None if item.kind == WorkItemKind::Subtask => "It is a subtask and has no parent.".to_owned(),
        Parent::None | Parent::Known { .. } => return None,
    };
    Some(Finding::new(AnomalyRule::OrphanParent, explanation))
}

/// Epics stand above stories, bugs and tasks, those above subtasks. What stands above epics in the source is an epic here.
fn type_mismatch(item: &ItemFacts) -> Option<Finding> {
    use WorkItemKind::{Bug, Epic, Story, Subtask, Task};
    let Parent::Known { key, kind } = &item.parent else { return None };
    let fits = match item.kind {
        Epic | Story | Bug | Task => *kind == Epic,
        Subtask => matches!(kind, Story | Bug | Task),
    };
    let explanation = || format!("It is {} and its parent {key} is {}.", a(item.kind), a(*kind));
    (!fits).then(|| Finding::new(AnomalyRule::TypeMismatch, explanation()))
}

fn a(kind: WorkItemKind) -> &'static str {
    match kind {
        WorkItemKind::Epic => "an epic",
        WorkItemKind::Story => "a story",
        WorkItemKind::Bug => "a bug",
        WorkItemKind::Task => "a task",
        WorkItemKind::Subtask => "a subtask",
    }
}

fn release_missing(release: &Decision, expected: bool) -> Option<Finding> {
    if !expected || release.version_external_id.is_some() {
        return None;
    }
    let explanation = if release.candidates.is_empty() {
        "It is done, and neither a fix version nor a label says in which release.".to_owned()
    } else {
        format!("It is done, and of its fix versions ({}) none is stored.", release.candidates.join(", "))
    };
    Some(Finding::new(AnomalyRule::ReleaseMissing, explanation))
}

fn release_conflict(release: &Decision) -> Option<Finding> {
    let (chosen, others) = release.candidates.split_first()?;
    let others = others.join(", ");
    let explanation = match release.rule {
        MembershipRule::FixVersionOverLabel => {
            format!("A label names another release than the fix version: version {chosen} was taken, not {others}.")
        }
        MembershipRule::FixVersionTie => {
            format!("It has several fix versions and no date says which comes out first: version {chosen} was taken, not {others}.")
        }
        MembershipRule::LabelTie => {
            format!("Its labels name several releases and no date says which comes out first: version {chosen} was taken, not {others}.")
        }
        _ => return None,
    };
    Some(Finding::new(AnomalyRule::ReleaseConflict, explanation))
}

fn done_without_resolution(item: &ItemFacts) -> Option<Finding> {
    let wrong = item.status_category == Some(StatusCategory::Done) && item.resolution.is_none();
    wrong.then(|| {
        Finding::new(AnomalyRule::DoneWithoutResolution, format!("Its status is {}, which is done, and it has no resolution.", item.status))
    })
}

fn resolved_but_open(item: &ItemFacts) -> Option<Finding> {
    // a status without category says nothing
    let open = matches!(item.status_category, Some(StatusCategory::Todo | StatusCategory::InProgress));
    let resolution = item.resolution.as_ref().filter(|_| open)?;
    Some(Finding::new(
        AnomalyRule::ResolvedButOpen,
        format!("It is resolved as {resolution} and its status is {}, which is not done.", item.status),
    ))
}

fn item_dates(item: &ItemFacts) -> Option<Finding> {
    let created = item.created_at;
    let early = |time: Option<Time>| time.filter(|time| *time < created);
    let explanation = match (early(item.resolved_at), early(item.updated_at)) {
        (Some(resolved), _) => format!("It was resolved on {}, before it was created on {}.", day(resolved), day(created)),
        (None, Some(updated)) => format!("It was last changed on {}, before it was created on {}.", day(updated), day(created)),
        (None, None) => return None,
    };
    Some(Finding::new(AnomalyRule::DatesOutOfOrder, explanation))
}

/// Two days of a time may be one: seconds are said.
fn day(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn item_sprints(item: &ItemFacts) -> Option<Finding> {
    let explanation =
        || format!("It is in {} sprints that run at the same time: {}.", item.active_sprints.len(), item.active_sprints.join(", "));
    (item.active_sprints.len() > 1).then(|| Finding::new(AnomalyRule::SprintOverlap, explanation()))
}

/// Rules that a version breaks.
pub fn version_findings(version: VersionDates) -> Vec<Finding> {
    match (version.start_on, version.release_on) {
        (Some(start), Some(release)) if start > release => {
            vec![Finding::new(AnomalyRule::DatesOutOfOrder, format!("It starts on {start}, after its release on {release}."))]
        }
        _ => Vec::new(),
    }
}

/// Rules that a sprint breaks.
pub fn sprint_findings(sprint: &SprintFacts) -> Vec<Finding> {
    let before_start = |end: Option<Time>| end.filter(|end| sprint.starts_at.is_some_and(|start| *end < start));
    let dates = match (before_start(sprint.completed_at), before_start(sprint.ends_at)) {
        (Some(completed), _) => Some(format!("It was completed on {}, before it began.", day(completed))),
        (None, Some(end)) => Some(format!("It ends on {}, before it begins.", day(end))),
        (None, None) => None,
    };
    let overlap = sprint.beside.as_ref().map(|other| format!("It ran at the same time as {other}, another sprint of its board."));
    let dates = dates.map(|explanation| Finding::new(AnomalyRule::DatesOutOfOrder, explanation));
    let overlap = overlap.map(|explanation| Finding::new(AnomalyRule::SprintOverlap, explanation));
    dates.into_iter().chain(overlap).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use WorkItemKind::{Bug, Epic, Story, Subtask, Task};
    use chrono::TimeDelta;

    fn at(hours: i64) -> Time {
        DateTime::from_timestamp(1_760_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn item(kind: WorkItemKind, category: Option<StatusCategory>) -> ItemFacts {
        ItemFacts {
            kind,
            status: "已完成".into(),
            status_category: category,
            resolution: (category == Some(StatusCategory::Done)).then(|| "Done".into()),
            parent: if kind == Subtask { Parent::Known { key: "WEB-1".into(), kind: Story } } else { Parent::None },
            active_sprints: vec!["WEB Sprint 1".into()],
            created_at: at(0),
            updated_at: Some(at(2)),
            resolved_at: (category == Some(StatusCategory::Done)).then(|| at(1)),
        }
    }

    fn released() -> Decision {
        Decision { version_external_id: Some("9".into()), rule: MembershipRule::FixVersion, candidates: vec!["9".into()] }
    }

    fn rules(item: &ItemFacts) -> Vec<&'static str> {
        work_item_findings(item, &released(), true).iter().map(|finding| finding.rule.as_str()).collect()
    }

    #[test]
    fn nothing_is_wrong_with_what_is_right() {
        for kind in [Epic, Story, Bug, Task, Subtask] {
            for category in [None, Some(StatusCategory::Todo), Some(StatusCategory::InProgress), Some(StatusCategory::Done)] {
                assert_eq!(rules(&item(kind, category)), [""; 0], "{kind:?} {category:?}");
            }
        }
    }

    #[test]
    fn a_parent_that_is_not_stored_leaves_an_orphan() {
        let orphan = ItemFacts { parent: Parent::Unknown { external_id: "77".into() }, ..item(Story, None) };
        let found = work_item_findings(&orphan, &released(), true);
        assert_eq!(found[0].rule, AnomalyRule::OrphanParent);
        assert!(found[0].explanation.contains("77"), "{found:?}");
        assert_eq!(rules(&ItemFacts { parent: Parent::None, ..item(Subtask, None) }), ["orphan_parent"]);
    }

    #[test]
    fn kinds_stand_above_each_other() {
        for (kind, parent, fits) in [
            (Story, Epic, true),
            (Bug, Epic, true),
            (Epic, Epic, true),
            (Subtask, Task, true),
            (Epic, Story, false),
            (Epic, Subtask, false),
            (Story, Story, false),
            (Task, Bug, false),
            (Subtask, Epic, false),
            (Subtask, Subtask, false),
        ] {
            let placed = ItemFacts { parent: Parent::Known { key: "WEB-7".into(), kind: parent }, ..item(kind, None) };
            let found = work_item_findings(&placed, &released(), true);
            assert_eq!(found.is_empty(), fits, "{kind:?} below {parent:?}: {found:?}");
            assert!(fits || found[0].explanation.contains("WEB-7"), "{found:?}");
        }
    }

    #[test]
    fn done_and_resolved_go_together() {
        let done = Some(StatusCategory::Done);
        assert_eq!(rules(&ItemFacts { resolution: None, ..item(Task, done) }), ["done_without_resolution"]);
        for category in [StatusCategory::Todo, StatusCategory::InProgress] {
            assert_eq!(rules(&ItemFacts { resolution: Some("Fixed".into()), ..item(Task, Some(category)) }), ["resolved_but_open"]);
        }
        // a status whose category nobody knows is neither
        assert_eq!(rules(&ItemFacts { resolution: Some("Fixed".into()), ..item(Task, None) }), [""; 0]);
    }

    #[test]
    fn times_come_one_after_the_other() {
        let early = |field: fn(&mut ItemFacts)| {
            let mut item = item(Bug, Some(StatusCategory::Done));
            field(&mut item);
            work_item_findings(&item, &released(), true)
        };
        let found = early(|item| item.resolved_at = Some(at(-1)));
        assert_eq!((found.len(), found[0].rule), (1, AnomalyRule::DatesOutOfOrder));
        assert!(found[0].explanation.starts_with("It was resolved on 2025-10-09 07:53:20"), "{found:?}");
        assert_eq!(early(|item| item.updated_at = Some(at(-1)))[0].rule, AnomalyRule::DatesOutOfOrder);
        assert!(early(|item| (item.resolved_at, item.updated_at) = (Some(item.created_at), Some(item.created_at))).is_empty());
    }

    #[test]
    fn a_release_is_missed_only_where_one_ought_to_be() {
        let none = Decision { version_external_id: None, rule: MembershipRule::None, candidates: vec![] };
        let unknown = Decision { rule: MembershipRule::UnknownVersion, candidates: vec!["77".into()], ..none.clone() };
        let story = item(Story, Some(StatusCategory::Done));
        for release in [&none, &unknown] {
            assert_eq!(work_item_findings(&story, release, true)[0].rule, AnomalyRule::ReleaseMissing);
            assert!(work_item_findings(&story, release, false).is_empty());
        }
        assert!(work_item_findings(&story, &unknown, true)[0].explanation.contains("77"));
    }

    #[test]
    fn releases_that_contradict_each_other_are_a_conflict_whether_expected_or_not() {
        for rule in [MembershipRule::FixVersionOverLabel, MembershipRule::FixVersionTie, MembershipRule::LabelTie] {
            let release = Decision { version_external_id: Some("9".into()), rule, candidates: vec!["9".into(), "10".into()] };
            let found = work_item_findings(&item(Story, None), &release, false);
            assert_eq!((found.len(), found[0].rule), (1, AnomalyRule::ReleaseConflict));
            assert!(found[0].explanation.contains("version 9 was taken, not 10"), "{found:?}");
        }
        let several = Decision { rule: MembershipRule::EarliestFixVersion, candidates: vec!["9".into(), "10".into()], ..released() };
        assert!(work_item_findings(&item(Story, None), &several, true).is_empty(), "dates decide");
    }

    #[test]
    fn one_item_is_in_one_running_sprint() {
        let both = ItemFacts { active_sprints: vec!["A".into(), "B".into()], ..item(Story, None) };
        assert_eq!(rules(&both), ["sprint_overlap"]);
        assert_eq!(rules(&ItemFacts { active_sprints: vec![], ..item(Story, None) }), [""; 0]);
    }

    #[test]
    fn versions_and_sprints_begin_before_they_end() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day);
        assert_eq!(version_findings(VersionDates { start_on: day(2), release_on: day(1) })[0].rule, AnomalyRule::DatesOutOfOrder);
        for (start_on, release_on) in [(day(1), day(1)), (day(1), day(2)), (None, day(1)), (day(1), None)] {
            assert!(version_findings(VersionDates { start_on, release_on }).is_empty());
        }
        let sprint = |starts: i64, ends: i64, completed: Option<i64>| SprintFacts {
            starts_at: Some(at(starts)),
            ends_at: Some(at(ends)),
            completed_at: completed.map(at),
            beside: None,
        };
        assert!(sprint_findings(&sprint(0, 10, Some(11))).is_empty());
        assert_eq!(sprint_findings(&sprint(0, -1, None))[0].rule, AnomalyRule::DatesOutOfOrder);
        assert_eq!(sprint_findings(&sprint(0, 1, Some(-1)))[0].rule, AnomalyRule::DatesOutOfOrder);
        let beside = SprintFacts { beside: Some("Sprint 7".into()), ..sprint(0, 10, None) };
        let found = sprint_findings(&beside);
        assert_eq!((found.len(), found[0].rule), (1, AnomalyRule::SprintOverlap));
        assert!(found[0].explanation.contains("Sprint 7"), "{found:?}");
    }
}
