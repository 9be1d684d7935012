//! `ovia.match_identities`. Reads, matches and writes under the organisation's lock; twice writes nothing the second time.

use ovia_domain::{IdentityId, PersonId};
use ovia_matching::{IdentityIn, Inputs, LinkClass, MatchConfig, MatchOutput, RULE_SET_VERSION};
use ovia_store::{
    StoreError,
    matching::{LinkWrite, MatchingIdentityRow, PersonWrite},
    runs::RunBegun,
};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub async fn match_identities(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(matched) = pulse::with_pulse(ctx, matching(activities, &input)).await else {
        return Err(ActivityError::cancelled());
    };
    matched.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn matching(activities: &Activities, input: &OrgRun) -> Result<(), StoreError> {
    let mut matching = activities.store.matching_begin(input.org_id).await?;
    let identities: Vec<IdentityIn> = matching.identities().await?.into_iter().map(identity_in).collect();
    let accounts = identities.len();
    let (people, links) = compute(identities).await;
    let conflicts = links.iter().filter(|link| link.status == LinkClass::Conflict.as_str()).count();
    let applied = matching.apply(input.run_id, RULE_SET_VERSION, &people, &links).await?;
    let mut result = json!({"identities": accounts, "people": people.len(), "conflicts": conflicts});
    if let (Some(result), serde_json::Value::Object(applied)) = (result.as_object_mut(), serde_json::to_value(applied)?) {
        result.extend(applied);
    }
    activities.store.run_result_set(input.org_id, input.run_id, &result).await
}

fn identity_in(row: MatchingIdentityRow) -> IdentityIn {
    let confirmed = row.link_status.as_deref() == Some(LinkClass::Confirmed.as_str());
    let person = row.person_id.map(PersonId);
    IdentityIn {
        id: IdentityId(row.id),
        source: row.source,
        host: row.base_url,
        external_id: row.external_id,
        username: row.username,
        display_name: row.display_name,
        email: row.email,
        is_bot: row.is_bot,
        current_person: person,
        confirmed_person: person.filter(|_| confirmed),
        active: None,
        weight: None,
    }
}

/// Off the async threads: a large organisation takes a while, and heartbeats must go on.
async fn compute(identities: Vec<IdentityIn>) -> (Vec<PersonWrite>, Vec<LinkWrite>) {
    let computed = 
        tokio::task::spawn_blocking(move || writes(ovia_matching::match_identities(&identities, &Inputs::default(), &MatchConfig::default())));
    match computed.await {
        Ok(writes) => writes,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// People and links to store; clusters without a person get a new one.
fn writes(output: MatchOutput) -> (Vec<PersonWrite>, Vec<LinkWrite>) {
    let people: Vec<PersonWrite> = output
        .clusters
        .iter()
        .map(|cluster| PersonWrite {
            id: cluster.person.unwrap_or_else(PersonId::generate).0,
            display_name: cluster.display_name.clone(),
            primary_email: cluster.primary_email.clone(),
            is_bot: cluster.is_bot,
        })
        .collect();
    let links = output
        .links
        .into_iter()
        .map(|link| LinkWrite {
            identity_id: link.identity.0,
            person_id: people[link.cluster].id,
            status: link.class.as_str(),
            confidence: link.confidence,
            rule: link.rule.as_str().to_owned(),
            trace: json!(link.trace),
        })
        .collect();
    (people, links)
}
