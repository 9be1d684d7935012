//! The company behind a GitLab API on loopback.
//!
//! Readers take a snapshot of the whole world (facts and rendered rows); an edit builds a new one and swaps it in. So an answer is
//! always consistent in itself, and no request waits for an edit.

mod answer;
mod auth;
mod call;
mod control;
mod faults;
mod faults_atlassian;
mod keyset;
mod list;
mod listen;
mod paging;
mod query;
mod rate_limit;
mod router;
mod routes;
mod stats;
mod world;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::company::Company;
use crate::truth::{KpiQuestion, MetricTruth, Truth};
pub(crate) use answer::{Answer, Effect, Reply};
pub(crate) use auth::is_authorised;
pub(crate) use call::Call;
pub(crate) use faults::{Dialect, Injected, Injector, Rewrite};
pub use faults::{FaultKind, FaultRule, Faults, LimitReason, When};
pub(crate) use faults_atlassian::{confluence_error, error as site_error, iso, jira_error, limited, unauthorised};
pub(crate) use listen::{Handler, Listening, listen};
pub(crate) use paging::Paging;
pub(crate) use query::{PageQuery, choice, time};
pub use rate_limit::RateLimit;
use rate_limit::RateMeter;
pub(crate) use router::{Found, Route, find};
pub(crate) use stats::Counter as StatsCounter;
use stats::Counter;
pub use stats::Stats;
use world::World;

/// How the stand-in listens and behaves.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    pub token: String,
    /// As `/git`: the API is then at `/git/api/v4`.
    pub path_prefix: Option<String>,
    /// Added to every answer.
    pub latency: Option<Duration>,
    /// Enforced; without it the rate-limit headers only count.
    pub rate_limit: Option<RateLimit>,
    /// Scheme and host of `Link` headers, as `https://gitlab.internal`, for a server behind a proxy. Default: the address listened on.
    pub link_origin: Option<String>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "glpat-demo-0123456789abcdef".to_owned(),
            path_prefix: None,
            latency: None,
            rate_limit: None,
            link_origin: None,
        }
    }
}

/// A running stand-in. Stops when shut down or dropped.
pub struct DemoServer {
    state: Arc<State>,
    listening: Listening,
    base_url: String,
}

pub(crate) struct State {
    world: RwLock<Arc<World>>,
    /// Held while a new world is built, so that two edits do not lose each other.
    editing: Mutex<()>,
    faults: Mutex<faults::Injector>,
    counter: Counter,
    meter: RateMeter,
    options: ServerOptions,
    paging: Paging,
    /// `/git` or empty.
    prefix: String,
}

impl DemoServer {
    /// Listens and answers on the current tokio runtime, which must exist. Fails if the address cannot be bound.
    pub fn start(company: Company, options: ServerOptions) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(options.addr).with_context(|| format!("failed to listen on {}", options.addr))?;
        let addr = socket.local_addr().context("failed to read the address listened on")?;
        let prefix = options.path_prefix.as_deref().map(|prefix| prefix.trim_matches('/')).filter(|prefix| !prefix.is_empty());
        let prefix = prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default();
        let origin = options.link_origin.clone().unwrap_or_else(|| format!("http://{addr}"));
        let state = Arc::new(State {
            world: RwLock::new(Arc::new(World::build(company))),
            editing: Mutex::new(()),
            faults: Mutex::default(),
            counter: Counter::default(),
            meter: RateMeter::new(options.rate_limit),
            paging: Paging { origin },
            prefix: prefix.clone(),
            options,
        });
        let listening = listen(socket, state.clone())?;
        Ok(Self { state, listening, base_url: format!("http://{addr}{prefix}") })
    }

    /// `http://127.0.0.1:4321/git`: what to give as a connection's base URL.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn token(&self) -> &str {
        &self.state.options.token
    }

    /// Full path of the group that holds everything.
    pub fn top_group(&self) -> String {
        self.state.world().company.top_group().to_owned()
    }

    pub fn stats(&self) -> Stats {
        self.state.counter.snapshot()
    }

    pub fn reset_stats(&self) {
        self.state.counter.reset();
    }

    /// Replaces all fault rules; their counts start again.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// The truth as it is now, edits included.
    pub fn truth(&self) -> Truth {
        self.state.world().company.truth().clone()
    }

    /// The truth for another present.
    pub fn truth_at(&self, as_of: DateTime<Utc>) -> Truth {
        self.state.world().company.truth_at(as_of)
    }

    /// Every metric as it is now, edits included.
    pub fn kpi_truth(&self, question: &KpiQuestion) -> Vec<MetricTruth> {
        self.state.world().company.kpi_truth(question)
    }

    /// Changes the company and serves the changed rows from then on, as in `server.edit(|c| c.delete_merge_requests(3))`.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Company) -> T) -> T {
        self.state.edit(change)
    }

    /// See [`Company::edit_merge_requests`].
    pub fn edit_merge_requests(&self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.edit(|company| company.edit_merge_requests(count, at))
    }

    /// See [`Company::push_merge_requests`].
    pub fn push_merge_requests(&self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.edit(|company| company.push_merge_requests(count, at))
    }

    /// See [`Company::delete_merge_requests`].
    pub fn delete_merge_requests(&self, count: usize) -> Vec<String> {
        self.edit(|company| company.delete_merge_requests(count))
    }

    /// See [`Company::delete_merge_request`].
    pub fn delete_merge_request(&self, id: &str) -> bool {
        self.edit(|company| company.delete_merge_request(id))
    }

    /// See [`Company::delete_issues`].
    pub fn delete_issues(&self, count: usize) -> Vec<String> {
        self.edit(|company| company.delete_issues(count))
    }

    /// See [`Company::delete_pipelines`].
    pub fn delete_pipelines(&self, count: usize) -> Vec<String> {
        self.edit(|company| company.delete_pipelines(count))
    }

    /// See [`Company::delete_deployments`].
    pub fn delete_deployments(&self, count: usize) -> Vec<String> {
        self.edit(|company| company.delete_deployments(count))
    }

    /// See [`Company::delete_releases`].
    pub fn delete_releases(&self, count: usize) -> Vec<String> {
        self.edit(|company| company.delete_releases(count))
    }

    /// See [`Company::delete_project`].
    pub fn delete_project(&self, key: &str) -> bool {
        self.edit(|company| company.delete_project(key))
    }

    /// See [`Company::hide_project`].
    pub fn hide_project(&self, key: &str) -> bool {
        self.edit(|company| company.hide_project(key))
    }

    /// See [`Company::show_project`].
    pub fn show_project(&self, key: &str) -> bool {
        self.edit(|company| company.show_project(key))
    }

    /// See [`Company::add_merge_requests`].
    pub fn add_merge_requests(&self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.edit(|company| company.add_merge_requests(count, at))
    }

    /// See [`Company::add_pipelines`].
    pub fn add_pipelines(&self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.edit(|company| company.add_pipelines(count, at))
    }

    /// See [`Company::add_deployments`].
    pub fn add_deployments(&self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.edit(|company| company.add_deployments(count, at))
    }

    /// Stops listening and closes every connection.
    pub async fn shutdown(self) {
        self.listening.stop().await;
    }
}

impl State {
    fn world(&self) -> Arc<World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults::Injector::new(faults);
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Company) -> T) -> T {
        let _one_at_a_time = self.editing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut company = self.world().company.clone();
        let result = change(&mut company);
        let world = Arc::new(World::build(company));
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = world;
        result
    }
}

impl Handler for State {
    fn handle(&self, call: &Call) -> Reply {
        if let Some(path) = call.path.strip_prefix("/_demo/") {
            return Reply::plain(control::answer(self, path, call));
        }
        let found =
            call.path.strip_prefix(&self.prefix).and_then(|path| path.strip_prefix("/api/v4/")).and_then(|path| find(routes::ROUTES, path));
        let template = found.as_ref().map_or("unknown", |found| found.template);
        self.counter.begin(template);
        let mut reply = self.reply(call, found, template);
        if let Some(latency) = self.options.latency {
            reply.delay += latency;
        }
        self.counter.end(&reply);
        reply
    }
}

impl State {
    fn reply(&self, call: &Call, found: Option<Found<World>>, template: &str) -> Reply {
        let reading = self.meter.count();
        if let Some(answer) = reading.refusal() {
            return Reply::plain(answer);
        }
        let injected = self.faults.lock().unwrap_or_else(PoisonError::into_inner).next(Dialect::Gitlab, template, &call.path);
        self.counter.faults(injected.len());
        let (mut delay, mut effect) = (Duration::ZERO, Effect::None);
        for fault in injected {
            match fault {
                faults::Injected::Answer(answer) => return Reply::plain(answer).after(delay),
                faults::Injected::Delay(more) => delay += more,
                faults::Injected::Effect(found) => effect = found,
                // Page tokens are not GitLab's.
                faults::Injected::Rewrite(_) => {}
            }
        }
        let mut answer = match found {
            _ if !is_authorised(call, &self.options.token) => Answer::message(401, "401 Unauthorized"),
            _ if call.method != "GET" => Answer::message(403, "403 Forbidden"),
            Some(found) => (found.route)(&self.world(), call, &found.params, &self.paging),
            None => Answer::error(404, "404 Not Found"),
        };
        reading.add_headers(&mut answer);
        Reply { answer, delay, effect }
    }
}
