//! How much of a release is done.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::ScopeIndex,
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::ReleaseCompletion,
        name: "Release completion",
        unit: "ratio",
        direction: Direction::HigherIsBetter,
        formula: "Items done ÷ items in the release, at the end of the window (or now, or of the release, if that is earlier); summed \
                  over the \
                  releases under way in the window. Done: in a status of category done at that moment.",
        version: 2,
        inputs: &[
            "versions.start_on",
            "versions.release_on",
            "versions.released",
            "versions.archived",
            "projects.archived",
            "work_items.fix_version_external_ids",
            "work_items.status_category",
            "work_items.kind",
            "work_item_changes",
            "work_item_statuses.category",
        ],
        filters: "Archived releases, releases of archived projects and epics are left out. A release without a start begins with its \
                  first item. A release belongs to its project: teams and \
                  people have none.",
        no_data: "No release with items was under way in the window.",
        aggregate: Aggregate::Sum,
        reference: "Ovia: items done as the share of the scope of the moment.",
    },
    row_table: RowTable::Versions,
    rows_of: RowsOf::Window,
    stats: &[("numerator", "items done"), ("denominator", "items in the releases")],
    coverage: &[("excluded_empty", "releases under way without items")],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let releases = inputs.releases();
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let moment = window.observed_until(inputs.as_of);
        let (mut rows, mut empty) = (Vec::new(), 0u64);
        for release in releases.under_way(inputs.scopes.projects_of(scope), window.start, moment) {
            match release.completion(moment) {
                (_, 0) => empty += 1,
                (done, all) => rows.push((release.row.id, done, all)),
            }
        }
        Figure::ratio_of(&rows).covering("excluded_empty", empty)
    })
}
