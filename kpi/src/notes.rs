//! What is said next to a figure that is built on stale, wrong or thin data. `docs/quality.md` says it in words.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{
    Aggregate, ConnectionId, MetricKey,
    quality::{CheckFact, InputFacts, QUALITY_DAYS, QualityCheck, QualityStatus, StreamFact, table_of_stream, tables_of_source},
};
use serde_json::Value;

use crate::{KpiSettings, lateness::is_late, metric};

type Time = DateTime<Utc>;

/// Why a figure is to be read with care.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// `stale_data`, `old_figures`, `few_rows`, `unmapped_authors`, `unlinked_deployments`, `incomplete_changelogs`, `missing_parts`, or the
    /// key of a `QualityCheck`.
    pub code: &'static str,
    /// `Warn` or `Fail`.
    pub severity: QualityStatus,
    /// What is the matter, as a sentence.
    pub sentence: String,
    /// Since when, where it has a beginning.
    pub since: Option<Time>,
    /// Whose data it is about; `None`: the figure itself.
    pub connection: Option<(ConnectionId, String)>,
}

/// The figure that notes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct NotedFigure<'a> {
    pub metric: MetricKey,
    /// `organisation`, `team`, `project`, `person`.
    pub scope_kind: &'a str,
    /// Of a project `{connection_id}:{external id}`: its connection's data alone concerns it.
    pub scope_id: &'a str,
    pub window_end: Time,
    /// `None`: no data.
    pub value: Option<f64>,
    pub row_count: i64,
    /// As snapshots have it; `Null` where nothing is known.
    pub coverage: &'a Value,
}

/// What notes are told from: read once for all figures of a page.
#[derive(Clone, Debug)]
pub struct NoteBook {
    inputs: InputFacts,
    min_rows: u32,
    min_coverage: f64,
    stale_after_syncs: u32,
    /// The moment the figures are for.
    as_of: Option<Time>,
    now: Time,
}

/// Shares of `coverage` that are told of when they are low: their name, the code of the note, and what is missing.
const SHARES: [(&str, &str, &str); 3] = [
    ("mapped_authors", "unmapped_authors", "belong to a person; the others are in no team's and no person's figures"),
    (
        "linked_deployments",
        "unlinked_deployments",
        "are linked to their deployment by the source or a commit; of the others the order of time tells",
    ),
    ("complete_changelogs", "incomplete_changelogs", "have a complete history of their status; the others may be wrong"),
];

/// Streams that are named in one note.
const NAMED: usize = 3;

impl NoteBook {
    /// `as_of` is the moment the figures were computed for; `None` before the first time.
    pub fn new(inputs: InputFacts, settings: &KpiSettings, as_of: Option<Time>, now: Time) -> Self {
        Self {
            inputs,
            min_rows: settings.min_rows,
            min_coverage: settings.min_coverage,
            stale_after_syncs: settings.stale_after_syncs,
            as_of,
            now,
        }
    }

    /// What is to be said next to `figure`, what makes it wrong first; nothing if all is well.
    pub fn of(&self, figure: &NotedFigure<'_>) -> Vec<Note> {
        let inputs = inputs_of(figure.metric);
        let tables: BTreeSet<&str> = inputs.iter().map(|input| table(input)).collect();
        let connection = (figure.scope_kind == "project").then(|| figure.scope_id.split(':').next().unwrap_or_default());
        let concerns = |of: ConnectionId| connection.is_none_or(|one| one == of.to_string());

        let streams: Vec<&StreamFact> =
            self.inputs.streams.iter().filter(|stream| concerns(stream.connection) && feeds(stream, &tables)).collect();
        let mut notes = self.stale(&streams, figure.window_end);
        notes.extend(self.old(&streams, figure.window_end));
        let checks = self.inputs.checks.iter().filter(|fact| {
            let days = if fact.check == QualityCheck::SuddenDrop { 7 } else { i64::from(QUALITY_DAYS) };
            concerns(fact.connection)
                && is_about(fact, figure.metric, &inputs)
                && figure.window_end > fact.checked_at - TimeDelta::days(days)
        });
        notes.extend(checks.map(|fact| Note {
            code: fact.check.as_str(),
            severity: fact.status,
            sentence: fact.detail.clone(),
            since: fact.since,
            connection: Some((fact.connection, fact.connection_name.clone())),
        }));
        if figure.value.is_some() {
            notes.extend(self.thin(figure));
        }
        notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
        notes
    }

    /// One note for each connection whose streams were not read for too long, as of the window's end.
    fn stale(&self, streams: &[&StreamFact], window_end: Time) -> Vec<Note> {
        let until = self.now.min(window_end);
        let since = |stream: &StreamFact| stream.last_success_at.unwrap_or(stream.created_at);
        streams
            .chunk_by(|a, b| a.connection == b.connection)
            .filter_map(|of_one| {
                let mut late: Vec<&StreamFact> = of_one.iter().copied().filter(|stream| self.is_stale(stream, until)).collect();
                late.sort_by_key(|stream| since(stream));
                let oldest = *late.first()?;
                let badly = late.iter().any(|stream| is_late(stream, since(stream), until, self.stale_after_syncs.saturating_mul(2)));
                Some(Note {
                    code: "stale_data",
                    severity: if badly { QualityStatus::Fail } else { QualityStatus::Warn },
                    sentence: self.stale_sentence(&late, oldest),
                    since: Some(since(oldest)),
                    connection: Some((oldest.connection, oldest.connection_name.clone())),
                })
            })
            .collect()
    }

    fn is_stale(&self, stream: &StreamFact, until: Time) -> bool {
        match stream.last_success_at {
            Some(at) => is_late(stream, at, until, self.stale_after_syncs),
            // nothing of it was ever read: not of times that are over either
            None => true,
        }
    }

    fn stale_sentence(&self, late: &[&StreamFact], oldest: &StreamFact) -> String {
        let name = &oldest.connection_name;
        if late.iter().all(|stream| stream.stream.is_none()) {
            return format!("{name} has not been synced yet.");
        }
        let names: Vec<String> = late.iter().filter_map(|stream| stream.stream.as_deref()).map(|name| name.replace('_', " ")).collect();
        let streams = listed(&names);
        let Some(at) = oldest.last_success_at else {
            return format!("Of {name}, {streams} {} never read to the end.", if names.len() == 1 { "was" } else { "were" });
        };
        let syncs = self.stale_after_syncs;
        let missed = match (oldest.interval_seconds, &oldest.cron) {
            (None, None) => format!("without a schedule, more than {syncs} days are late"),
            _ => format!("more than {syncs} syncs of its schedule have been due since"),
        };
        format!(
            "Of {name}, {streams} {} last read to the end {} ago; {missed}.",
            if names.len() == 1 { "was" } else { "were" },
            span(self.now - at)
        )
    }

    /// Data has come in since the figures were computed, and they were not computed again.
    fn old(&self, streams: &[&StreamFact], window_end: Time) -> Option<Note> {
        let as_of = self.as_of?;
        let newest = streams.iter().max_by_key(|stream| stream.last_success_at)?;
        let until = newest.last_success_at?.min(window_end);
        is_late(newest, as_of, until, self.stale_after_syncs).then(|| Note {
            code: "old_figures",
            severity: QualityStatus::Warn,
            sentence: format!("The figures were computed {} ago; what was read since then is not in them.", span(self.now - as_of)),
            since: Some(as_of),
            connection: None,
        })
    }

    /// Too few rows for a typical value, and shares of the rows of which too little is known.
    fn thin(&self, figure: &NotedFigure<'_>) -> Vec<Note> {
        let note = |code, sentence| Note { code, severity: QualityStatus::Warn, sentence, since: None, connection: None };
        let mut notes = Vec::new();
        let typical = matches!(metric(figure.metric).definition.aggregate, Aggregate::Median | Aggregate::Mean);
        if typical && figure.row_count < i64::from(self.min_rows) {
            let rows = if figure.row_count == 1 { "One row is".to_owned() } else { format!("{} rows are", figure.row_count) };
            notes.push(note("few_rows", format!("{rows} behind it: fewer than {} say little about what is usual.", self.min_rows)));
        }
        let share = |name: &str| figure.coverage.get(name).and_then(Value::as_f64);
        for (name, code, words) in SHARES {
            if let Some(known) = share(name).filter(|known| *known < self.min_coverage) {
                notes.push(note(code, format!("{} of its rows {words}.", percent(known))));
            }
        }
        if let Some(missing) = share("missing_weight").filter(|missing| 1.0 - missing < self.min_coverage) {
            notes.push(note("missing_parts", format!("Parts worth {} of it have no data.", percent(missing))));
        }
        notes
    }
}

/// A metric's inputs; of one that is made of others, theirs.
fn inputs_of(key: MetricKey) -> Vec<&'static str> {
    let mut inputs = Vec::new();
    for input in metric(key).definition.inputs {
        match MetricKey::parse(input).filter(|part| *part != key) {
            Some(part) => inputs.extend(inputs_of(part)),
            None => inputs.push(*input),
        }
    }
    inputs
}

/// What stands before the dot of `merge_requests.created_at`.
fn table(input: &str) -> &str {
    input.split('.').next().unwrap_or(input)
}

fn feeds(stream: &StreamFact, tables: &BTreeSet<&str>) -> bool {
    match &stream.stream {
        Some(name) => tables.contains(table_of_stream(&stream.source, name).as_str()),
        None => tables_of_source(&stream.source).iter().any(|table| tables.contains(table)),
    }
}

/// Whether a metric reads what a check is about.
fn is_about(fact: &CheckFact, key: MetricKey, inputs: &[&str]) -> bool {
    let reads = |columns: &[&str]| columns.iter().any(|column| inputs.contains(column));
    // of figures that know it of their own rows, the connection's share says less
    let tells = |name: &str| metric(key).coverage.iter().any(|(known, _)| *known == name);
    match fact.check {
        // streams are looked at themselves, as they are now
        QualityCheck::Freshness => false,
        QualityCheck::MergedBeforeCreated => reads(&["merge_requests.created_at", "merge_requests.merged_at", "merge_requests.closed_at"]),
        QualityCheck::PipelineFinishedBeforeStarted => reads(&["pipelines.started_at", "pipelines.finished_at"]),
        QualityCheck::DeploymentWithoutCommit | QualityCheck::DeploymentCommitUnknown => reads(&["deployments.sha"]),
        QualityCheck::DoneWithoutChangelog => reads(&["work_item_changes"]) && !tells("complete_changelogs"),
        QualityCheck::SuddenDrop => inputs.iter().any(|input| table(input) == fact.table),
        QualityCheck::UnmappedAuthors => reads(&["merge_requests.author", "person_identity_links"]) && !tells("mapped_authors"),
    }
}

/// `a`, `a and b`, `a, b, c and 4 more`.
fn listed(names: &[String]) -> String {
    let (shown, rest) = names.split_at(names.len().min(NAMED));
    match (shown, rest.len()) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([before @ .., last], 0) => format!("{} and {last}", before.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `50 minutes`, `31 hours`, `4 days`.
fn span(time: TimeDelta) -> String {
    let (number, unit) = match (time.num_minutes(), time.num_hours()) {
        (minutes, _) if minutes < 120 => (minutes, "minute"),
        (_, hours) if hours < 72 => (hours, "hour"),
        (_, hours) => (hours / 24, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// Whole percent, never rounded up to what it has not reached.
fn percent(share: f64) -> String {
    format!("{} %", (share * 100.0).floor())
}

#[cfg(test)]
mod tests;
