//! How much of a release is added or removed after it began.

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
        key: MetricKey::ReleaseScopeChange,
        name: "Release scope change",
        unit: "ratio",
        direction: Direction::LowerIsBetter,
        formula: "Items added to or removed from a release after its start, until the end of the window (or now, or the release) ÷ \
                  items in it \
                  at its start; summed over the releases under way in the window. An item that came and left counts once.",
        version: 2,
        inputs: &[
            "versions.start_on",
            "versions.release_on",
            "versions.released",
            "versions.archived",
            "projects.archived",
            "work_items.fix_version_external_ids",
            "work_items.created_at",
            "work_items.kind",
            "work_item_changes",
        ],
        filters: "Archived releases, releases of archived projects and epics are left out. A release begins at midnight of its start \
                  and ends with its day of release; one that is not released goes \
                  on. Releases without a start, or empty at their start, are left out. A release belongs to its project: teams and people \
                  have none.",
        no_data: "No release with items at its start was under way in the window.",
        aggregate: Aggregate::Sum,
        reference: "Ovia: scope creep as the share of the scope at the start.",
    },
    row_table: RowTable::Versions,
    rows_of: RowsOf::Window,
    stats: &[("numerator", "items added or removed"), ("denominator", "items at the start")],
    coverage: &[("excluded_without_start", "releases under way without a start, or without an item at their start")],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let releases = inputs.releases();
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let moment = window.observed_until(inputs.as_of);
        let (mut rows, mut left_out) = (Vec::new(), 0u64);
        for release in releases.under_way(inputs.scopes.projects_of(scope), window.start, moment) {
            match release.scope_change(moment) {
                Some((changed, at_start)) => rows.push((release.row.id, changed, at_start)),
                None => left_out += 1,
            }
        }
        Figure::ratio_of(&rows).covering("excluded_without_start", left_out)
    })
}
