//! One file per metric: its entry, its function, its tests.

pub(crate) mod deployment_frequency;
pub(crate) mod merge_throughput;
pub(crate) mod pipeline_success_rate;
pub(crate) mod stale_merge_requests;
pub(crate) mod time_to_first_review;
pub(crate) mod time_to_merge;
