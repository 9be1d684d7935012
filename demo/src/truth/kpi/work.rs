//! Work items: how long, how many, how old.

use serde_json::json;

use super::items::Item;
use super::view::View;
use super::windows::Window;
use super::{MetricTruth, hours};

/// Shares of what is known of the items counted.
fn known(figure: MetricTruth, items: &[&Item]) -> MetricTruth {
    let figure = figure.share("mapped_authors", items.iter().filter(|item| item.mapped).count());
    figure.share("complete_changelogs", items.iter().filter(|item| item.is_whole()).count())
}

impl<'a> View<'a> {
    fn any_filed_before(&self, window: &Window) -> bool {
        self.filed.iter().any(|item| item.created < self.moment(window))
    }

    /// Done in the window: assigned to humans or nobody, and to bots.
    fn done_in(&self, window: &Window) -> (Vec<&'a Item>, Vec<&'a Item>) {
        let done = self.done.iter().copied().filter(|item| item.finished().is_some_and(|at| window.contains(at)));
        done.partition(|item| !item.bot)
    }

    pub(super) fn cycle_time(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.done_in(window);
        let value = |item: &Item| Some(hours(item.started()?, item.finished()?));
        let (begun, others): (Vec<&Item>, Vec<&Item>) = humans.into_iter().partition(|item| value(item).is_some());
        let (counted, negative): (Vec<&Item>, Vec<&Item>) =
            begun.into_iter().partition(|item| value(item).is_some_and(|hours| hours >= 0.0));
        let rows = counted.iter().filter_map(|item| Some((item.id.clone(), value(item)?))).collect();
        let figure = self.median("cycle_time", window, rows).left_out("excluded_bots", bots.len());
        known(figure.left_out("excluded_without_progress", others.len()).left_out("excluded_negative", negative.len()), &counted)
    }

    pub(super) fn throughput(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.done_in(window);
        let rows = humans.iter().map(|item| item.id.clone()).collect();
        let figure = self.count("throughput", window, self.any_filed_before(window), rows).left_out("excluded_bots", bots.len());
        if figure.value.is_none() {
            return figure;
        }
        known(figure.stat("from_resolution", json!(humans.iter().filter(|item| item.steps.is_empty()).count())), &humans)
    }

    /// In progress at the end of the window: of humans or nobody, and of bots.
    fn in_progress(&self, window: &Window) -> (Vec<&'a Item>, Vec<&'a Item>) {
        let (world, moment) = (self.world, self.moment(window));
        let items = world.items.iter().filter(|item| !item.epic && item.in_progress_before(moment));
        items.filter(|item| world.holds_before(&self.scope, &item.owner, moment)).partition(|item| !item.bot)
    }

    pub(super) fn work_in_progress(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.in_progress(window);
        let rows = humans.iter().map(|item| item.id.clone()).collect();
        let figure = self.count("work_in_progress", window, self.any_filed_before(window), rows).left_out("excluded_bots", bots.len());
        if figure.value.is_none() { figure } else { known(figure, &humans) }
    }

    pub(super) fn work_item_age(&self, window: &Window) -> MetricTruth {
        let moment = self.moment(window);
        let (humans, bots) = self.in_progress(window);
        let (counted, others): (Vec<&Item>, Vec<&Item>) = humans.into_iter().partition(|item| item.started().is_some());
        let days = |item: &Item| Some(hours(item.started()?, moment) / 24.0);
        let rows: Vec<(String, f64)> = counted.iter().filter_map(|item| Some((item.id.clone(), days(item)?))).collect();
        let oldest = rows.iter().map(|row| row.1).max_by(f64::total_cmp);
        let mut figure = self.median("work_item_age", window, rows);
        figure.stats.extend(oldest.map(|oldest| ("oldest", json!(oldest))));
        known(figure.left_out("excluded_bots", bots.len()).left_out("excluded_without_start", others.len()), &counted)
    }

    pub(super) fn bug_ratio(&self, window: &Window) -> MetricTruth {
        let filed: Vec<&Item> = self.filed.iter().copied().filter(|item| window.contains(item.created)).collect();
        let (humans, bots): (Vec<&Item>, Vec<&Item>) = filed.into_iter().partition(|item| !item.bot);
        let rows = humans.iter().map(|item| (item.id.clone(), item.bug)).collect();
        let figure = self.ratio("bug_ratio", window, rows).left_out("excluded_bots", bots.len());
        figure.share("mapped_authors", humans.iter().filter(|item| item.mapped).count())
    }
}
