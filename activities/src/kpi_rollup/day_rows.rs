//! How the rows that came of a day are written down: compact, and readable for as long as [`FORMAT`] is the same.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, MetricKey};
use ovia_kpi::{DatedRow, Facts, PersonKey, ProjectKey};
use ovia_store::{StoreError, kpi::facts::KpiReader};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

type Time = DateTime<Utc>;

/// Raised with every change of what is written, and where a definition would write something else without a version of its own.
pub(super) const FORMAT: i16 = 1;

/// What the authors of deployments are kept under, beside the metrics: a row for each deployment and author.
pub(super) const AUTHORS: &str = "deployment_authors";

/// One metric's rows of a day. Times and ids are differences to the row before.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    /// Connection and external id.
    projects: Vec<(Uuid, String)>,
    people: Vec<Uuid>,
    /// Time, id, value, mark, index of the project, index of the person + 1 (0: nobody's).
    rows: Vec<(i64, i64, f64, u8, u32, u32)>,
}

/// Numbers of what is named, in the order of naming.
struct Numbers<K>(HashMap<K, u32>, Vec<K>);

impl<K: Copy + Eq + std::hash::Hash> Numbers<K> {
    fn of(&mut self, key: K) -> u32 {
        let next = u32::try_from(self.1.len()).unwrap_or(u32::MAX);
        let Self(numbers, keys) = self;
        *numbers.entry(key).or_insert_with(|| {
            keys.push(key);
            next
        })
    }
}

/// What the keys of rows stand for.
pub(super) struct Names {
    projects: Vec<Option<(Uuid, String)>>,
    people: Vec<Option<Uuid>>,
}

impl Names {
    pub(super) fn of(facts: &Facts) -> Self {
        let project = |id: &str| id.split_once(':').and_then(|(connection, id)| Some((connection.parse().ok()?, id.to_owned())));
        Self { projects: facts.project_ids().map(project).collect(), people: facts.person_ids().map(|id| id.parse().ok()).collect() }
    }

    /// The rows of `days` (`[begin, end)`) as they are kept; `rows` are ascending. `None` where something has a name that cannot be kept.
    pub(super) fn written(&self, rows: &[DatedRow], days: &[(Time, Time)]) -> Option<Vec<(Time, Vec<u8>)>> {
        let day = |(begin, end): &(Time, Time)| {
            let (begin_at, end_at) = (begin.timestamp_micros(), end.timestamp_micros());
            let of_day = &rows[rows.partition_point(|row| row.at < begin_at)..rows.partition_point(|row| row.at < end_at)];
            Some((*begin, self.day(of_day, begin_at)?))
        };
        days.iter().map(day).collect()
    }

    fn day(&self, rows: &[DatedRow], begin: i64) -> Option<Vec<u8>> {
        let (mut projects, mut people) = (Numbers(HashMap::new(), Vec::new()), Numbers(HashMap::new(), Vec::new()));
        let (mut at, mut id) = (begin, 0);
        let mut written = Written { rows: Vec::with_capacity(rows.len()), ..Written::default() };
        for row in rows {
            let person = row.person.map_or(0, |person: PersonKey| people.of(person.0) + 1);
            written.rows.push((row.at - at, row.id - id, row.value, row.mark, projects.of(row.project.0), person));
            (at, id) = (row.at, row.id);
        }
        written.projects = projects.1.iter().map(|key| self.projects.get(*key as usize)?.clone()).collect::<Option<_>>()?;
        written.people = people.1.iter().map(|key| *self.people.get(*key as usize)?).collect::<Option<_>>()?;
        postcard::to_stdvec(&written).ok()
    }
}

/// Which days' rows are to be taken from what is kept of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownAsked {
    pub(super) begin: Time,
    pub(super) until: Time,
    /// Of merges, the days from then on. Without it, merges are told from their rows.
    pub(super) merged_from: Option<Time>,
}

/// The rows of metrics, each ascending.
pub(super) type RowsByMetric = HashMap<MetricKey, Vec<DatedRow>>;

/// Whether a metric of [`ovia_kpi::DATED`] is told from merge requests. Pipelines and work items tell the others.
pub(super) fn of_code(metric: MetricKey) -> bool {
    use MetricKey::{LeadTimeForChanges, MergeRequestSize, MergeThroughput, ReviewDuration, TimeToFirstReview, TimeToMerge};
    matches!(metric, MergeThroughput | LeadTimeForChanges | TimeToFirstReview | ReviewDuration | TimeToMerge | MergeRequestSize)
}

/// What is kept of these days, `[begin, until)`, of some metrics of [`ovia_kpi::DATED`]; `None` where it cannot be read. `read` is [`read`]
/// with the facts at hand.
pub(super) async fn known(
    reader: &mut KpiReader,
    KnownAsked { begin, until, merged_from }: KnownAsked,
    metrics: impl Iterator<Item = MetricKey>,
    mut read: impl FnMut(&[u8], Time, &mut Vec<DatedRow>) -> bool,
) -> Result<Option<RowsByMetric>, StoreError> {
    let mut known = RowsByMetric::new();
    for metric in metrics {
        let from = match metric {
            MetricKey::MergeThroughput => merged_from,
            _ => Some(begin),
        };
        let Some(from) = from else { continue };
        let (mut rows, mut readable) = (Vec::new(), true);
        reader.day_rows(metric.as_str(), (from, until), |day, bytes| readable = readable && read(bytes, day, &mut rows)).await?;
        if !readable {
            return Ok(None);
        }
        known.insert(metric, rows);
    }
    Ok(Some(known))
}

/// Adds a day's rows to `rows`; `false` where the bytes say nothing. `begin` is the first moment of the day.
pub(super) fn read(bytes: &[u8], begin: Time, facts: &mut Facts, rows: &mut Vec<DatedRow>) -> bool {
    let Ok(written) = postcard::from_bytes::<Written>(bytes) else { return false };
    let projects: Vec<ProjectKey> = written.projects.iter().map(|(connection, id)| facts.project(ConnectionId(*connection), id)).collect();
    let people: Vec<PersonKey> = written.people.iter().map(|id| facts.person(&id.to_string())).collect();
    let (mut at, mut id) = (begin.timestamp_micros(), 0i64);
    rows.reserve(written.rows.len());
    for (after, next, value, mark, project, person) in written.rows {
        let (Some(later), Some(other)) = (at.checked_add(after), id.checked_add(next)) else { return false };
        (at, id) = (later, other);
        let Some(project) = projects.get(project as usize).copied() else { return false };
        let person = match person.checked_sub(1) {
            None => None,
            Some(index) => match people.get(index as usize) {
                Some(person) => Some(*person),
                None => return false,
            },
        };
        rows.push(DatedRow { at, id, value, mark, project, person });
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Facts with two projects and two people, and rows of two days.
    fn company() -> (Facts, Vec<DatedRow>, [(Time, Time); 3]) {
        let mut facts = Facts::default();
        let connection = ConnectionId(Uuid::from_u128(7));
        let projects = ["1", "group:2"].map(|id| facts.project(connection, id));
        let people = [1, 2].map(|id| facts.person(&Uuid::from_u128(id).to_string()));
        let days = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"].map(at);
        let row = |at: Time, id, value, mark, project, person| DatedRow { at: at.timestamp_micros(), id, value, mark, project, person };
        let rows = vec![
            row(days[0], i64::MAX, 0.1 + 0.2, 0, projects[1], Some(people[1])),
            row(days[0], 3, -1.5, 0b11_1101, projects[0], None),
            row(at("2026-03-01T23:59:59.999999Z"), 4, 0.0, 2, projects[1], Some(people[0])),
            row(days[2], 1, f64::MAX, 0, projects[0], Some(people[1])),
        ];
        (facts, rows, [(days[0], days[1]), (days[1], days[2]), (days[2], days[3])])
    }

    #[test]
    fn rows_come_back_as_they_were_kept_by_whatever_keys() {
        let (facts, rows, days) = company();
        let kept = Names::of(&facts).written(&rows, &days).unwrap_or_else(|| panic!("everything has a name"));
        assert_eq!(kept.iter().map(|day| day.0).collect::<Vec<_>>(), days.map(|day| day.0));
        assert!(kept[0].1.len() < 160 && kept[1].1.len() < 8, "{} and {} bytes", kept[0].1.len(), kept[1].1.len());
        // another rollup names another project and person first
        let mut other = Facts::default();
        let (project, person) = (other.project(ConnectionId(Uuid::from_u128(7)), "group:2"), other.person(&Uuid::from_u128(2).to_string()));
        let mut again = Vec::new();
        for (day, bytes) in &kept {
            assert!(read(bytes, *day, &mut other, &mut again));
        }
        let essence = |rows: &[DatedRow]| rows.iter().map(|row| (row.at, row.id, row.value, row.mark)).collect::<Vec<_>>();
        assert_eq!(essence(&again), essence(&rows));
        let named = |facts: &Facts, rows: &[DatedRow]| -> Vec<(String, Option<String>)> {
            let (projects, people): (Vec<&str>, Vec<&str>) = (facts.project_ids().collect(), facts.person_ids().collect());
            let person = |row: &DatedRow| row.person.map(|person| people[person.0 as usize].to_owned());
            rows.iter().map(|row| (projects[row.project.0 as usize].to_owned(), person(row))).collect()
        };
        assert_eq!(named(&other, &again), named(&facts, &rows));
        assert_eq!((again[0].project, again[0].person), (project, Some(person)));
    }

    #[test]
    fn what_cannot_be_read_or_named_is_not_kept() {
        let (mut facts, rows, days) = company();
        let kept = Names::of(&facts).written(&rows, &days).unwrap_or_else(|| panic!("everything has a name"));
        let whole = &kept[0].1;
        for length in 0..whole.len() {
            assert!(!read(&whole[..length], days[0].0, &mut facts, &mut Vec::new()), "cut to {length} bytes");
        }
        facts.person("somebody without a UUID");
        let stranger = DatedRow { person: Some(PersonKey(2)), ..rows[0] };
        assert!(Names::of(&facts).written(&[stranger], &days).is_none());
        assert!(Names::of(&facts).written(&rows, &days).is_some());
    }
}
