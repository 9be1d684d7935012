//! Since when each scope has merge requests and work items, whatever their age.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::ConnectionId;
use ovia_kpi::{Facts, First, FirstOf, FirstScope, PersonKey};
use ovia_store::{
    StoreError,
    kpi::{
        base::{AccountMembership, FirstsOf},
        facts::KpiReader,
    },
};
use uuid::Uuid;

use super::keys::Keys;

/// The accounts of people: connection and external id.
type Accounts = HashMap<PersonKey, Vec<(Uuid, String)>>;

pub(super) async fn read(
    reader: &mut KpiReader,
    facts: &mut Facts,
    keys: &mut Keys,
    accounts: &Accounts,
) -> Result<Vec<First>, StoreError> {
    let memberships = memberships(facts, accounts);
    let mut firsts = Vec::new();
    for (of, rows) in [(FirstOf::MergeRequest, FirstsOf::MergeRequests), (FirstOf::WorkItem, FirstsOf::WorkItems)] {
        for row in reader.firsts(rows, &memberships).await? {
            // a connection that is gone has no figures
            if !reader.is_live(row.connection_id) {
                continue;
            }
            let mut add = |scope| firsts.push(First { of, scope, at: row.at });
            match row.of.as_str() {
                "project" => {
                    add(FirstScope::Organisation);
                    add(FirstScope::Project(keys.project_add(facts, row.connection_id, &row.id)));
                }
                "membership" => {
                    let member = usize::try_from(row.membership).ok().and_then(|number| facts.team_memberships.get(number));
                    member.into_iter().for_each(|member| add(FirstScope::Team(member.team)));
                }
                _ => {
                    let person = facts.identity_known(ConnectionId(row.connection_id), &row.id).map(|key| facts.person_behind(key));
                    let linked = person.filter(|person| (person.0 as usize) < facts.person_ids().len());
                    linked.into_iter().for_each(|person| add(FirstScope::Person(person)));
                }
            }
        }
    }
    Ok(firsts)
}

fn memberships(facts: &Facts, accounts: &Accounts) -> Vec<AccountMembership> {
    let rows = facts.team_memberships.iter().zip(0i64..);
    rows.flat_map(|(row, number)| {
        accounts.get(&row.person).into_iter().flatten().map(move |(connection_id, external_id)| AccountMembership {
            connection_id: *connection_id,
            external_id: external_id.clone(),
            from: row.from.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
            to: row.to.unwrap_or_else(far),
            number,
        })
    })
    .collect()
}

/// Later than any row.
fn far() -> DateTime<Utc> {
    DateTime::from_timestamp(32_503_680_000, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
