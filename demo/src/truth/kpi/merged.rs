//! Merge requests: merged, reviewed, waiting.

use serde_json::json;

use super::reviews::{stale_at, waits_at};
use super::view::View;
use super::windows::Window;
use super::world::Mr;
use super::{MetricTruth, hours};

fn mapped(rows: &[&Mr<'_>]) -> usize {
    rows.iter().filter(|one| one.mapped).count()
}

impl<'a> View<'a> {
    /// Merged in the window: by humans, by bots.
    fn merged_in(&self, window: &Window) -> (Vec<&'a Mr<'a>>, Vec<&'a Mr<'a>>) {
        let merged = self.merged.iter().copied().filter(|one| one.one.merged_at.is_some_and(|at| window.contains(at)));
        merged.partition(|one| !one.bot)
    }

    fn any_created_before(&self, window: &Window) -> bool {
        self.created.iter().any(|one| one.one.created_at < self.moment(window))
    }

    /// The median over some of the merge requests merged in the window; why the others are left out.
    fn of_merged(
        &self,
        metric: &'static str,
        window: &Window,
        left_out: &'static str,
        value: impl Fn(&Mr<'_>) -> Option<f64>,
    ) -> MetricTruth {
        let (humans, bots) = self.merged_in(window);
        let (counted, others): (Vec<_>, Vec<_>) = humans.into_iter().partition(|one| value(one).is_some());
        let rows = counted.iter().filter_map(|one| Some((one.id.clone(), value(one)?))).collect();
        let figure = self.median(metric, window, rows).left_out("excluded_bots", bots.len()).left_out(left_out, others.len());
        figure.share("mapped_authors", mapped(&counted))
    }

    pub(super) fn merge_throughput(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.merged_in(window);
        let rows = humans.iter().map(|one| one.id.clone()).collect();
        let figure = self.count("merge_throughput", window, self.any_created_before(window), rows).left_out("excluded_bots", bots.len());
        if figure.value.is_none() { figure } else { figure.share("mapped_authors", mapped(&humans)) }
    }

    pub(super) fn time_to_merge(&self, window: &Window) -> MetricTruth {
        self.of_merged("time_to_merge", window, "excluded_negative", |one| {
            Some(hours(one.one.created_at, one.one.merged_at?)).filter(|hours| *hours >= 0.0)
        })
    }

    pub(super) fn review_duration(&self, window: &Window) -> MetricTruth {
        self.of_merged("review_duration", window, "excluded_unreviewed", |one| {
            Some(hours(one.reviews.first?, one.one.merged_at?)).filter(|hours| *hours >= 0.0)
        })
    }

    /// Lines of the files whose text is shown.
    pub(super) fn merge_request_size(&self, window: &Window) -> MetricTruth {
        self.of_merged("merge_request_size", window, "excluded_without_size", |one| {
            let shown = one.one.files.iter().filter(|file| !file.collapsed && !file.too_large);
            Some(shown.map(|file| f64::from(file.additions + file.deletions)).sum())
        })
    }

    pub(super) fn time_to_first_review(&self, window: &Window) -> MetricTruth {
        let inside = self.reviewed.iter().copied().filter(|one| one.reviews.first.is_some_and(|at| window.contains(at)));
        let (humans, bots): (Vec<_>, Vec<_>) = inside.partition(|one| !one.bot);
        let rows = humans.iter().filter_map(|one| Some((one.id.clone(), hours(one.reviews.ready?, one.reviews.first?)))).collect();
        let world = self.world;
        let by_people = || world.merge_requests.iter().filter(|one| !one.bot);
        let here = |one: &Mr<'_>, at| window.contains(at) && world.holds(&self.scope, &one.owner, at);
        let by_bots = by_people().map(|one| one.reviews.by_bots.iter().filter(|at| here(one, **at)).count()).sum();
        let early = by_people().filter(|one| here(one, one.one.created_at)).map(|one| one.reviews.before_creation).sum();
        let figure = self.median("time_to_first_review", window, rows).left_out("excluded_bots", bots.len());
        let figure = figure.left_out("excluded_bot_reviews", by_bots).left_out("excluded_before_creation", early);
        figure.share("mapped_authors", mapped(&humans))
    }

    pub(super) fn stale_merge_requests(&self, window: &Window) -> MetricTruth {
        let instant = self.moment(window);
        let world = self.world;
        let own = world.merge_requests.iter().filter(|one| world.holds_before(&self.scope, &one.owner, instant));
        let waiting: Vec<&Mr<'_>> = own.filter(|one| waits_at(one.one, instant)).collect();
        let (humans, bots): (Vec<&Mr<'_>>, Vec<&Mr<'_>>) =
            waiting.iter().copied().filter(|one| stale_at(one.one, instant)).partition(|one| !one.bot);
        let open = waiting.iter().filter(|one| !one.bot).count();
        let rows = humans.iter().map(|one| one.id.clone()).collect();
        let figure =
            self.count("stale_merge_requests", window, self.any_created_before(window), rows).left_out("excluded_bots", bots.len());
        if figure.value.is_none() { figure } else { figure.stat("open", json!(open)).share("mapped_authors", mapped(&humans)) }
    }
}
