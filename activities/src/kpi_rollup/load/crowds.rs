//! Which deployment brought whose merge requests to production.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_kpi::{Calendar, Containment, DatedRow, Facts, IdentityKey, KpiSettings, MergedRow, PersonKey, Sha};
use ovia_store::{
    StoreError,
    kpi::{base::MergedAsked, facts::KpiReader},
};
use tracing::warn;

use super::{
    super::{
        day_rows,
        days::{KnownDays, days_between},
    },
    Base, WentOut,
};

type Time = DateTime<Utc>;

/// An author nobody is linked to.
const STRANGER: PersonKey = PersonKey(u32::MAX);

impl Base {
    /// Finds out whose merge requests each deployment brought, and which merge requests went out later than they were merged. Of deployments
    /// of days whose authors are `known` it is what was kept. Answers the days up to `until` whose authors are to be kept, each as
    /// `[begin, end)`.
    pub(in super::super) async fn crowds_read_new(
        &mut self,
        reader: &mut KpiReader,
        settings: &KpiSettings,
        known: &KnownDays,
        until: Time,
    ) -> Result<Vec<(Time, Time)>, StoreError> {
        let calendar = Calendar::new(settings.tz());
        let deliveries = self.facts.deployments.iter().filter(|row| row.is_delivery(settings));
        let first = deliveries.map(|row| calendar.midnight(calendar.date(row.at()))).min().unwrap_or(until);
        let new_from = known.unknown_from(first, until.max(first));
        let mut crowds = vec![Vec::new(); self.facts.deployments.len()];
        let days = days_between(calendar, first, until);
        if new_from > first {
            if self.kept_authors(reader, (first, new_from), &mut crowds).await? {
                self.crowds_add(reader, settings, Some(new_from), crowds).await?;
                return Ok(days.filter(|day| !known.contains(day.0)).collect());
            }
            warn!("KPIs: what is kept of deployments' authors cannot be read; merge requests are");
        }
        self.crowds_read(reader, settings).await?;
        Ok(days.collect())
    }

    /// Finds out the same of all deployments, from merge requests alone.
    pub async fn crowds_read(&mut self, reader: &mut KpiReader, settings: &KpiSettings) -> Result<(), StoreError> {
        let crowds = vec![Vec::new(); self.facts.deployments.len()];
        self.crowds_add(reader, settings, None, crowds).await
    }

    /// Makes sure that what went out at `from` or later is known (`None`: at any time).
    pub(in super::super) async fn went_out_since(
        &mut self,
        reader: &mut KpiReader,
        settings: &KpiSettings,
        from: Option<Time>,
    ) -> Result<(), StoreError> {
        let is_known = self.went_out_from.is_none_or(|known| from.is_some_and(|from| known <= from));
        if is_known { Ok(()) } else { self.crowds_read(reader, settings).await }
    }

    /// The authors of each deployment as rows to be kept, ascending.
    pub(in super::super) fn authors(&self) -> Vec<DatedRow> {
        let crowds = self.facts.given.iter().flat_map(|given| &given.crowds);
        let mut rows: Vec<DatedRow> = self
            .facts
            .deployments
            .iter()
            .zip(crowds)
            .flat_map(|(row, crowd)| {
                crowd.iter().map(|person| DatedRow {
                    at: row.at().timestamp_micros(),
                    id: row.id,
                    value: 0.0,
                    mark: 0,
                    project: row.project,
                    person: (*person != STRANGER).then_some(*person),
                })
            })
            .collect();
        rows.sort_by_key(|row| (row.at, row.id));
        rows
    }

    /// Adds what is kept of the days of `[from, until)`; `false` where it cannot be read.
    async fn kept_authors(
        &mut self,
        reader: &mut KpiReader,
        (from, until): (Time, Time),
        crowds: &mut [Vec<PersonKey>],
    ) -> Result<bool, StoreError> {
        let (mut rows, mut readable) = (Vec::new(), true);
        let facts = &mut self.facts;
        reader
            .day_rows(day_rows::AUTHORS, (from, until), |day, bytes| readable = readable && day_rows::read(bytes, day, facts, &mut rows))
            .await?;
        let index = index(facts);
        for row in rows {
            if let Some(crowd) = index.get(&row.id).and_then(|index| crowds.get_mut(*index)) {
                crowd.push(row.person.unwrap_or(STRANGER));
            }
        }
        Ok(readable)
    }

    /// Adds the authors of deployments at `from` or later to `crowds`.
    async fn crowds_add(
        &mut self,
        reader: &mut KpiReader,
        settings: &KpiSettings,
        from: Option<Time>,
        mut crowds: Vec<Vec<PersonKey>>,
    ) -> Result<(), StoreError> {
        let (facts, keys) = (&self.facts, &self.keys);
        let containment = Containment::new(facts, settings);
        let mut went_out = Vec::new();
        if let Some(asked) = asked(&containment, from) {
            let index = index(facts);
            let sha = |sha: Option<&str>| sha.and_then(Sha::parse);
            reader
                .merged(&asked, |row| {
                    let Some(project) = keys.project(row.connection_id, row.project_external_id) else { return };
                    let (head_sha, merge_sha, squash_sha) = (sha(row.head_sha), sha(row.merge_commit_sha), sha(row.squash_commit_sha));
                    let merged = MergedRow { id: row.id, project, merged_at: row.merged_at, head_sha, merge_sha, squash_sha };
                    let Some((deployment, _)) = containment.first(&merged) else { return };
                    if from.is_some_and(|from| deployment.at() < from) {
                        return;
                    }
                    if deployment.at() != row.merged_at {
                        went_out.push(WentOut { merge_request_id: row.id, merged_at: row.merged_at, at: deployment.at() });
                    }
                    let Some(author) = row.author_external_id else { return };
                    let account = keys.account(row.connection_id, author);
                    if account.is_some_and(|account| facts.is_bot(Some(account.key), account.is_bot)) {
                        return;
                    }
                    if let Some(crowd) = index.get(&deployment.id).and_then(|index| crowds.get_mut(*index)) {
                        crowd.push(account.map_or(STRANGER, |account| person(facts, account.key)));
                    }
                })
                .await?;
        }
        for crowd in &mut crowds {
            crowd.sort_unstable();
            crowd.dedup();
            crowd.shrink_to_fit();
        }
        went_out.shrink_to_fit();
        self.went_out = went_out;
        self.went_out_from = from;
        if let Some(given) = &mut self.facts.given {
            given.crowds = crowds;
        }
        Ok(())
    }
}

/// Merge requests that deployments at `from` or later may have brought. `None` where there is no such deployment.
fn asked(containment: &Containment<'_>, from: Option<Time>) -> Option<MergedAsked> {
    let mut asked = MergedAsked { since: Some(Time::MAX_UTC), deployments: Vec::new() };
    for (_, rows) in containment.deliveries() {
        let old = from.map_or(0, |from| rows.partition_point(|row| row.at() < from));
        if let Some(new) = rows.get(old..).filter(|new| !new.is_empty()) {
            asked.deployments.extend(new.iter().map(|row| row.id));
            // the one before brought what was merged until then
            asked.since = asked.since.min(old.checked_sub(1).and_then(|before| rows.get(before)).map(|row| row.at()));
        }
    }
    (!asked.deployments.is_empty()).then_some(asked)
}

fn index(facts: &Facts) -> HashMap<i64, usize> {
    facts.deployments.iter().enumerate().map(|(index, row)| (row.id, index)).collect()
}

fn person(facts: &Facts, account: IdentityKey) -> PersonKey {
    let person = facts.person_behind(account);
    if (person.0 as usize) < facts.person_ids().len() { person } else { STRANGER }
}
