//! From a complete list to tombstones: compare, ask, sweep.

use futures::{StreamExt, stream};
use ovia_connectors::{ConnectorError, contract::Presence};
use ovia_domain::{Entity, ErrorCode, Record, StreamSpec};
use ovia_store::census::{CensusUnit, Compared, Doomed, Missing, Tombstone, Vanished};

use super::{Census, CensusParams};
use crate::slice::{Stop, Walked};

/// Missing rows that are asked for before the answers are stored.
const ASKED_TOGETHER: i64 = 64;
/// Records tombstoned in one transaction.
const SWEPT_TOGETHER: i64 = 100;
/// So few missing rows are never too many: each is asked for.
const FEW: i64 = 5;

const HELD: &str =
    "Nothing was marked as deleted here. If this is right, take a census again with allow_empty or a higher max_missing_percent.";

impl Census<'_> {
    /// Compares a unit that was read to its end, asks for what is missing, and tombstones what is gone.
    pub(super) async fn judge(
        &self,
        unit: CensusUnit<'_>,
        selected: Option<&[String]>,
        compared: bool,
        children: &[&str],
    ) -> Result<Walked, Stop> {
        let store = self.slice.store;
        let found = store.census_compare(&self.attempt, unit, selected).await?;
        if !compared {
            if let Some(message) = held(unit, &found, self.params) {
                self.give_up(unit, ErrorCode::Conflict, message, HELD).await?;
                return Ok(Walked::Complete);
            }
            store.census_missing_write(&self.attempt, unit, selected).await?;
        }
        let walked = self.ask(unit).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
        loop {
            let doomed = store.census_doomed_next(&self.attempt, unit, SWEPT_TOGETHER).await?;
            if doomed.is_empty() {
                break;
            }
            if let Some(stop) = self.sweep(unit, doomed, children).await? {
                return Ok(stop);
            }
        }
        let note = (found.returned > 0).then(|| format!("{} came back; the next sync fetches them.", rows(found.returned)));
        store.census_unit_done(&self.attempt, unit, note.as_deref()).await?;
        Ok(Walked::Complete)
    }

    /// Rows in partitions whose record is gone are gone with it.
    pub(super) async fn orphans(&self, spec: &StreamSpec, parent: &str, children: &[&str]) -> Result<Walked, Stop> {
        loop {
            let doomed = self.slice.store.census_orphans_next(&self.attempt, spec.name, parent, SWEPT_TOGETHER).await?;
            if doomed.is_empty() {
                return Ok(Walked::Complete);
            }
            if let Some(stop) = self.sweep(CensusUnit { stream: spec.name, partition: "" }, doomed, children).await? {
                return Ok(stop);
            }
        }
    }

    /// Asks the source for every missing row: a list that moved while it was read misses rows that are there.
    async fn ask(&self, unit: CensusUnit<'_>) -> Result<Walked, Stop> {
        loop {
            let missing = self.slice.store.census_missing_next(&self.attempt, unit, ASKED_TOGETHER).await?;
            if missing.is_empty() {
                return Ok(Walked::Complete);
            }
            let in_flight = self.slice.connector.max_in_flight().max(1);
            let mut answers = stream::iter(missing).map(|row| self.presence(unit, row)).buffer_unordered(in_flight);
            let mut verdicts = Vec::new();
            let mut failed = None;
            while let Some((external_id, answer)) = answers.next().await {
                match answer {
                    Ok(verdict) => verdicts.push((external_id, verdict)),
                    Err(error) => failed = Some(error),
                }
            }
            self.slice.store.census_verdicts(&self.attempt, unit, &verdicts).await?;
            if let Some(error) = failed {
                return Err(Stop::Source(error));
            }
            if let Some(stop) = self.slice.page_stored().await? {
                return Ok(stop);
            }
        }
    }

    async fn presence(&self, unit: CensusUnit<'_>, row: Missing) -> (String, Result<Option<Vanished>, ConnectorError>) {
        let partition = row.partition.as_deref().unwrap_or(unit.partition);
        let answer = match self.slice.connector.presence(unit.stream, partition, &row.external_id, Some(&row.payload)).await {
            Ok(Presence::Present) => Ok(None),
            Ok(Presence::Deleted) => Ok(Some(Vanished::Deleted)),
            Ok(Presence::NotVisible) => Ok(Some(Vanished::NotVisible)),
            // it is not listed, and the source has no way to ask for one
            Err(ConnectorError::Configuration { .. }) => Ok(Some(Vanished::NotVisible)),
            Err(error) => Err(error),
        };
        (row.external_id, answer)
    }

    async fn sweep(&self, unit: CensusUnit<'_>, doomed: Vec<Doomed>, children: &[&str]) -> Result<Option<Walked>, Stop> {
        let tombstones: Vec<Tombstone> = doomed.into_iter().map(|row| self.tombstone(unit, row)).collect();
        self.slice.store.census_sweep(&self.attempt, unit, &tombstones, children).await?;
        self.slice.page_stored().await
    }

    /// What a row's payload says about it. One that can no longer be read has no domain rows to speak of.
    fn tombstone(&self, unit: CensusUnit<'_>, row: Doomed) -> Tombstone {
        let partition = row.partition.as_deref().unwrap_or(unit.partition);
        let records = self.slice.connector.normalise(unit.stream, partition, row.payload).unwrap_or_default();
        let record = records.into_iter().find(|record| record.external_id == row.external_id);
        let (entities, details) = record.map(belongings).unwrap_or_default();
        Tombstone { external_id: row.external_id, verdict: row.verdict, entities, details }
    }
}

/// The domain rows a record is about, and the detail streams of these rows. Accounts outlive whatever mentions them.
fn belongings(record: Record) -> (Vec<(&'static str, String)>, Vec<String>) {
    let is_account = |entity: &Entity| matches!(entity, Entity::Identity(_) | Entity::IdentityRef(_));
    let about_an_account = record.entities.iter().all(is_account);
    let entities: Vec<(&'static str, String)> = record
        .entities
        .iter()
        .filter(|entity| about_an_account || !is_account(entity))
        .map(Entity::table_and_key)
        .map(|(table, key)| (table, key.to_owned()))
        .collect();
    let details = record
        .details
        .into_iter()
        .filter(|detail| detail.external_id == record.external_id && entities.iter().any(|(_, key)| *key == detail.external_id))
        .map(|detail| detail.stream)
        .collect();
    (entities, details)
}

/// Why nothing may be concluded from a list.
fn held(unit: CensusUnit<'_>, found: &Compared, params: CensusParams) -> Option<String> {
    let of = if unit.partition.is_empty() { String::new() } else { format!(" of {}", unit.partition) };
    let name = unit.stream.replace('_', " ");
    if found.listed == 0 && found.missing > 0 && !params.allow_empty {
        return Some(format!(
            "The source lists no {name}{of}; {} stored.",
            if found.missing == 1 { "1 is".into() } else { format!("{} are", found.missing) }
        ));
    }
    let percent = found.missing * 100 / found.stored.max(1);
    (found.missing > FEW && percent > params.max_missing_percent)
        .then(|| format!("The source no longer lists {} of {} {name}{of}: {percent} %.", found.missing, found.stored))
}

fn rows(count: i64) -> String {
    if count == 1 { "1 row".into() } else { format!("{count} rows") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(listed: i64, stored: i64, missing: i64) -> Compared {
        Compared { listed, stored, missing, returned: 0 }
    }

    #[test]
    fn empty_lists_and_lists_that_miss_too_much_are_not_believed() {
        let unit = CensusUnit { stream: "merge_requests", partition: "7" };
        let params = CensusParams::default();
        let why = |found: Compared, params: CensusParams| held(unit, &found, params);
        assert_eq!(why(found(0, 0, 0), params), None, "nothing there, nothing stored");
        assert_eq!(why(found(0, 1, 1), params).as_deref(), Some("The source lists no merge requests of 7; 1 is stored."));
        assert_eq!(why(found(0, 1, 1), CensusParams { allow_empty: true, ..params }), None);
        assert_eq!(why(found(69, 100, 31), params).as_deref(), Some("The source no longer lists 31 of 100 merge requests of 7: 31 %."));
        assert_eq!(why(found(70, 100, 30), params), None);
        assert_eq!(why(found(3, 6, 3), params), None, "a few are asked for one by one");
        assert_eq!(why(found(69, 100, 31), CensusParams { max_missing_percent: 50, ..params }), None);
    }
}
