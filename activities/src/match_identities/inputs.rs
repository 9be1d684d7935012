//! From rows to what the engine takes.

use std::collections::HashMap;

use ovia_domain::{IdentityId, PersonId};
use ovia_matching::{Activity, CoOccurrence, CoOccurrenceKind, Decisions, IdentityIn, Inputs, LinkClass};
use ovia_store::{
    account_activity::AccountActivityRow,
    matching::{CoOccurrenceRow, MatchingIdentityRow, MatchingRead},
};
use uuid::Uuid;

pub(super) fn identities(read: &MatchingRead) -> Vec<IdentityIn> {
    let activity: HashMap<Uuid, &AccountActivityRow> = read.activity.iter().map(|row| (row.identity_id, row)).collect();
    read.identities.iter().map(|row| identity_in(row, activity.get(&row.id).copied())).collect()
}

pub(super) fn inputs(read: &MatchingRead) -> Inputs {
    let never_together = read.never_together.iter().map(|(a, b)| (IdentityId(*a), IdentityId(*b))).collect();
    Inputs {
        decisions: Decisions { never_together, together: Vec::new() },
        co_occurrences: read.co_occurrences.iter().filter_map(co_occurrence).collect(),
    }
}

fn identity_in(row: &MatchingIdentityRow, activity: Option<&AccountActivityRow>) -> IdentityIn {
    let confirmed = row.link_status.as_deref() == Some(LinkClass::Confirmed.as_str());
    let person = row.person_id.map(PersonId);
    IdentityIn {
        id: IdentityId(row.id),
        source: row.source.clone(),
        host: row.base_url.clone(),
        external_id: row.external_id.clone(),
        username: row.username.clone(),
        display_name: row.display_name.clone(),
        email: row.email.clone(),
        is_bot: row.is_bot,
        current_person: person,
        confirmed_person: person.filter(|_| confirmed),
        activity: activity.map(activity_in),
        weight: None,
    }
}

fn activity_in(row: &AccountActivityRow) -> Activity {
    let mut hours = [0; 24];
    // a check of the table holds it to 24 counts
    for (hour, count) in hours.iter_mut().zip(&row.hours) {
        *hour = u32::try_from(*count).unwrap_or_default();
    }
    Activity { hours, projects: row.projects.clone() }
}

fn co_occurrence(row: &CoOccurrenceRow) -> Option<CoOccurrence> {
    let kind = match row.kind.as_str() {
        "merge_request_commit" => CoOccurrenceKind::MergeRequestCommit,
        "issue_branch" => CoOccurrenceKind::IssueBranch,
        _ => return None,
    };
    Some(CoOccurrence { a: IdentityId(row.a), b: IdentityId(row.b), kind, count: u32::try_from(row.count).unwrap_or(u32::MAX) })
}
