//! How long a change takes from its first commit to production.

use std::collections::{HashMap, HashSet};

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    ContainmentRule, ProjectKey, Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::hours,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::LeadTimeForChanges,
        name: "Lead time for changes",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median over the merge requests deployed in the window: the authored time of the first commit → the finish of the first \
                  successful production deployment that contains the merge request. It contains it if its commit is \
                  the merge, squash or fast-forwarded head commit, else if it is the first one of the project that finished at or after \
                  the merge. In a project that never had a successful production deployment: → merge, in the window of the merge, and \
                  `until_merge` says how many those are.",
        version: 2,
        inputs: &[
            "merge_requests.merged_at",
            "merge_requests.merge_commit_sha",
            "merge_requests.squash_commit_sha",
            "merge_requests.head_sha",
            "merge_request_commits.authored_at",
            "deployments.status",
            "deployments.sha",
            "deployments.finished_at",
            "environments.tier",
            "identities.is_bot",
        ],
        filters: "Merge requests by bots are left out, those without a commit of a known time, those whose first commit is later than \
                  the end, \
                  and merged ones that wait for their deployment (counted where they were merged).",
        no_data: "Nothing is left to take the median of.",
        aggregate: Aggregate::Median,
        reference: "DORA, Accelerate State of DevOps Report 2023: change lead time.",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[
        ("p75", "75th percentile, hours"),
        ("p90", "90th percentile, hours"),
        ("until_deployment", "merge requests measured until their deployment"),
        ("until_merge", "merge requests measured until their merge, their project having no production deployments"),
    ],
    coverage: &[
        ("excluded_bots", "merge requests by bots"),
        ("excluded_without_commits", "merge requests without a commit of a known time"),
        ("excluded_negative", "merge requests that ended before their first commit was authored"),
        ("excluded_not_deployed", "merge requests merged in the window and not deployed since"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
        ("linked_deployments", "share of the counted rows whose deployment the commit tells, not the order of time"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let deployments: HashMap<i64, _> = inputs.facts.deployments.iter().map(|row| (row.id, row)).collect();
    let deployed: HashMap<i64, _> = inputs
        .deployed()
        .iter()
        .filter_map(|row| Some((row.merge_request_id, (deployments.get(&row.deployment_id)?.at(), row.rule))))
        .collect();
    let deliveries = inputs.facts.deployments.iter().filter(|row| row.is_delivery(inputs.settings));
    let delivering: HashSet<ProjectKey> = deliveries.map(|row| row.project).collect();
    let ended = inputs.facts.merge_requests.iter().filter_map(|row| {
        let merged_at = row.merged_at?;
        let found = deployed.get(&row.id);
        let end = found.map_or(merged_at, |(at, _)| *at);
        let value = row.first_commit_at.map(|at| hours(at, end));
        let mark = match value {
            _ if found.is_none() && delivering.contains(&row.project) => Mark::left_out(if inputs.by_bot(row) { 1 } else { 4 }),
            _ if inputs.by_bot(row) => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(value) if value < 0.0 => Mark::left_out(3),
            Some(_) => Mark::counted(inputs.is_mapped(row.author))
                .sound(found.is_some_and(|(_, rule)| *rule != ContainmentRule::FirstAfterMerge))
                .class(u8::from(found.is_none())),
        };
        Some((Event { at: micros(end), id: row.id, value: value.unwrap_or_default(), mark }, inputs.place_of(row)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, ended.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let (mapped, linked, until_merge, all) = (tally.mapped, tally.sound, tally.classed, tally.rows.len() as u64);
        let figure = tally.median(&ENTRY.coverage[..4]).share("mapped_authors", mapped).share("linked_deployments", linked);
        match all {
            0 => figure,
            _ => figure.stat("until_deployment", all - until_merge).stat("until_merge", until_merge),
        }
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::{
        Snapshot,
        testing::{Company, Mr, utc},
    };

    const KEY: MetricKey = MetricKey::LeadTimeForChanges;
    const MERGE: &str = "aaaaaaaaaaaaaaaa0000";

    fn week(company: &Company) -> Snapshot {
        company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    /// Merged on Tuesday at noon, first commit on Monday at noon.
    fn merged(company: &mut Company) -> i64 {
        let id = company.merge_request(Mr::at("2024-05-06T18:00:00Z").merged("2024-05-07T12:00:00Z"));
        company.change(id, |row| {
            row.first_commit_at = Some(utc("2024-05-06T12:00:00Z"));
            row.merge_sha = crate::Sha::parse(MERGE);
        });
        id
    }

    #[test]
    fn from_the_first_commit_to_the_first_deployment_after_the_merge() {
        let mut company = Company::new();
        let id = merged(&mut company);
        company.delivery(None, "2024-05-07T11:59:59Z");
        company.delivery(None, "2024-05-07T12:00:00Z");
        company.delivery(None, "2024-05-09T12:00:00Z");
        let week = week(&company);
        assert_eq!((week.value, week.row_ids.clone(), week.row_values.clone()), (Some(24.0), vec![id], vec![24.0]));
        assert_eq!((&week.stats["until_deployment"], &week.stats["until_merge"]), (&1.into(), &0.into()));
        assert_eq!(week.coverage["linked_deployments"], 0.0, "the order of time is all that tells");
    }

    #[test]
    fn the_deployment_of_the_merge_commit_is_known_to_contain_it() {
        let mut company = Company::new();
        merged(&mut company);
        company.delivery(Some("bbbbbbbbbbbbbbbb0000"), "2024-05-07T13:00:00Z");
        company.delivery(Some(MERGE), "2024-05-08T12:00:00Z");
        assert_eq!((week(&company).value, &week(&company).coverage["linked_deployments"]), (Some(48.0), &1.0.into()));
    }

    #[test]
    fn without_deployments_until_the_merge_and_it_says_so() {
        let mut company = Company::new();
        merged(&mut company);
        company.deployment("failed", Some("production"), None, "2024-05-08T00:00:00Z");
        company.deployment("success", Some("staging"), None, "2024-05-08T00:00:00Z");
        assert_eq!((week(&company).value, &week(&company).stats["until_merge"]), (Some(24.0), &1.into()));
        company.delivery(None, "2024-05-01T00:00:00Z");
        assert_eq!((week(&company).value, &week(&company).coverage["excluded_not_deployed"]), (None, &1.into()), "it waits");
    }

    #[test]
    fn what_has_no_beginning_or_ends_before_it_is_left_out() {
        let mut company = Company::new();
        let (without, later) = (merged(&mut company), merged(&mut company));
        company.change(without, |row| row.first_commit_at = None);
        company.change(later, |row| row.first_commit_at = Some(utc("2024-05-07T12:00:01Z")));
        company.delivery(None, "2024-05-07T12:00:00Z");
        let week = week(&company);
        assert_eq!(
            (week.value, &week.coverage["excluded_without_commits"], &week.coverage["excluded_negative"]),
            (None, &1.into(), &1.into())
        );
    }

    #[test]
    fn a_merge_request_from_a_fork_counts_in_the_project_it_was_merged_into() {
        let mut company = Company::new();
        let id = merged(&mut company);
        company.change(id, |row| row.is_fork = true);
        company.delivery(Some(MERGE), "2024-05-07T12:00:00Z");
        assert_eq!(week(&company).row_ids, [id]);
    }
}
