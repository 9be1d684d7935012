//! `Engine` over a real Temporal.

use std::time::Duration;

use ovia_domain::{ConnectionId, OrgId, RunKind, Source};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, Priority, RpcOptions, UntypedSignal, UntypedWorkflow, WorkflowCancelOptions,
    WorkflowDescribeOptions, WorkflowExecutionStatus, WorkflowGetResultOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    WorkflowSignalOptions, WorkflowStartOptions, WorkflowTerminateOptions,
    errors::{WorkflowInteractionError, WorkflowStartError},
};
use temporalio_common::{MemoValues, data_converters::RawValue, search_attributes::SearchAttributes};

use crate::{
    backfill::BackfillWorkflow,
    census::CensusWorkflow,
    client::{ConnectionCheck, Engine, EngineError, RunStart},
    connection_check::ConnectionCheckWorkflow,
    delivery::{WorkflowEnd, WorkflowLook},
    kpi_rollup::KpiRollupWorkflow,
    matching::MatchingWorkflow,
    names, policies,
    quality::QualityWorkflow,
    replay::ReplayWorkflow,
    report::ReportWorkflow,
    retention::RetentionWorkflow,
    sync::SyncWorkflow,
    types::{ConnectionRef, ConnectionRun, OrgRun, SyncTuning},
    webhooks::{WebhooksWorkflow, webhooks_workflow_id},
};

/// Where Temporal is and how its work is done.
#[derive(Clone)]
pub struct TemporalConfig {
    pub connection: ConnectionOptions,
    pub client: ClientOptions,
    pub task_queue: String,
    pub sync_tuning: SyncTuning,
}

/// A connected Temporal client, bound to one namespace and task queue. Cheap to clone.
#[derive(Clone)]
pub struct TemporalEngine {
    client: Client,
    task_queue: String,
    sync_tuning: SyncTuning,
}

impl TemporalEngine {
    /// Connects. Fails if Temporal does not answer.
    pub async fn connect(config: TemporalConfig) -> Result<Self, EngineError> {
        let connection = Connection::connect(config.connection).await.map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let client = Client::new(connection, config.client).map_err(|error| EngineError::Other(error.to_string()))?;
        Ok(Self { client, task_queue: config.task_queue, sync_tuning: config.sync_tuning })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn namespace(&self) -> &str {
        &self.client.options().namespace
    }

    pub fn task_queue(&self) -> &str {
        &self.task_queue
    }

    pub(crate) fn sync_tuning(&self) -> SyncTuning {
        self.sync_tuning
    }

    /// Registers the search attributes in the namespace, where they are missing. A server that refuses (no permission, as on Temporal
    /// Cloud) is told apart from one that does not answer: the caller says what to register by hand.
    pub async fn search_attributes_ensure(&self) -> Result<(), EngineError> {
        use temporalio_common::protos::temporal::api::{
            enums::v1::IndexedValueType,
            operatorservice::v1::{AddSearchAttributesRequest, ListSearchAttributesRequest},
        };
        let mut operator = self.client.connection().operator_service();
        let list = ListSearchAttributesRequest { namespace: self.namespace().to_owned() };
        let known = operator.list_search_attributes(temporalio_client::tonic::Request::new(list)).await;
        let known = known.map_err(|status| EngineError::Other(status.message().to_owned()))?.into_inner().custom_attributes;
        let missing: Vec<&str> = names::SEARCH_ATTRIBUTES.into_iter().filter(|name| !known.contains_key(*name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let request = AddSearchAttributesRequest {
            search_attributes: missing.iter().map(|name| ((*name).to_owned(), IndexedValueType::Keyword as i32)).collect(),
            namespace: self.namespace().to_owned(),
        };
        let added = operator.add_search_attributes(temporalio_client::tonic::Request::new(request)).await;
        added.map(|_| ()).map_err(|status| EngineError::Other(status.message().to_owned()))
    }

    fn connection_run(&self, start: &RunStart, (connection_id, source): (ConnectionId, Source)) -> ConnectionRun {
        ConnectionRun { org_id: start.org_id, run_id: start.run_id, connection_id, source, tuning: self.sync_tuning }
    }

    fn start_options(&self, start: &RunStart) -> WorkflowStartOptions {
        let mut memo = MemoValues::new();
        memo.insert(names::MEMO_SUMMARY, start.summary.clone());
        WorkflowStartOptions::new(self.task_queue.clone(), start.workflow_id.clone())
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .search_attributes(search_attributes(start))
            .memo(memo)
            .static_summary(start.summary.clone())
            .priority(
                Priority::builder()
                    .fairness_key(start.org_id.to_string())
                    .priority_key(start.priority.unwrap_or_else(|| policies::priority(start.kind)))
                    .build(),
            )
            .rpc_options(rpc(5))
            .build()
    }
}

/// Fails after `seconds` instead of retrying for long: a person or a request waits.
fn rpc(seconds: u64) -> RpcOptions {
    RpcOptions::builder().timeout(Duration::from_secs(seconds)).build()
}

fn search_attributes(start: &RunStart) -> SearchAttributes {
    let mut updates = vec![
        names::ORG.value_set(start.org_id.to_string()),
        names::RUN_KIND.value_set(start.kind.to_string()),
        names::RUN_ID.value_set(start.run_id.to_string()),
    ];
    if let Some((connection_id, source)) = start.connection {
        updates.push(names::CONNECTION.value_set(connection_id.to_string()));
        updates.push(names::SOURCE.value_set(source.to_string()));
    }
    SearchAttributes::new(updates)
}

fn started<T>(result: Result<T, WorkflowStartError>) -> Result<(), EngineError> {
    match result {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(WorkflowStartError::Rpc(status)) => Err(EngineError::Unavailable(status.message().to_owned())),
        Err(error) => Err(EngineError::Other(error.to_string())),
    }
}

#[expect(clippy::disallowed_methods, reason = "the client is not workflow code")]
fn check_id(connection_id: ConnectionId) -> String {
    format!("connection_check/{connection_id}/{}", ovia_domain::RunId::generate())
}

/// What is not known to be over is taken for running: a pause, or a state of a newer server.
fn look(status: WorkflowExecutionStatus) -> WorkflowLook {
    match status {
        WorkflowExecutionStatus::Completed => WorkflowLook::Ended(WorkflowEnd::Completed),
        WorkflowExecutionStatus::Failed => WorkflowLook::Ended(WorkflowEnd::Failed),
        WorkflowExecutionStatus::Canceled => WorkflowLook::Ended(WorkflowEnd::Cancelled),
        WorkflowExecutionStatus::Terminated => WorkflowLook::Ended(WorkflowEnd::Terminated),
        WorkflowExecutionStatus::TimedOut => WorkflowLook::Ended(WorkflowEnd::TimedOut),
        _ => WorkflowLook::Running,
    }
}

#[async_trait::async_trait]
impl Engine for TemporalEngine {
    async fn run_start(&self, start: &RunStart) -> Result<(), EngineError> {
        let options = self.start_options(start);
        // who is who may change: the figures follow, whoever asked
        let org_run = OrgRun { org_id: start.org_id, run_id: start.run_id, then_rollup: true };
        match (start.kind, start.connection) {
            (RunKind::Sync, Some(connection)) => {
                started(self.client.start_workflow(SyncWorkflow::run, self.connection_run(start, connection), options).await)
            }
            (RunKind::Backfill, Some(connection)) => {
                started(self.client.start_workflow(BackfillWorkflow::run, self.connection_run(start, connection), options).await)
            }
            (RunKind::Census, Some(connection)) => {
                started(self.client.start_workflow(CensusWorkflow::run, self.connection_run(start, connection), options).await)
            }
            (RunKind::Replay, Some(connection)) => {
                started(self.client.start_workflow(ReplayWorkflow::run, self.connection_run(start, connection), options).await)
            }
            (RunKind::Matching, _) => started(self.client.start_workflow(MatchingWorkflow::run, org_run, options).await),
            (RunKind::KpiRollup, _) => started(self.client.start_workflow(KpiRollupWorkflow::run, org_run, options).await),
            (RunKind::Retention, _) => started(self.client.start_workflow(RetentionWorkflow::run, org_run, options).await),
            (RunKind::Report, _) => started(self.client.start_workflow(ReportWorkflow::run, org_run, options).await),
            (RunKind::Quality, _) => started(self.client.start_workflow(QualityWorkflow::run, org_run, options).await),
            (kind, _) => Err(EngineError::Other(format!("runs of kind {kind} cannot be started yet"))),
        }
    }

    async fn run_resume(&self, workflow_id: &str) -> Result<(), EngineError> {
        let handle = self.client.get_workflow_handle::<UntypedWorkflow>(workflow_id);
        let options = WorkflowSignalOptions::builder().rpc_options(rpc(5)).build();
        match handle.signal(UntypedSignal::new(names::RESUME_SIGNAL), RawValue::new(Vec::new()), options).await {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
            Err(error) => Err(EngineError::Unavailable(error.to_string())),
        }
    }

    async fn run_terminate(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError> {
        let handle = self.client.get_workflow_handle::<UntypedWorkflow>(workflow_id);
        let options = WorkflowTerminateOptions::builder().reason(reason).rpc_options(rpc(5)).build();
        match handle.terminate(options).await {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
            Err(error) => Err(EngineError::Unavailable(error.to_string())),
        }
    }

    async fn run_cancel(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError> {
        let handle = self.client.get_workflow_handle::<UntypedWorkflow>(workflow_id);
        let options = WorkflowCancelOptions::builder().reason(reason).rpc_options(rpc(5)).build();
        match handle.cancel(options).await {
            // the server takes a request to cancel what has ended for granted
            Ok(()) if self.run_has_ended(workflow_id).await? => Err(EngineError::NotRunning(workflow_id.to_owned())),
            Ok(()) => Ok(()),
            Err(WorkflowInteractionError::NotFound(_)) => Err(EngineError::NotRunning(workflow_id.to_owned())),
            Err(error) => Err(EngineError::Unavailable(error.to_string())),
        }
    }

    async fn run_has_ended(&self, workflow_id: &str) -> Result<bool, EngineError> {
        Ok(matches!(self.run_look(workflow_id).await?, WorkflowLook::Ended(_)))
    }

    async fn run_look(&self, workflow_id: &str) -> Result<WorkflowLook, EngineError> {
        let handle = self.client.get_workflow_handle::<UntypedWorkflow>(workflow_id);
        match handle.describe(WorkflowDescribeOptions::builder().rpc_options(rpc(5)).build()).await {
            Ok(description) => Ok(look(description.status())),
            Err(WorkflowInteractionError::NotFound(_)) => Ok(WorkflowLook::Unknown),
            Err(error) => Err(EngineError::Unavailable(error.to_string())),
        }
    }

    async fn connection_check(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<ConnectionCheck, EngineError> {
        const WAIT_SECONDS: u64 = 20;
        let workflow_id = check_id(connection_id);
        let options = WorkflowStartOptions::new(self.task_queue.clone(), workflow_id)
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .execution_timeout(Duration::from_secs(WAIT_SECONDS + 10))
            .search_attributes(SearchAttributes::new([
                names::ORG.value_set(org_id.to_string()),
                names::CONNECTION.value_set(connection_id.to_string()),
            ]))
            .static_summary("Connection check")
            .rpc_options(rpc(5))
            .build();
        let input = ConnectionRef { org_id, connection_id };
        let handle = match self.client.start_workflow(ConnectionCheckWorkflow::run, input, options).await {
            Ok(handle) => handle,
            Err(error) => return Err(EngineError::Unavailable(error.to_string())),
        };
        let result = handle.get_result(WorkflowGetResultOptions::builder().rpc_options(rpc(WAIT_SECONDS)).build());
        result.await.map_err(|error| match error {
            temporalio_client::errors::WorkflowGetResultError::Rpc(_) => EngineError::NoWorker(WAIT_SECONDS),
            temporalio_client::errors::WorkflowGetResultError::TimedOut => EngineError::NoWorker(WAIT_SECONDS),
            other => EngineError::Other(other.to_string()),
        })
    }

    async fn webhooks_tell(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<(), EngineError> {
        let options = WorkflowStartOptions::new(self.task_queue.clone(), webhooks_workflow_id(connection_id))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new([
                names::ORG.value_set(org_id.to_string()),
                names::CONNECTION.value_set(connection_id.to_string()),
            ]))
            .static_summary("Pulls what webhooks name")
            .priority(Priority::builder().fairness_key(org_id.to_string()).priority_key(policies::WEBHOOK_PRIORITY).build())
            .rpc_options(rpc(5))
            .build();
        let input = ConnectionRef { org_id, connection_id };
        let told = self.client.signal_with_start_workflow(WebhooksWorkflow::run, input, WebhooksWorkflow::delivered, (), options);
        started(told.await)
    }

    async fn ready(&self) -> Result<(), EngineError> {
        let request = temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest {
            namespace: self.namespace().to_owned(),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        let call = service.describe_namespace(temporalio_client::tonic::Request::new(request));
        call.await.map(|_| ()).map_err(|status| EngineError::Unavailable(status.message().to_owned()))
    }
}
