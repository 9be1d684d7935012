//! Temporal Schedules as the API and the reconciler see them. What they are made from is in Postgres; Temporal only does as told.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunKind, Schedule, ScheduleId, Source};

use crate::{client::EngineError, types::SyncTuning};

/// A schedule as Temporal is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleTarget {
    pub schedule: Schedule,
    pub connection_name: Option<String>,
    pub source: Option<Source>,
}

impl ScheduleTarget {
    /// What the Temporal UI says about it: `Sync of acme-gitlab, scheduled`.
    pub fn summary(&self) -> String {
        let title = self.schedule.kind.title();
        match &self.connection_name {
            Some(name) => format!("{title} of {name}, scheduled"),
            None => format!("{title}, scheduled"),
        }
    }
}

/// What Temporal has under a schedule's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSeen {
    pub marks: Marks,
    /// The next starts, as Temporal works them out; none while it is paused.
    pub next_runs: Vec<DateTime<Utc>>,
    pub paused: bool,
}

/// Three hashes: equal ones mean that nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Of what we would send.
    pub wanted: String,
    /// Of what a list shows of what Temporal has.
    pub listed: String,
    /// Of all that Temporal has.
    pub seen: String,
}

impl std::fmt::Display for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.wanted, self.listed, self.seen)
    }
}

impl Marks {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::to_owned);
        let marks = Self { wanted: parts.next()?, listed: parts.next()?, seen: parts.next()? };
        parts.next().is_none().then_some(marks)
    }
}

/// One of our schedules in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleListed {
    /// Its id in Temporal.
    pub temporal_id: String,
    pub listed: String,
}

/// A page of our schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulePage {
    pub items: Vec<ScheduleListed>,
    /// Of the next page; `None` on the last one.
    pub next: Option<Vec<u8>>,
}

/// What is asked of Temporal about schedules.
#[async_trait::async_trait]
pub trait ScheduleEngine: Send + Sync {
    /// The schedule's id in Temporal: `ovia/{task queue}/{kind}/{id}`.
    fn schedule_temporal_id(&self, kind: RunKind, id: ScheduleId) -> String;
    /// Creates the schedule, or makes an existing one as `target` says. Answers what Temporal has then.
    async fn schedule_put(&self, target: &ScheduleTarget) -> Result<ScheduleSeen, EngineError>;
    /// What Temporal has; `None` if it has nothing under this id.
    async fn schedule_describe(&self, target: &ScheduleTarget) -> Result<Option<ScheduleSeen>, EngineError>;
    /// Hash of what `schedule_put` would send, as in `Marks::wanted`.
    fn schedule_wanted(&self, target: &ScheduleTarget) -> String;
    /// Removes a schedule by its id in Temporal. No error if there is none.
    async fn schedule_delete(&self, temporal_id: &str) -> Result<(), EngineError>;
    /// Starts a run of the schedule now.
    async fn schedule_trigger(&self, kind: RunKind, id: ScheduleId) -> Result<(), EngineError>;
    /// Schedules in Temporal that are ours, the reconciler's own excepted, page by page. May be some seconds old.
    async fn schedules_list(&self, page: Option<Vec<u8>>) -> Result<SchedulePage, EngineError>;
    /// Makes sure that the reconciler is scheduled every `seconds`. Cheap when it is.
    async fn reconcile_ensure(&self, seconds: u64) -> Result<(), EngineError>;
    /// How runs are cut into slices, for those that schedules start.
    fn tuning(&self) -> SyncTuning;
}

/// Workflow id of what a schedule starts; Temporal appends the time.
pub fn scheduled_workflow_id(id: ScheduleId) -> String {
    format!("scheduled/{id}")
}

/// `runs.requested_by` of a scheduled run.
pub fn requested_by(id: ScheduleId) -> String {
    format!("schedule:{id}")
}

/// Input of `ovia.scheduled`, as the schedule's action holds it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScheduledInput {
    pub org_id: OrgId,
    pub schedule_id: ScheduleId,
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn marks_are_read_as_they_are_written() {
        let marks = Marks { wanted: "a".into(), listed: "b".into(), seen: "c".into() };
        assert_eq!(Marks::parse(&marks.to_string()), Some(marks));
        assert_eq!(Marks::parse("a.b"), None);
        assert_eq!(Marks::parse("a.b.c.d"), None);
    }
}
