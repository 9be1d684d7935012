//! Which release a work item goes out with, and what chose it.

use chrono::NaiveDate;

use crate::{StatusCategory, WorkItemKind};

/// A version that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFacts {
    pub external_id: String,
    pub name: String,
    pub release_on: Option<NaiveDate>,
}

/// What chose the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MembershipRule {
    /// There is one fix version.
    FixVersion,
    /// Of several, the one that comes out first.
    EarliestFixVersion,
    /// Several, and no date says which comes out first: the oldest.
    FixVersionTie,
    /// A label names another release: the field counts.
    FixVersionOverLabel,
    /// No fix version; the labels name one release.
    Label,
    EarliestLabel,
    LabelTie,
    /// Its fix versions are not among what was synced.
    UnknownVersion,
    /// It names no release.
    None,
}

impl MembershipRule {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixVersion => "fix_version",
            Self::EarliestFixVersion => "earliest_fix_version",
            Self::FixVersionTie => "fix_version_tie",
            Self::FixVersionOverLabel => "fix_version_over_label",
            Self::Label => "label",
            Self::EarliestLabel => "earliest_label",
            Self::LabelTie => "label_tie",
            Self::UnknownVersion => "unknown_version",
            Self::None => "none",
        }
    }

    /// Whether nothing speaks for another release.
    pub fn is_unambiguous(self) -> bool {
        matches!(self, Self::FixVersion | Self::EarliestFixVersion | Self::Label | Self::EarliestLabel)
    }
}

/// The release that was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub version_external_id: Option<String>,
    pub rule: MembershipRule,
    /// External ids of all versions that are named, the chosen one first.
    pub candidates: Vec<String>,
}

/// Whether an item ought to be in a release: it is done, it is what is shipped (no epic, which spans releases, and no subtask, which
/// goes with its parent), and its project has releases.
pub fn is_expected(kind: WorkItemKind, category: Option<StatusCategory>, project_versions: &[VersionFacts]) -> bool {
    let shipped = matches!(kind, WorkItemKind::Story | WorkItemKind::Bug | WorkItemKind::Task);
    shipped && category == Some(StatusCategory::Done) && !project_versions.is_empty()
}

/// Chooses among `versions`, which are the item's project's: by fix version, and where there is none by labels that begin with one of
/// `prefixes`.
pub fn decide(fix_versions: &[String], labels: &[String], versions: &[VersionFacts], prefixes: &[String]) -> Decision {
    let field = in_order(versions.iter().filter(|version| fix_versions.contains(&version.external_id)));
    let named = |label: &String| prefixes.iter().filter_map(|prefix| label.strip_prefix(prefix.as_str())).map(plain).collect::<Vec<_>>();
    let names: Vec<String> = labels.iter().flat_map(named).collect();
    let labelled = in_order(versions.iter().filter(|version| names.contains(&plain(&version.name))));
    let (rule, from) = match (field.first(), labelled.first()) {
        (Some(first), Some(_)) if !labelled.contains(first) => {
            let others = labelled.iter().filter(|version| !field.contains(version));
            (MembershipRule::FixVersionOverLabel, field.iter().chain(others).copied().collect())
        }
        (Some(_), _) => {
            (one_of(&field, MembershipRule::FixVersion, MembershipRule::EarliestFixVersion, MembershipRule::FixVersionTie), field)
        }
        (None, Some(_)) => (one_of(&labelled, MembershipRule::Label, MembershipRule::EarliestLabel, MembershipRule::LabelTie), labelled),
        (None, None) if fix_versions.is_empty() => (MembershipRule::None, Vec::new()),
        (None, None) => {
            return Decision { version_external_id: None, rule: MembershipRule::UnknownVersion, candidates: fix_versions.to_vec() };
        }
    };
    let candidates: Vec<String> = from.iter().map(|version| version.external_id.clone()).collect();
    Decision { version_external_id: candidates.first().cloned(), rule, candidates }
}

/// What decides between versions that are in order.
fn one_of(versions: &[&VersionFacts], single: MembershipRule, earliest: MembershipRule, tie: MembershipRule) -> MembershipRule {
    match versions {
        [] | [_] => single,
        [first, second, ..] if first.release_on.is_some() && first.release_on != second.release_on => earliest,
        _ => tie,
    }
}

/// By date, those without one last; ids of one date by age.
fn in_order<'a>(versions: impl Iterator<Item = &'a VersionFacts>) -> Vec<&'a VersionFacts> {
    let mut versions: Vec<&VersionFacts> = versions.collect();
    let age = |version: &VersionFacts| (version.external_id.len(), version.external_id.clone());
    versions.sort_by_key(|version| (version.release_on.is_none(), version.release_on, age(version)));
    versions
}

/// A version's name as labels can hold it: without case, and with one hyphen for spaces, underscores and hyphens.
fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.split(|c: char| c.is_whitespace() || c == '_' || c == '-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> Vec<VersionFacts> {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day);
        [("9", "1.0", day(1)), ("10", "1.1", day(20)), ("11", "2.0 Beta", None), ("12", "2.1", None), ("13", "1.1.1", day(20))]
            .map(|(id, name, release_on)| VersionFacts { external_id: id.into(), name: name.into(), release_on })
            .to_vec()
    }

    fn chosen(fix_versions: &[&str], labels: &[&str]) -> (Option<String>, &'static str, Vec<String>) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let decision = decide(&owned(fix_versions), &owned(labels), &versions(), &owned(&["release-", "rel/"]));
        (decision.version_external_id, decision.rule.as_str(), decision.candidates)
    }

    fn is(fix_versions: &[&str], labels: &[&str], version: Option<&str>, rule: &str, candidates: &[&str]) {
        let (found, by, all) = chosen(fix_versions, labels);
        assert_eq!((found.as_deref(), by), (version, rule), "{fix_versions:?} {labels:?}");
        assert_eq!(all, candidates, "{fix_versions:?} {labels:?}");
    }

    #[test]
    fn the_field_decides() {
        is(&["10"], &["backend"], Some("10"), "fix_version", &["10"]);
        is(&["10", "9"], &[], Some("9"), "earliest_fix_version", &["9", "10"]);
        // one without a date comes out later than all that have one
        is(&["11", "10"], &[], Some("10"), "earliest_fix_version", &["10", "11"]);
        // one that is not known does not count beside one that is
        is(&["10", "77"], &[], Some("10"), "fix_version", &["10"]);
    }

    #[test]
    fn without_dates_the_oldest_is_taken_and_it_is_ambiguous() {
        is(&["12", "11"], &[], Some("11"), "fix_version_tie", &["11", "12"]);
        is(&["13", "10"], &[], Some("10"), "fix_version_tie", &["10", "13"]);
        is(&[], &["rel/2.1", "release-2.0-beta"], Some("11"), "label_tie", &["11", "12"]);
    }

    #[test]
    fn labels_count_where_the_field_is_empty() {
        is(&[], &["release-1.1"], Some("10"), "label", &["10"]);
        is(&[], &["release-2.0_BETA"], Some("11"), "label", &["11"]);
        is(&[], &["rel/1.1", "release-1.0"], Some("9"), "earliest_label", &["9", "10"]);
        is(&["77"], &["release-1.0"], Some("9"), "label", &["9"]);
        is(&[], &["Release-1.0", "xrelease-1.0", "release-9.9", "1.0"], None, "none", &[]);
    }

    #[test]
    fn a_label_that_contradicts_the_field_is_a_conflict() {
        is(&["9"], &["release-1.1"], Some("9"), "fix_version_over_label", &["9", "10"]);
        is(&["9"], &["release-1.1", "release-1.0"], Some("9"), "fix_version", &["9"]);
        is(&["9", "10"], &["release-1.1"], Some("9"), "fix_version_over_label", &["9", "10"]);
    }

    #[test]
    fn what_is_not_there_is_not_chosen() {
        is(&["77"], &[], None, "unknown_version", &["77"]);
        is(&[], &[], None, "none", &[]);
    }

    #[test]
    fn done_stories_bugs_and_tasks_ought_to_be_in_a_release() {
        use StatusCategory::{Done, InProgress};
        use WorkItemKind::{Bug, Epic, Story, Subtask, Task};
        let all = versions();
        assert!([Story, Bug, Task].into_iter().all(|kind| is_expected(kind, Some(Done), &all)));
        assert!(![Epic, Subtask].into_iter().any(|kind| is_expected(kind, Some(Done), &all)));
        assert!(![Some(InProgress), None].into_iter().any(|category| is_expected(Story, category, &all)));
        assert!(!is_expected(Story, Some(Done), &[]));
    }
}
