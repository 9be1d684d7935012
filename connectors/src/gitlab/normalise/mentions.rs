//! Keys of work items that merge requests and their commits mention, and where.

use ovia_domain::{Entity, References, work_item_keys};

use crate::gitlab::wire;

/// What the row of a merge request mentions. Places without keys are told too: they may have had some before.
pub fn in_merge_request(row: &wire::MergeRequest) -> [Entity; 3] {
    let places = [("title", Some(&row.title)), ("branch", row.source_branch.as_ref()), ("description", row.description.as_ref())];
    places.map(|(place, text)| references(&row.id.0, place, format!("merge_requests:{}:{place}", row.id.0), text))
}

/// What a commit of a merge request mentions: in its message, of which lists of some servers have the first line only.
pub fn in_commit(merge_request: &str, commit: &wire::Commit) -> Entity {
    let external_id = format!("merge_requests:{merge_request}:commit:{}", commit.id);
    references(merge_request, "commit", external_id, commit.message.as_ref().or(commit.title.as_ref()))
}

fn references(merge_request: &str, place: &str, external_id: String, text: Option<&String>) -> Entity {
    Entity::References(References {
        external_id,
        from_table: "merge_requests".to_owned(),
        from_external_id: merge_request.to_owned(),
        place: place.to_owned(),
        keys: text.map(|text| work_item_keys(text)).unwrap_or_default(),
    })
}
