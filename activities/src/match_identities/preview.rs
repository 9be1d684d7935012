//! What another configuration would do. Writes nothing but the run's result.

use std::collections::HashMap;

use ovia_domain::{OrgId, RunId};
use ovia_matching::{Link, LinkClass, MatchConfig, Matcher};
use ovia_store::{
    Store, StoreError,
    matching::{MatchingIdentityRow, MatchingRead},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Matched, batches,
    desired::{self, Desired},
};

/// Accounts shown of those that would move.
const SAMPLE: usize = 50;

/// Tries `config` on the accounts as they are, and keeps what it would do as the run's result.
pub async fn preview(store: &Store, org: OrgId, run: RunId, config: &Value) -> Result<Matched, StoreError> {
    let result = match parse(config) {
        Ok(config) => {
            let read = store.matching_read(org).await?;
            let matcher = std::sync::Arc::new(std::sync::Mutex::new(Matcher::new(config)));
            let (desired, read) = desired::compute(matcher, read).await;
            report(&read, &desired)
        }
        Err(problems) => json!({"preview": true, "problems": problems}),
    };
    store.run_result_set(org, run, &result).await?;
    Ok(Matched::Done(result))
}

fn parse(config: &Value) -> Result<MatchConfig, Vec<Value>> {
    let config: MatchConfig = serde_json::from_value(config.clone()).map_err(|error| {
        vec![json!({"field": "config", "message": error.to_string(), "hint": "See the configuration's documentation."})]
    })?;
    match config.validate() {
        Ok(()) => Ok(config),
        Err(problems) => Err(problems.iter().map(|problem| json!(problem)).collect()),
    }
}

fn report(read: &MatchingRead, desired: &Desired) -> Value {
    let moved = batches::moved(read, desired);
    let was_conflict = |row: &MatchingIdentityRow| row.link_status.as_deref() == Some(LinkClass::Conflict.as_str());
    let row = |index: usize| &read.identities[index];
    let is_conflict = |link: &Link| link.class == LinkClass::Conflict;
    let people_now: std::collections::HashSet<Uuid> = read.identities.iter().filter_map(|row| row.person_id).collect();
    let sample: Vec<Value> = moved.iter().take(SAMPLE).map(|(index, link)| sampled(read, desired, row(*index), link)).collect();
    json!({
        "preview": true,
        "problems": [],
        "config_version": read.config.as_ref().map_or(0, |config| config.version),
        "identities": read.identities.len(),
        "people_now": people_now.len(),
        "people_then": desired.people.len(),
        "moved": moved.len(),
        "conflicts_now": read.identities.iter().filter(|row| was_conflict(row)).count(),
        "conflicts_then": desired.conflicts(),
        "conflicts_raised": moved.iter().filter(|(index, link)| is_conflict(link) && !was_conflict(row(*index))).count(),
        "conflicts_settled": moved.iter().filter(|(index, link)| !is_conflict(link) && was_conflict(row(*index))).count(),
        "sample": sample,
    })
}

fn sampled(read: &MatchingRead, desired: &Desired, row: &MatchingIdentityRow, link: &Link) -> Value {
    let people: &HashMap<_, _> = &read.people;
    let name = |id: Uuid| people.get(&id).map(|person| person.display_name.clone());
    let person = &desired.people[link.cluster];
    let is_known = read.identities.iter().any(|row| row.person_id == Some(person.id));
    let from = row.person_id.map(|id| json!({"person_id": id, "person_name": name(id), "status": row.link_status}));
    json!({
        "identity": row.id,
        "source": row.source,
        "username": row.username,
        "display_name": row.display_name,
        "from": from,
        "to": {
            "person_id": is_known.then_some(person.id),
            "person_name": name(person.id).unwrap_or_else(|| person.display_name.clone()),
            "status": link.class,
            "confidence": link.confidence,
            "rule": link.rule,
            "sentence": ovia_matching::sentence(link),
        },
    })
}
