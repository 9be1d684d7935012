//! What Temporal has, against what it was told.

use chrono::{DateTime, Utc};
use temporalio_common::protos::temporal::api::{
    schedule::v1::{Schedule as TemporalSchedule, ScheduleAction, ScheduleSpec, schedule_action::Action},
    workflowservice::v1::DescribeScheduleResponse,
};
use uuid::Uuid;

use crate::schedules::{Marks, ScheduleSeen};

/// Between a cron and its comment. Temporal makes calendars of a cron and keeps the comment, which shows the cron in its UI.
const CRON_COMMENT: &str = " # ";
/// Bytes of a comment.
const COMMENT_MAX: usize = 200;

/// The cron with itself as its comment. Temporal refuses longer comments, and trims them; a cron has only ASCII.
pub(super) fn commented(cron: &str) -> String {
    let comment = cron.get(..COMMENT_MAX).unwrap_or(cron).trim_end();
    format!("{cron}{CRON_COMMENT}{comment}")
}

/// Whether `found` is what Temporal makes of `told`, as far as that can be said of any server: the catch-up window, which servers limit, is
/// not looked at, and of a cron's calendars only the comment, which is the cron.
pub(super) fn is_as_told(found: &TemporalSchedule, told: &TemporalSchedule) -> bool {
    let action = |schedule: &TemporalSchedule| {
        let Some(Action::StartWorkflow(action)) = &schedule.action.as_ref()?.action else { return None };
        let input = action.input.iter().flat_map(|input| &input.payloads).map(|payload| payload.data.clone()).collect::<Vec<_>>();
        Some((action.workflow_type.clone(), action.workflow_id.clone(), action.task_queue.clone()?.name, input))
    };
    let policies = |schedule: &TemporalSchedule| schedule.policies.as_ref().map(|is| (is.overlap_policy, is.pause_on_failure));
    let state = |schedule: &TemporalSchedule| {
        let state = schedule.state.clone().unwrap_or_default();
        (state.paused, state.notes, state.limited_actions)
    };
    let spec = |schedule: &TemporalSchedule| schedule.spec.clone().unwrap_or_default();
    let times = |spec: ScheduleSpec| {
        let intervals = spec.interval.into_iter().map(|is| (is.interval.unwrap_or_default(), is.phase.unwrap_or_default()));
        (
            intervals.collect::<Vec<_>>(),
            spec.timezone_name,
            spec.jitter.unwrap_or_default(),
            spec.start_time,
            spec.end_time,
            spec.exclude_structured_calendar,
        )
    };
    let comments = spec(found).structured_calendar.into_iter().map(|calendar| calendar.comment);
    let crons = spec(told).cron_string.into_iter().filter_map(|cron| cron.split_once(CRON_COMMENT).map(|(_, comment)| comment.to_owned()));
    action(found) == action(told)
        && policies(found) == policies(told)
        && state(found) == state(told)
        && times(spec(found)) == times(spec(told))
        && crons.eq(comments)
}

pub(super) fn seen(response: DescribeScheduleResponse, wanted: String) -> ScheduleSeen {
    let schedule = response.schedule.unwrap_or_default();
    let info = response.info.unwrap_or_default();
    let state = schedule.state.clone().unwrap_or_default();
    let next_runs =
        info.future_action_times.iter().filter_map(|at| DateTime::<Utc>::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?));
    let marks = Marks { wanted, listed: listed(schedule.spec.as_ref(), &state.notes, state.paused), seen: seen_hash(schedule) };
    ScheduleSeen { marks, next_runs: if state.paused { Vec::new() } else { next_runs.collect() }, paused: state.paused }
}

/// Of what lists show too.
pub(super) fn listed(spec: Option<&ScheduleSpec>, notes: &str, paused: bool) -> String {
    let spec = spec.map(|spec| ScheduleSpec { timezone_data: Vec::new(), ..spec.clone() });
    hash(&format!("{spec:?} {notes:?} {paused}"))
}

/// Of everything but maps, whose order is not theirs, and the count that goes down by itself.
fn seen_hash(mut schedule: TemporalSchedule) -> String {
    if let Some(spec) = &mut schedule.spec {
        spec.timezone_data = Vec::new();
    }
    if let Some(state) = &mut schedule.state {
        state.remaining_actions = 0;
    }
    let mut input = Vec::new();
    if let Some(ScheduleAction { action: Some(Action::StartWorkflow(action)) }) = &mut schedule.action {
        input = action.input.take().into_iter().flat_map(|input| input.payloads).map(|payload| payload.data).collect();
        (action.memo, action.search_attributes, action.header, action.user_metadata) = (None, None, None, None);
    }
    hash(&format!("{schedule:?} {input:?}"))
}

/// Short, the same in every process, and not a secret's.
pub(super) fn hash(text: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string()
}
