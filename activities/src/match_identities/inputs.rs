//! From rows to what the engine takes.

use ovia_domain::{IdentityId, PersonId};
use ovia_matching::{CoOccurrence, CoOccurrenceKind, Decisions, IdentityIn, Inputs, LinkClass};
use ovia_store::matching::{CoOccurrenceRow, MatchingIdentityRow, MatchingRead};

pub(super) fn identities(read: &MatchingRead) -> Vec<IdentityIn> {
    read.identities.iter().map(identity_in).collect()
}

pub(super) fn inputs(read: &MatchingRead) -> Inputs {
    let never_together = read.never_together.iter().map(|(a, b)| (IdentityId(*a), IdentityId(*b))).collect();
    Inputs {
        decisions: Decisions { never_together, together: Vec::new() },
        co_occurrences: read.co_occurrences.iter().filter_map(co_occurrence).collect(),
    }
}

fn identity_in(row: &MatchingIdentityRow) -> IdentityIn {
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
        activity: None,
        weight: None,
    }
}

fn co_occurrence(row: &CoOccurrenceRow) -> Option<CoOccurrence> {
    let kind = match row.kind.as_str() {
        "merge_request_commit" => CoOccurrenceKind::MergeRequestCommit,
        "issue_branch" => CoOccurrenceKind::IssueBranch,
        _ => return None,
    };
    Some(CoOccurrence { a: IdentityId(row.a), b: IdentityId(row.b), kind, count: u32::try_from(row.count).unwrap_or(u32::MAX) })
}
