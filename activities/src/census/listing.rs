//! Reading the ids of a partition.

use ovia_connectors::{CensusRequest, ConnectorError, PullRequest, contract::CensusPage};
use ovia_domain::{ErrorCode, StreamSpec};
use ovia_store::census::{CensusState, CensusUnit};
use serde_json::Value;

use super::Census;
use crate::slice::{Stop, Walked};

const NOT_LISTED: &str = "Nothing was marked as deleted here. Check what the token may read, and take a census again.";

impl Census<'_> {
    /// Reads the partition's ids to the end, page by page, each committed with its cursor.
    pub(super) async fn list(&self, spec: &StreamSpec, state: CensusState) -> Result<Walked, Stop> {
        let unit = CensusUnit { stream: spec.name, partition: &state.partition };
        let mut cursor = state.cursor;
        let mut done = state.enumerated;
        while !done {
            let page = self.page(spec, unit.partition, cursor.as_ref()).await.map_err(Stop::Source)?;
            if let Some(reason) = page.not_available {
                let message = format!("The {} of {} cannot be listed: {reason}.", spec.title, unit.partition);
                self.give_up(unit, ErrorCode::Forbidden, message, NOT_LISTED).await?;
                return Ok(Walked::Complete);
            }
            done = page.done;
            let store = self.slice.store;
            store.census_page_commit(&self.attempt, unit, &page.external_ids, &page.cursor, done, page.requests).await?;
            cursor = Some(page.cursor);
            if let Some(stop) = self.slice.page_stored().await?
                && !done
            {
                return Ok(stop);
            }
        }
        Ok(Walked::Complete)
    }

    /// A page of ids; of a list that is whole on every walk and has no census, a page of its rows.
    async fn page(&self, spec: &StreamSpec, partition: &str, cursor: Option<&Value>) -> Result<CensusPage, ConnectorError> {
        let connector = &self.slice.connector;
        if spec.census {
            return connector.census(CensusRequest { stream: spec.name, partition, cursor }).await;
        }
        let page = connector.pull(PullRequest { stream: spec.name, partition, cursor, window: None }).await?;
        let mut external_ids: Vec<String> = page.records.into_iter().map(|record| record.external_id).collect();
        let mut not_available = page.not_available;
        for letter in page.dead_letters {
            match letter.external_id {
                Some(id) => external_ids.push(id),
                None => not_available = not_available.or(Some("it has a row whose id cannot be read".into())),
            }
        }
        Ok(CensusPage { external_ids, cursor: page.cursor, done: page.done, requests: page.requests, not_available })
    }
}
