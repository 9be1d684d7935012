//! One file per metric: its entry, its function, its tests.

pub(crate) mod bug_ratio;
pub(crate) mod change_failure_rate;
pub(crate) mod cycle_time;
pub(crate) mod delivery_health;
pub(crate) mod deployment_frequency;
pub(crate) mod failed_deployment_recovery_time;
pub(crate) mod lead_time_for_changes;
pub(crate) mod merge_request_size;
pub(crate) mod merge_throughput;
pub(crate) mod pipeline_duration;
pub(crate) mod pipeline_success_rate;
pub(crate) mod release_completion;
pub(crate) mod release_risk;
pub(crate) mod release_scope_change;
pub(crate) mod review_duration;
pub(crate) mod stale_merge_requests;
pub(crate) mod throughput;
pub(crate) mod time_to_first_review;
pub(crate) mod time_to_merge;
pub(crate) mod work_in_progress;
pub(crate) mod work_item_age;
