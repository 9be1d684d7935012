//! `ScheduleEngine` over a real Temporal.
//!
//! Temporal rewrites what it is given (a cron becomes a calendar), so drift is not found by comparing what we sent with what it has, but
//! by comparing what it has with what it had right after it was told. That nobody else told it something else in between is compared with
//! what we sent, as far as Temporal leaves it alone.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use ovia_domain::{Overlap, RunKind, ScheduleId, When};
use temporalio_client::{
    NamespacedClient,
    grpc::WorkflowService,
    tonic::{Code, Request, Response, Status},
};
use temporalio_common::{
    protos::{
        coresdk::AsJsonPayloadExt,
        temporal::api::{
            common::v1::{Memo, Payload, Payloads, Priority, WorkflowType},
            schedule::v1::{
                IntervalSpec, Schedule as TemporalSchedule, ScheduleAction, SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState,
                TriggerImmediatelyRequest, schedule_action::Action,
            },
            sdk::v1::UserMetadata,
            taskqueue::v1::TaskQueue,
            workflow::v1::NewWorkflowExecutionInfo,
            workflowservice::v1::{
                CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest, DescribeScheduleResponse, ListSchedulesRequest,
                PatchScheduleRequest, UpdateScheduleRequest,
            },
        },
    },
    search_attributes::SearchAttributes,
};
use uuid::Uuid;

use crate::{
    client::EngineError,
    names,
    reconcile::ReconcileInput,
    schedules::{ScheduleEngine, ScheduleListed, SchedulePage, ScheduleSeen, ScheduleTarget, ScheduledInput, scheduled_workflow_id},
    temporal::TemporalEngine,
    types::SyncTuning,
};

mod compare;

use compare::{commented, hash, is_as_told, listed, seen};

/// Raise it when `TemporalSchedule`s are made in another way: every schedule is then written anew.
const SHAPE: u32 = 2;
const RPC_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause before a busy Temporal is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
const LIST_PAGE: i32 = 500;
/// Of `ovia.scheduled` and `ovia.reconcile`: short, and what others wait for.
const PRIORITY: i32 = 1;

/// A schedule and what is attached to it.
struct Wanted {
    schedule: TemporalSchedule,
    summary: String,
    attributes: SearchAttributes,
}

#[async_trait::async_trait]
impl ScheduleEngine for TemporalEngine {
    fn schedule_temporal_id(&self, kind: RunKind, id: ScheduleId) -> String {
        format!("{}{kind}/{id}", prefix(self.task_queue()))
    }

    async fn schedule_put(&self, target: &ScheduleTarget) -> Result<ScheduleSeen, EngineError> {
        let id = self.schedule_temporal_id(target.schedule.kind, target.schedule.id);
        let wanted = self.wanted(target)?;
        self.put(&id, &wanted).await?;
        let lost = |how: &str| EngineError::Unavailable(format!("the schedule {id} was {how} by somebody else while it was written"));
        let found = self.describe(&id).await?.ok_or_else(|| lost("removed"))?;
        // the marks of what somebody else made of it would make that the right thing for good
        if !found.schedule.as_ref().is_some_and(|found| is_as_told(found, &wanted.schedule)) {
            return Err(lost("changed"));
        }
        Ok(seen(found, self.schedule_wanted(target)))
    }

    async fn schedule_describe(&self, target: &ScheduleTarget) -> Result<Option<ScheduleSeen>, EngineError> {
        let id = self.schedule_temporal_id(target.schedule.kind, target.schedule.id);
        let wanted = self.schedule_wanted(target);
        Ok(self.describe(&id).await?.map(|response| seen(response, wanted)))
    }

    fn schedule_wanted(&self, target: &ScheduleTarget) -> String {
        hash(&format!("{SHAPE} {} {target:?}", self.task_queue()))
    }

    async fn schedule_delete(&self, temporal_id: &str) -> Result<(), EngineError> {
        let request = DeleteScheduleRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: temporal_id.to_owned(),
            identity: self.client().identity(),
        };
        match patiently(|| async { self.service().delete_schedule(timed(request.clone())).await }).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => Ok(()),
            Err(status) => Err(refused(&status)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the client is not workflow code")]
    async fn schedule_trigger(&self, kind: RunKind, id: ScheduleId) -> Result<(), EngineError> {
        let request = PatchScheduleRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: self.schedule_temporal_id(kind, id),
            patch: Some(SchedulePatch { trigger_immediately: Some(TriggerImmediatelyRequest::default()), ..Default::default() }),
            identity: self.client().identity(),
            request_id: Uuid::new_v4().to_string(),
        };
        let done = patiently(|| async { self.service().patch_schedule(timed(request.clone())).await }).await;
        done.map(|_| ()).map_err(|status| refused(&status))
    }

    async fn schedules_list(&self, page: Option<Vec<u8>>) -> Result<SchedulePage, EngineError> {
        let prefix = prefix(self.task_queue());
        let request = ListSchedulesRequest {
            namespace: self.namespace().to_owned(),
            maximum_page_size: LIST_PAGE,
            next_page_token: page.unwrap_or_default(),
            query: String::new(),
        };
        let page = patiently(|| async { self.service().list_schedules(timed(request.clone())).await }).await;
        let page = page.map_err(|status| refused(&status))?.into_inner();
        let own = self.reconcile_id();
        let ours = page.schedules.into_iter().filter(|entry| entry.schedule_id.starts_with(&prefix) && entry.schedule_id != own);
        let items = ours.map(|entry| {
            let info = entry.info.unwrap_or_default();
            ScheduleListed { temporal_id: entry.schedule_id, listed: listed(info.spec.as_ref(), &info.notes, info.paused) }
        });
        Ok(SchedulePage { items: items.collect(), next: Some(page.next_page_token).filter(|token| !token.is_empty()) })
    }

    async fn reconcile_ensure(&self, seconds: u64) -> Result<(), EngineError> {
        let id = self.reconcile_id();
        let schedule = self.reconcile_schedule(seconds)?;
        let found = self.describe(&id).await?;
        let same = found.as_ref().and_then(|found| found.schedule.as_ref()).is_some_and(|found| is_as_told(found, &schedule));
        if same {
            return Ok(());
        }
        if found.is_none() {
            // a Temporal that has lost its data has lost these too. One that refuses has them made by hand
            let _ = self.search_attributes_ensure().await;
        }
        let summary = "Makes Temporal and Postgres agree".to_owned();
        self.put(&id, &Wanted { schedule, summary, attributes: SearchAttributes::new([]) }).await
    }

    fn tuning(&self) -> SyncTuning {
        self.sync_tuning()
    }
}

impl TemporalEngine {
    fn service(&self) -> Box<dyn WorkflowService> {
        self.client().connection().workflow_service()
    }

    fn reconcile_id(&self) -> String {
        format!("{}reconcile", prefix(self.task_queue()))
    }

    fn reconcile_schedule(&self, seconds: u64) -> Result<TemporalSchedule, EngineError> {
        let interval = IntervalSpec { interval: Duration::from_secs(seconds).try_into().ok(), phase: None };
        let workflow_id = format!("reconcile/{}", self.task_queue());
        let action = self.action(names::RECONCILE_WORKFLOW, workflow_id, &ReconcileInput {}, String::new())?;
        Ok(schedule(
            ScheduleSpec { interval: vec![interval], ..Default::default() },
            action,
            (Overlap::Skip, Duration::from_secs(10)),
            ScheduleState::default(),
        ))
    }

    fn wanted(&self, target: &ScheduleTarget) -> Result<Wanted, EngineError> {
        let from = &target.schedule;
        let mut spec = ScheduleSpec { timezone_name: from.time_zone.clone(), ..Default::default() };
        match &from.when {
            When::IntervalSeconds(every) => spec.interval.push(IntervalSpec { interval: seconds(*every).try_into().ok(), phase: None }),
            When::Cron(cron) => spec.cron_string.push(commented(cron)),
        }
        spec.jitter = Some(from.jitter_seconds).filter(|jitter| *jitter > 0).and_then(|jitter| seconds(jitter).try_into().ok());
        let mut attributes = vec![names::ORG.value_set(from.org_id.to_string())];
        attributes.extend(from.connection_id.map(|id| names::CONNECTION.value_set(id.to_string())));
        attributes.extend(target.source.map(|source| names::SOURCE.value_set(source.to_string())));
        let input = ScheduledInput { org_id: from.org_id, schedule_id: from.id };
        let mut action = self.action(names::SCHEDULED_WORKFLOW, scheduled_workflow_id(from.id), &input, from.org_id.to_string())?;
        action.search_attributes = Some(SearchAttributes::new(attributes.clone()).into_proto());
        action.user_metadata = Some(UserMetadata { summary: Some(payload(&target.summary())?), details: None });
        attributes.push(names::RUN_KIND.value_set(from.kind.to_string()));
        let policies = (from.overlap, seconds(from.catch_up_seconds));
        let state = ScheduleState { notes: from.note.clone().unwrap_or_default(), paused: from.paused, ..Default::default() };
        Ok(Wanted {
            schedule: schedule(spec, action, policies, state),
            summary: target.summary(),
            attributes: SearchAttributes::new(attributes),
        })
    }

    fn action(
        &self,
        workflow: &str,
        workflow_id: String,
        input: &impl serde::Serialize,
        fairness_key: String,
    ) -> Result<NewWorkflowExecutionInfo, EngineError> {
        Ok(NewWorkflowExecutionInfo {
            workflow_id,
            workflow_type: Some(WorkflowType { name: workflow.to_owned() }),
            task_queue: Some(TaskQueue { name: self.task_queue().to_owned(), ..Default::default() }),
            input: Some(Payloads { payloads: vec![payload(input)?] }),
            priority: Some(Priority { priority_key: PRIORITY, fairness_key, fairness_weight: 0.0 }),
            ..Default::default()
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the client is not workflow code")]
    async fn put(&self, id: &str, wanted: &Wanted) -> Result<(), EngineError> {
        let memo = Memo { fields: [(names::MEMO_SUMMARY.to_owned(), payload(&wanted.summary)?)].into() };
        let update = UpdateScheduleRequest {
            namespace: self.namespace().to_owned(),
            schedule_id: id.to_owned(),
            schedule: Some(wanted.schedule.clone()),
            identity: self.client().identity(),
            request_id: Uuid::new_v4().to_string(),
            search_attributes: Some(wanted.attributes.to_proto()),
            // servers do not take a changed memo
            ..Default::default()
        };
        let tell = || async { self.service().update_schedule(timed(update.clone())).await };
        match patiently(tell).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::NotFound => {}
            Err(status) => return Err(refused(&status)),
        }
        let create = CreateScheduleRequest {
            namespace: update.namespace.clone(),
            schedule_id: update.schedule_id.clone(),
            schedule: update.schedule.clone(),
            identity: update.identity.clone(),
            request_id: Uuid::new_v4().to_string(),
            memo: Some(memo),
            search_attributes: update.search_attributes.clone(),
            ..Default::default()
        };
        match patiently(|| async { self.service().create_schedule(timed(create.clone())).await }).await {
            Ok(_) => Ok(()),
            // another process was faster
            Err(status) if status.code() == Code::AlreadyExists => patiently(tell).await.map(|_| ()).map_err(|status| refused(&status)),
            Err(status) => Err(refused(&status)),
        }
    }

    async fn describe(&self, id: &str) -> Result<Option<DescribeScheduleResponse>, EngineError> {
        let request = DescribeScheduleRequest { namespace: self.namespace().to_owned(), schedule_id: id.to_owned() };
        match patiently(|| async { self.service().describe_schedule(timed(request.clone())).await }).await {
            Ok(response) => Ok(Some(response.into_inner())),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(refused(&status)),
        }
    }
}

fn schedule(
    spec: ScheduleSpec,
    action: NewWorkflowExecutionInfo,
    (overlap, catch_up): (Overlap, Duration),
    state: ScheduleState,
) -> TemporalSchedule {
    TemporalSchedule {
        spec: Some(spec),
        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(action)) }),
        policies: Some(SchedulePolicies {
            overlap_policy: overlap_number(overlap),
            catchup_window: catch_up.try_into().ok(),
            ..Default::default()
        }),
        state: Some(state),
    }
}

fn overlap_number(overlap: Overlap) -> i32 {
    use temporalio_common::protos::temporal::api::enums::v1::ScheduleOverlapPolicy as Policy;
    let policy = match overlap {
        Overlap::Skip => Policy::Skip,
        Overlap::BufferOne => Policy::BufferOne,
        Overlap::BufferAll => Policy::BufferAll,
        Overlap::CancelOther => Policy::CancelOther,
        Overlap::TerminateOther => Policy::TerminateOther,
        Overlap::AllowAll => Policy::AllowAll,
    };
    policy as i32
}

/// Several installations may share a namespace; their task queues differ.
fn prefix(task_queue: &str) -> String {
    format!("ovia/{task_queue}/")
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

fn payload(value: &impl serde::Serialize) -> Result<Payload, EngineError> {
    value.as_json_payload().map_err(|error| EngineError::Other(error.to_string()))
}

/// Asks again while Temporal is too busy to answer: a schedule is a workflow there that answers one question at a time.
async fn patiently<T, F>(call: impl FnMut() -> F) -> Result<Response<T>, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let delays = ExponentialBuilder::default()
        .with_min_delay(BUSY_PAUSE)
        .with_max_delay(BUSY_PAUSE * 16)
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(RPC_TIMEOUT));
    call.retry(delays).when(|status| status.code() == Code::ResourceExhausted).await
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(RPC_TIMEOUT);
    request
}

fn refused(status: &Status) -> EngineError {
    match status.code() {
        Code::InvalidArgument => EngineError::Refused(status.message().to_owned()),
        Code::NotFound => EngineError::NotRunning(status.message().to_owned()),
        _ => EngineError::Unavailable(status.message().to_owned()),
    }
}
