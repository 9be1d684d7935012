//! `GET /team/identity-mappings/export.csv`: every mapping as a line, with empty cells for decisions, which the import reads.

use std::{borrow::Cow, collections::HashMap};

use futures::{Stream, stream};
use ovia_domain::{IdentityId, OrgId};
use ovia_store::{Store, StoreError, links::LinkStatus, mappings::MappingRow};
use poem::Body;
use poem_openapi::{OpenApi, param::Query, payload::Binary};
use uuid::Uuid;

use super::{current, explain};
use crate::{
    auth::Caller,
    names::Name,
    problem::Problem,
    service::Tag,
    sheet::{self, CsvFile},
    state::ApiState,
};

/// The columns, in their order. Those up to `explanation` say how it is, the `candidate_` ones who else the account could be, and the last
/// three are for whoever decides.
pub(super) const COLUMNS: [&str; 24] = [
    "identity_id",
    "version",
    "source",
    "username",
    "display_name",
    "email",
    "external_id",
    "person_id",
    "person_name",
    "service_account",
    "status",
    "confidence",
    "since",
    "explanation",
    "candidate_identity_id",
    "candidate_account",
    "candidate_name",
    "candidate_email",
    "candidate_person_id",
    "candidate_person_name",
    "candidate_explanation",
    "decision",
    "decision_person",
    "reason",
];

/// Mappings read at a time.
const BATCH: i64 = 500;

pub(crate) struct ExportApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl ExportApi {
    /// All mappings as CSV
    ///
    /// For a spreadsheet: cells that could be formulas have an apostrophe in front. Enter decisions in the last columns and send the file to
    /// POST /team/identity-mappings/import; docs/people.md says how.
    #[oai(path = "/team/identity-mappings/export.csv", method = "get", operation_id = "mappings_export")]
    async fn export(
        &self,
        caller: Caller,
        /// Only those that are so: `conflict` is the queue.
        status: Query<Option<Name<LinkStatus>>>,
    ) -> Result<CsvFile, Problem> {
        let status = status.0.map(current).transpose()?;
        let lines = lines(self.0.config.store.clone(), caller.org_id(), status);
        let name = "attachment; filename=\"identity-mappings.csv\"".to_owned();
        Ok(CsvFile::Csv(Binary(Body::from_bytes_stream(lines)), name))
    }
}

/// Where reading has got to.
enum Place {
    Header,
    After(Option<IdentityId>),
}

/// The file in pieces. Reading on the way down: a database that goes away in between cuts the file, and the client is told by the cut.
fn lines(store: Store, org: OrgId, status: Option<LinkStatus>) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    stream::try_unfold((store, Place::Header), move |(store, place)| async move {
        let after = match place {
            Place::Header => return Ok(Some((header(), (store, Place::After(None))))),
            Place::After(after) => after,
        };
        let rows = store.mappings_export(org, status, after, BATCH).await.map_err(std::io::Error::other)?;
        let Some(last) = rows.last().map(|row| IdentityId(row.identity_id)) else { return Ok(None) };
        let candidates = best_candidates(&store, org, &rows).await.map_err(std::io::Error::other)?;
        let mut text = Vec::new();
        for row in &rows {
            text.extend(line(row, best_candidate(row).and_then(|candidate| candidates.get(&candidate))));
        }
        Ok(Some((text, (store, Place::After(Some(last))))))
    })
}

fn header() -> Vec<u8> {
    // without it spreadsheets take UTF-8 for something else
    let mut text = "\u{feff}".as_bytes().to_vec();
    text.extend(sheet::line(COLUMNS.map(Cow::from)));
    text
}

/// Who an account in conflict most likely is.
fn best_candidate(row: &MappingRow) -> Option<Uuid> {
    row.candidates.first().filter(|_| row.status == LinkStatus::Conflict.as_str()).map(|candidate| candidate.identity)
}

/// The mappings of these accounts' best candidates, by account.
async fn best_candidates(store: &Store, org: OrgId, rows: &[MappingRow]) -> Result<HashMap<Uuid, MappingRow>, StoreError> {
    let wanted: Vec<Uuid> = rows.iter().filter_map(best_candidate).collect();
    let found = if wanted.is_empty() { Vec::new() } else { store.mappings_of_accounts(org, &wanted).await? };
    Ok(found.into_iter().map(|row| (row.identity_id, row)).collect())
}

fn line(row: &MappingRow, candidate: Option<&MappingRow>) -> Vec<u8> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let of = |get: fn(&MappingRow) -> String| candidate.map(get).unwrap_or_default();
    let why = row.candidates.first().filter(|_| candidate.is_some()).map(|candidate| explain::candidate(&candidate.trace));
    let cells: [String; COLUMNS.len()] = [
        row.identity_id.to_string(),
        row.version.to_string(),
        row.source.clone(),
        text(&row.username),
        text(&row.display_name),
        text(&row.email),
        row.external_id.clone(),
        row.person_id.to_string(),
        row.person_name.clone(),
        if row.person_is_bot { "yes" } else { "no" }.to_owned(),
        row.status.clone(),
        format!("{:.3}", row.confidence),
        row.since.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        explain::mapping(row),
        of(|row| row.identity_id.to_string()),
        of(|row| format!("{} {}", row.source, row.username.as_deref().unwrap_or(&row.external_id))),
        of(|row| row.display_name.clone().unwrap_or_default()),
        of(|row| row.email.clone().unwrap_or_default()),
        of(|row| row.person_id.to_string()),
        of(|row| row.person_name.clone()),
        why.unwrap_or_default(),
        String::new(),
        String::new(),
        String::new(),
    ];
    sheet::line(cells.map(Cow::from))
}
