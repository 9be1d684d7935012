//! Incidents and the deployments they are put down to, as they are stored.

use std::collections::BTreeMap;

use ovia_kpi::Facts;
use ovia_store::kpi::incidents::NewAttribution;

use super::attempt::name_of;

/// Which deployment each incident is held to come from.
pub(super) fn attributions(facts: &Facts) -> Vec<NewAttribution> {
    let found = facts.given.iter().flat_map(|given| &given.attributions);
    let known: BTreeMap<_, _> = found.map(|one| (one.item, one)).collect();
    let incidents = facts.work_items.iter();
    incidents
        .map(|incident| {
            let one = known.get(&incident.item);
            NewAttribution {
                incident_table: match incident.item.table {
                    ovia_kpi::ItemTable::WorkItems => "work_items",
                    ovia_kpi::ItemTable::Issues => "issues",
                },
                incident_id: incident.item.id,
                deployment_id: one.and_then(|one| one.deployment_id),
                rule: one.map_or_else(|| "none".to_owned(), |one| name_of(&one.rule)),
                confidence: one.map_or(0.0, |one| one.confidence),
            }
        })
        .collect()
}
