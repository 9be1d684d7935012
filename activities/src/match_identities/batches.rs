//! Writing what differs: people that change together go into one transaction, and a transaction takes many of these.

use std::collections::{BTreeMap, HashMap, HashSet};

use ovia_domain::OrgId;
use ovia_matching::Link;
use ovia_store::{
    Store, StoreError,
    links::LinkWrite,
    matching::{BatchOutcome, MatchingApplied, MatchingBy, MatchingRead, PersonWrite},
};
use serde_json::json;
use uuid::Uuid;

use super::desired::Desired;

/// Links compared in one query.
const COMPARED: usize = 2_000;
/// Links written in one transaction, unless more change together.
const WRITTEN: usize = 1_000;

/// One transaction's worth.
#[derive(Default)]
struct Batch {
    people: Vec<PersonWrite>,
    links: Vec<LinkWrite>,
}

/// Writes what differs from `read`, and adds to `applied` what it wrote, also when it has to stop in between.
pub(super) async fn write(
    store: &Store,
    org: OrgId,
    by: MatchingBy,
    read: &MatchingRead,
    desired: &Desired,
    applied: &mut MatchingApplied,
) -> Result<BatchOutcome, StoreError> {
    let changed = changed_links(store, org, desired).await?;
    let total: usize = changed.len();
    let batches = batches(read, desired, changed);
    let mut epoch = read.identity_epoch;
    let mut done = 0;
    for batch in &batches {
        match store.matching_apply(org, by, epoch, &batch.people, &batch.links).await? {
            BatchOutcome::Written(one) => {
                epoch = one.identity_epoch;
                add(applied, &one);
            }
            other => return Ok(other),
        }
        done += batch.links.len();
        if batches.len() > 1 {
            store.run_event(org, by.run, "matching_progress", json!({"links_written": done, "of": total})).await?;
        }
    }
    let swept = store.matching_sweep(org, by.run, epoch).await?;
    if let BatchOutcome::Written(one) = &swept {
        add(applied, one);
    }
    Ok(swept)
}

fn add(sum: &mut MatchingApplied, one: &MatchingApplied) {
    sum.people_written += one.people_written;
    sum.people_removed += one.people_removed;
    sum.links_written += one.links_written;
    sum.people_changed += one.people_changed;
    sum.identity_epoch = one.identity_epoch;
}

/// Links that are not what the table has, by account.
async fn changed_links(store: &Store, org: OrgId, desired: &Desired) -> Result<BTreeMap<Uuid, LinkWrite>, StoreError> {
    let mut changed = BTreeMap::new();
    for chunk in desired.links.chunks(COMPARED) {
        let mut writes = HashMap::with_capacity(chunk.len());
        for link in chunk {
            writes.insert(link.identity.0, desired.link_write(link)?);
        }
        let all: Vec<LinkWrite> = writes.values().cloned().collect();
        for identity in store.matching_diff(org, &all).await? {
            changed.extend(writes.remove_entry(&identity));
        }
    }
    Ok(changed)
}

fn batches(read: &MatchingRead, desired: &Desired, changed: BTreeMap<Uuid, LinkWrite>) -> Vec<Batch> {
    let wanted: HashMap<Uuid, &PersonWrite> = desired.people.iter().map(|person| (person.id, person)).collect();
    let mut batches: Vec<Batch> = Vec::new();
    let mut written: HashSet<Uuid> = HashSet::new();
    for component in components(read, changed) {
        if batches.last().is_none_or(|batch| batch.links.len() + component.len() > WRITTEN) {
            batches.push(Batch::default());
        }
        let Some(batch) = batches.last_mut() else { continue };
        for link in component {
            if written.insert(link.person_id) {
                batch.people.extend(wanted.get(&link.person_id).map(|person| (*person).clone()));
            }
            batch.links.push(link);
        }
    }
    // people whose accounts stay, but not their name or address
    let is_renamed = |person: &&PersonWrite| !written.contains(&person.id) && read.people.get(&person.id).is_some_and(|is| is != *person);
    let renamed: Vec<PersonWrite> = desired.people.iter().filter(is_renamed).cloned().collect();
    batches.extend(renamed.chunks(WRITTEN).map(|people| Batch { people: people.to_vec(), links: Vec::new() }));
    batches
}

/// Links that change together: connected by a person one of them leaves or joins. In the order of their first accounts.
fn components(read: &MatchingRead, changed: BTreeMap<Uuid, LinkWrite>) -> Vec<Vec<LinkWrite>> {
    let before: HashMap<Uuid, Uuid> = read.identities.iter().filter_map(|row| Some((row.id, row.person_id?))).collect();
    let mut roots: HashMap<Uuid, Uuid> = HashMap::new();
    for link in changed.values() {
        let (one, other) = (root(&mut roots, link.person_id), root(&mut roots, *before.get(&link.identity_id).unwrap_or(&link.person_id)));
        roots.insert(one, other);
    }
    let mut place: HashMap<Uuid, usize> = HashMap::new();
    let mut components: Vec<Vec<LinkWrite>> = Vec::new();
    for (_, link) in changed {
        let root = root(&mut roots, link.person_id);
        let index = *place.entry(root).or_insert_with(|| {
            components.push(Vec::new());
            components.len() - 1
        });
        components[index].push(link);
    }
    components
}

/// The person that stands for all that are connected with this one. Paths are shortened on the way.
fn root(roots: &mut HashMap<Uuid, Uuid>, person: Uuid) -> Uuid {
    let mut at = person;
    while let Some(next) = roots.get(&at).copied().filter(|next| *next != at) {
        if let Some(further) = roots.get(&next).copied() {
            roots.insert(at, further);
        }
        at = next;
    }
    at
}

/// For previews: accounts whose person or status would be another.
pub(super) fn moved<'a>(read: &MatchingRead, desired: &'a Desired) -> Vec<(usize, &'a Link)> {
    let with_index = desired.links.iter().enumerate();
    let differs = |(index, link): &(usize, &Link)| {
        let row = &read.identities[*index];
        row.person_id != Some(desired.person_of(link)) || row.link_status.as_deref() != Some(link.class.as_str())
    };
    with_index.filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_connected_by_a_chain_have_one_root() {
        let ids: Vec<Uuid> = (1..=6).map(Uuid::from_u128).collect();
        let mut roots = HashMap::new();
        for (a, b) in [(0, 1), (2, 3), (1, 2), (4, 5)] {
            let (one, other) = (root(&mut roots, ids[a]), root(&mut roots, ids[b]));
            roots.insert(one, other);
        }
        let of: Vec<Uuid> = ids.iter().map(|id| root(&mut roots, *id)).collect();
        assert!(of[..4].iter().all(|one| *one == of[0]) && of[4] == of[5] && of[0] != of[4], "{of:?}");
    }
}
