//! The service put together: one list of resources, the layers around them, and the server.

use std::{future::Future, io, time::Duration};

use poem::{Endpoint, EndpointExt, Route, Server, endpoint::make_sync, listener::TcpAcceptor, web::Redirect};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, Tags};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    anomalies::AnomaliesApi,
    audit::AuditApi,
    backfill::BackfillApi,
    census::CensusApi,
    config::ApiConfig,
    connections::ConnectionsApi,
    connectors::ConnectorsApi,
    control::ControlApi,
    dead_letters::DeadLettersApi,
    deployments::DeploymentsApi,
    dispatch,
    documents::DocumentsApi,
    events::EventsApi,
    health::HealthApi,
    identities::IdentitiesApi,
    identity_mappings::{ExportApi, IdentityMappingsApi, ImportApi, decide::DecideApi},
    kill_switch::KillSwitchApi,
    limits::LimitsApi,
    matching_config::MatchingConfigApi,
    merge_requests::MergeRequestsApi,
    metrics::MetricsApi,
    middleware::Surround,
    organisation::OrganisationApi,
    people::PeopleApi,
    person::PersonApi,
    pipelines::PipelinesApi,
    releases::ReleasesApi,
    replay::ReplayApi,
    report_deliveries::ReportDeliveriesApi,
    reports::ReportsApi,
    routes::Guarded,
    run_events::RunEventsApi,
    runs::RunsApi,
    schedules::SchedulesApi,
    sprints::SprintsApi,
    state::ApiState,
    streams::StreamsApi,
    team_kpi::{TeamKpiApi, changes::KpiChangesApi, incidents::KpiIncidentsApi, rows::KpiRowsApi, settings::KpiSettingsApi},
    team_quality::TeamQualityApi,
    team_risks::TeamRisksApi,
    teams::{TeamImportApi, TeamsApi},
    webhooks::{WebhooksApi, setup::WebhookSetupApi},
    work_items::WorkItemsApi,
};

/// How long requests may take to end once the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Tags)]
pub(crate) enum Tag {
    /// Sources, and how they are reached.
    Connections,
    /// Syncs, matching and KPI rollups: start, watch, cancel, retry.
    Runs,
    /// When runs start by themselves.
    Schedules,
    /// What was synced and what it comes to.
    Team,
    /// Work items, releases and documents, and what mentions what.
    Work,
    /// For those who run the server.
    Operations,
}

type Resources = (
    HealthApi,
    (MetricsApi, KillSwitchApi),
    ConnectorsApi,
    (ConnectionsApi, StreamsApi),
    (RunsApi, BackfillApi, ControlApi, SchedulesApi),
    // tuples hold up to sixteen: those that belong together share a place
    (RunEventsApi, EventsApi),
    (PeopleApi, PersonApi, TeamsApi, TeamImportApi),
    (IdentitiesApi, IdentityMappingsApi, DecideApi, ExportApi, ImportApi, MatchingConfigApi),
    (
        (TeamRisksApi, TeamQualityApi, ReportsApi, ReportDeliveriesApi),
        (TeamKpiApi, KpiChangesApi, KpiRowsApi, KpiIncidentsApi, KpiSettingsApi),
    ),
    MergeRequestsApi,
    PipelinesApi,
    DeploymentsApi,
    (WorkItemsApi, ReleasesApi, SprintsApi, DocumentsApi),
    (LimitsApi, CensusApi, AnomaliesApi),
    (WebhooksApi, WebhookSetupApi),
    (DeadLettersApi, ReplayApi, AuditApi, OrganisationApi),
);

fn resources(state: &ApiState) -> Resources {
    (
        HealthApi(state.clone()),
        (MetricsApi(state.clone()), KillSwitchApi(state.clone())),
        ConnectorsApi(state.clone()),
        (ConnectionsApi(state.clone()), StreamsApi(state.clone())),
        (RunsApi(state.clone()), BackfillApi(state.clone()), ControlApi(state.clone()), SchedulesApi(state.clone())),
        (RunEventsApi(state.clone()), EventsApi(state.clone())),
        (PeopleApi(state.clone()), PersonApi(state.clone()), TeamsApi(state.clone()), TeamImportApi(state.clone())),
        (
            IdentitiesApi(state.clone()),
            IdentityMappingsApi(state.clone()),
            DecideApi(state.clone()),
            ExportApi(state.clone()),
            ImportApi(state.clone()),
            MatchingConfigApi(state.clone()),
        ),
        (
            (TeamRisksApi(state.clone()), TeamQualityApi(state.clone()), ReportsApi(state.clone()), ReportDeliveriesApi(state.clone())),
            (
                TeamKpiApi(state.clone()),
                KpiChangesApi(state.clone()),
                KpiRowsApi(state.clone()),
                KpiIncidentsApi(state.clone()),
                KpiSettingsApi(state.clone()),
            ),
        ),
        MergeRequestsApi(state.clone()),
        PipelinesApi(state.clone()),
        DeploymentsApi(state.clone()),
        (WorkItemsApi(state.clone()), ReleasesApi(state.clone()), SprintsApi(state.clone()), DocumentsApi(state.clone())),
        (LimitsApi(state.clone()), CensusApi(state.clone()), AnomaliesApi(state.clone())),
        (WebhooksApi(state.clone()), WebhookSetupApi(state.clone())),
        (DeadLettersApi(state.clone()), ReplayApi(state.clone()), AuditApi(state.clone()), OrganisationApi(state.clone())),
    )
}

fn described<T: OpenApi>(resources: T) -> OpenApiService<T, ()> {
    OpenApiService::new(resources, "Ovia", env!("CARGO_PKG_VERSION"))
        .summary("Engineering intelligence from GitLab and friends, self-hosted.")
        .description("Start syncs, watch them, and read people, merge requests, pipelines, deployments and KPIs. docs/API-DESIGN.md has the rules that hold for every path.")
        .license(LicenseObject::new(env!("CARGO_PKG_LICENSE")))
}

/// Metadata without a service behind it.
struct Documented;

impl OpenApi for Documented {
    fn meta() -> Vec<poem_openapi::registry::MetaApi> {
        Resources::meta()
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Resources::register(registry);
    }

    fn add_routes(
        self,
        _: &mut std::collections::HashMap<String, std::collections::HashMap<poem::http::Method, poem::endpoint::BoxEndpoint<'static>>>,
    ) {
    }
}

/// The OpenAPI document, pretty-printed, ending in a newline. The same for the same build.
pub fn openapi_document() -> String {
    described(Documented).spec() + "\n"
}

/// The whole service. Needs a tokio runtime: it starts to listen for run events.
pub fn api_endpoint(config: ApiConfig) -> impl Endpoint {
    endpoint(ApiState::start(config, CancellationToken::new()))
}

/// Serves on `listener` until `shutdown` is ready: event streams end, other requests get five seconds. Beside the requests, runs that
/// Temporal has not heard of are handed to it.
pub async fn api_serve(config: ApiConfig, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let stopping = CancellationToken::new();
    let state = ApiState::start(config, stopping.clone());
    let mut background = tokio::task::JoinSet::new();
    background.spawn(dispatch::dispatch_forever(state.clone()));
    let signal = async {
        shutdown.await;
        stopping.cancel();
    };
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    Server::new_with_acceptor(acceptor).name("ovia-api").run_with_graceful_shutdown(endpoint(state), signal, Some(GRACE)).await
}

fn endpoint(state: ApiState) -> impl Endpoint {
    let service = described(Guarded(resources(&state)));
    let document = openapi_document();
    Route::new()
        .at("/openapi.json", make_sync(move |_| poem::Response::builder().content_type("application/json").body(document.clone())))
        .at("/", make_sync(|_| Redirect::temporary("/docs")))
        .nest("/docs", service.swagger_ui())
        .nest_no_strip("/", service)
        .with(Surround(state))
}
