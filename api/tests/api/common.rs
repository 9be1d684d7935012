//! The service under test: its own database, a mocked engine, two organisations with a token each.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use ovia_api::{ApiConfig, ConfigProblem, MatchingRules, api_endpoint, openapi_document};
use ovia_domain::{ConnectionId, OrgId, RunKind, ScheduleId};
use ovia_matching::MatchConfig;
use ovia_store::{Sealer, testing::TestDatabase};
use ovia_workflows::{
    ConnectionCheck, Engine, EngineError, RunStart, ScheduleEngine,
    delivery::WorkflowLook,
    schedules::{Marks, SchedulePage, ScheduleSeen, ScheduleTarget},
    types::SyncTuning,
};
use poem::{
    Endpoint, EndpointExt, IntoResponse, Response,
    endpoint::BoxEndpoint,
    http::StatusCode,
    test::{TestClient, TestRequestBuilder},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

pub use poem::http::Method;

mockall::mock! {
    pub Temporal {}

    #[async_trait::async_trait]
    impl Engine for Temporal {
        async fn run_start(&self, start: &RunStart) -> Result<(), EngineError>;
        async fn run_resume(&self, workflow_id: &str) -> Result<(), EngineError>;
        async fn run_terminate(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError>;
        async fn run_cancel(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError>;
        async fn run_look(&self, workflow_id: &str) -> Result<WorkflowLook, EngineError>;
        async fn run_has_ended(&self, workflow_id: &str) -> Result<bool, EngineError>;
        async fn connection_check(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<ConnectionCheck, EngineError>;
        async fn webhooks_tell(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<(), EngineError>;
        async fn ready(&self) -> Result<(), EngineError>;
    }

    #[async_trait::async_trait]
    impl ScheduleEngine for Temporal {
        fn schedule_temporal_id(&self, kind: RunKind, id: ScheduleId) -> String;
        async fn schedule_put(&self, target: &ScheduleTarget) -> Result<ScheduleSeen, EngineError>;
        async fn schedule_describe(&self, target: &ScheduleTarget) -> Result<Option<ScheduleSeen>, EngineError>;
        fn schedule_wanted(&self, target: &ScheduleTarget) -> String;
        async fn schedule_delete(&self, temporal_id: &str) -> Result<(), EngineError>;
        async fn schedule_trigger(&self, kind: RunKind, id: ScheduleId) -> Result<(), EngineError>;
        async fn schedules_list(&self, page: Option<Vec<u8>>) -> Result<SchedulePage, EngineError>;
        async fn reconcile_ensure(&self, seconds: u64) -> Result<(), EngineError>;
        fn tuning(&self) -> SyncTuning;
    }
}

/// A token no answer may ever hold.
pub const SECRET: &str = "glpat-do-not-show-me";

pub struct TestApi {
    pub db: TestDatabase,
    pub config: ApiConfig,
    pub client: TestClient<BoxEndpoint<'static, Response>>,
    pub org: OrgId,
    pub token: String,
    pub other_org: OrgId,
    pub other_token: String,
}

/// One answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub request_id: String,
    pub text: String,
}

impl TestApi {
    /// With an engine that takes everything.
    pub async fn start() -> Self {
        Self::with_engine(willing_engine()).await
    }

    pub async fn with_engine(engine: MockTemporal) -> Self {
        Self::configured(engine, |_| {}).await
    }

    pub async fn configured(engine: MockTemporal, change: impl FnOnce(&mut ApiConfig)) -> Self {
        let db = TestDatabase::create().await;
        let (org, token) = db.store.first_token_create("default").await.unwrap().unwrap();
        let other_org = OrgId::generate();
        db.sql(&format!("insert into organisations (id, name) values ('{other_org}', 'other')")).await;
        let other_token = db.store.token_create(other_org, "other").await.unwrap();
        let mut config = ApiConfig::new(db.store.clone(), Arc::new(engine));
        config.sealer = Some(Sealer::parse(&Sealer::generate_key()).unwrap());
        config.temporal_ui_url = Some("http://ui.example:8233/".into());
        config.matching = Some(matching_rules());
        config.sse_heartbeat = Duration::from_millis(100);
        change(&mut config);
        let client = TestClient::new(api_endpoint(config.clone()).map_to_response().boxed());
        Self {
            db,
            config,
            client,
            org,
            token: token.expose_secret().to_owned(),
            other_org,
            other_token: other_token.expose_secret().to_owned(),
        }
    }

    pub fn request(&self, method: Method, path: &str) -> TestRequestBuilder<'_, BoxEndpoint<'static, Response>> {
        self.client.request(method, path).header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(method, path).body_json(body)).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// The same request by the other organisation.
    pub async fn as_other(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.client.request(method, path).header("authorization", format!("Bearer {}", self.other_token));
        Answer::of(if let Some(body) = body { request.body_json(body) } else { request }).await
    }

    /// A connection's id.
    pub async fn connection(&self, name: &str) -> String {
        let made = self.send(Method::POST, "/connections", &connection_body(name)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Ends a run, as a worker would.
    pub async fn run_ends(&self, run_id: &str, status: &str) {
        let status = ovia_domain::RunStatus::parse(status).unwrap();
        self.db.store.run_finish(self.org, run_id.parse().unwrap(), status, None, None).await.unwrap();
    }

    /// Every item of a list, walked page by page.
    pub async fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit={limit}{cursor}")).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            let page = page.json();
            let found = page["items"].as_array().unwrap();
            assert!(found.len() <= limit);
            items.extend(found.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => {
                    assert_eq!(found.len(), limit, "a page before the last one is full");
                    cursor = format!("&cursor={next}");
                }
                None => return items,
            }
        }
    }
}

impl Answer {
    pub async fn of<E: Endpoint>(request: TestRequestBuilder<'_, E>) -> Self {
        let mut response = request.send().await.0.into_response();
        let text = response.take_body().into_string().await.unwrap();
        assert!(!text.contains(SECRET), "a credential was returned: {text}");
        Self {
            status: response.status(),
            content_type: response.content_type().unwrap_or_default().to_owned(),
            request_id: response.header("x-request-id").unwrap_or_default().to_owned(),
            text,
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()["items"].as_array().unwrap().clone()
    }

    /// Asserts that this is a whole problem document with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.content_type.as_str()), (status, "application/problem+json"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code, "{}", self.text);
        assert_eq!(problem["type"], format!("urn:ovia:problem:{code}"));
        for field in ["title", "detail", "hint"] {
            assert!(problem[field].as_str().is_some_and(|text| text.len() > 3), "{field}: {}", self.text);
        }
        assert_hint_leads_somewhere(problem["hint"].as_str().unwrap());
        assert!(problem["errors"].is_array());
        assert_eq!(problem["request_id"], self.request_id.as_str());
        assert!(!self.request_id.is_empty());
        problem
    }

    /// Asserts a validation error that names exactly this field.
    #[track_caller]
    pub fn names_field(&self, field: &str) -> String {
        let problem = self.problem(400, "VALIDATION_ERROR");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{}", self.text);
        assert_eq!(problem["errors"][0]["field"], field, "{}", self.text);
        problem["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

/// Fails unless every request that a hint tells, as `GET /runs/{id}`, is one of the OpenAPI document's.
#[track_caller]
fn assert_hint_leads_somewhere(hint: &str) {
    static PATHS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str::<Value>(&openapi_document()).unwrap()["paths"].take());
    let words: Vec<&str> = hint.split_whitespace().map(|word| word.trim_matches(|c: char| "`().,;:".contains(c))).collect();
    for pair in words.windows(2) {
        let (method, path) = (pair[0], pair[1].split('?').next().unwrap_or_default());
        if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) || !path.starts_with('/') {
            continue;
        }
        let is_it = |known: &str| {
            let (known, told) = (known.split('/'), path.split('/'));
            known.clone().count() == told.clone().count() && known.zip(told).all(|(known, told)| known == told || known.starts_with('{'))
        };
        let known = PATHS.as_object().unwrap().iter().any(|(at, item)| is_it(at) && item.get(method.to_lowercase()).is_some());
        assert!(known, "there is no {method} {path}: {hint}");
    }
}

pub fn willing_engine() -> MockTemporal {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().returning(|_| Ok(()));
    engine.expect_run_cancel().returning(|_, _| Ok(()));
    engine.expect_ready().returning(|| Ok(()));
    engine.expect_webhooks_tell().returning(|_, _| Ok(()));
    let found = ConnectionCheck {
        ok: true,
        account: Some("@ada".into()),
        version: Some("18.1".into()),
        warnings: vec!["a warning".into()],
        error: None,
    };
    engine.expect_connection_check().returning(move |_, _| Ok(found.clone()));
    engine.expect_schedule_temporal_id().returning(|kind, id| format!("ovia/test/{kind}/{id}"));
    engine.expect_schedule_put().returning(|target| Ok(schedule_seen(target)));
    engine.expect_schedule_describe().returning(|target| Ok(Some(schedule_seen(target))));
    engine.expect_schedule_delete().returning(|_| Ok(()));
    engine.expect_schedule_trigger().returning(|_, _| Ok(()));
    engine
}

fn schedule_seen(target: &ScheduleTarget) -> ScheduleSeen {
    let marks = Marks { wanted: "w".into(), listed: "l".into(), seen: "s".into() };
    let next_runs = if target.schedule.paused { Vec::new() } else { vec![chrono::Utc::now(); 5] };
    ScheduleSeen { marks, next_runs, paused: target.schedule.paused }
}

pub fn connection_body(name: &str) -> Value {
    json!({
        "source": "gitlab", "name": name, "base_url": "https://gitlab.example.com/git/",
        "credentials": {"token": SECRET}, "settings": {"projects": ["acme/web", 7], "groups": []},
    })
}

/// As the binary has them.
pub fn matching_rules() -> MatchingRules {
    let check = |config: &Value| {
        let problem = |wrong: ovia_matching::ConfigProblem| ConfigProblem { field: wrong.field, message: wrong.message, hint: wrong.hint };
        MatchConfig::read(config).map(|config| json!(config)).map_err(|wrong| wrong.into_iter().map(problem).collect())
    };
    MatchingRules { shipped: json!(MatchConfig::default()), check: Arc::new(check) }
}
