//! What both stand-ins share: listening, authentication, limits, faults, snapshots.
//!
//! As with the GitLab stand-in, readers take a snapshot of the whole world and an edit swaps a new one in.

mod limits;
mod options;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{
    Answer, Call, Dialect, Effect, Faults, Found, Handler, Injected, Injector, Listening, Paging, Reply, Rewrite, Route, Stats,
    StatsCounter, find, listen, site_error, unauthorised,
};
use crate::wire::render;
pub(crate) use limits::COST;
use limits::Limits;
pub use options::{PointsLimit, SiteOptions};

/// A site's facts with their JSON.
pub(crate) trait World: Send + Sync + Sized + 'static {
    type Facts: Clone + Send + Sync;
    const DIALECT: Dialect;
    /// The gateway's path: `/ex/jira`.
    const GATEWAY: &'static str;
    fn build(facts: Self::Facts, options: &SiteOptions, origin: &str) -> Self;
    fn facts(&self) -> &Self::Facts;
    fn routes() -> &'static [Route<Self>];
    /// Templates that take POST; all others take GET only.
    fn takes_post(template: &str) -> bool;
    /// Of these, the ones that take GET as well.
    fn takes_get_too(template: &str) -> bool;
    fn truth(facts: &Self::Facts) -> Value;
    /// A page that lies about what comes next; what is not a page stays as it is.
    fn rewritten(&self, rewrite: Rewrite, call: &Call, body: &[u8]) -> Bytes;
    /// A change by name, as another process asks for it; `None` for one there is not. Returns external ids.
    fn change(facts: &mut Self::Facts, kind: &str, count: usize, at: DateTime<Utc>) -> Option<Vec<String>>;
}

/// One running site.
pub(crate) struct Site<W: World> {
    state: Arc<SiteState<W>>,
    listening: Listening,
    pub(crate) origin: String,
}

struct SiteState<W: World> {
    world: RwLock<Arc<W>>,
    editing: Mutex<()>,
    faults: Mutex<Injector>,
    counter: StatsCounter,
    limits: Limits,
    options: SiteOptions,
    /// Where links point.
    link_origin: String,
}

impl<W: World> Site<W> {
    pub(crate) fn start(facts: W::Facts, options: SiteOptions) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(options.addr).with_context(|| format!("failed to listen on {}", options.addr))?;
        let addr = socket.local_addr().context("failed to read the address listened on")?;
        let origin = format!("http://{addr}");
        let link_origin = options.link_origin.clone().unwrap_or_else(|| origin.clone());
        let state = Arc::new(SiteState {
            world: RwLock::new(Arc::new(W::build(facts, &options, &link_origin))),
            editing: Mutex::new(()),
            faults: Mutex::default(),
            counter: StatsCounter::default(),
            limits: Limits::new(W::DIALECT, &options),
            link_origin,
            options,
        });
        let listening = listen(socket, state.clone())?;
        Ok(Self { state, listening, origin })
    }

    pub(crate) fn options(&self) -> &SiteOptions {
        &self.state.options
    }

    pub(crate) fn stats(&self) -> Stats {
        self.state.counter.snapshot()
    }

    pub(crate) fn reset_stats(&self) {
        self.state.counter.reset();
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    pub(crate) fn with_facts<T>(&self, read: impl FnOnce(&W::Facts) -> T) -> T {
        read(self.state.world().facts())
    }

    pub(crate) fn edit<T>(&self, change: impl FnOnce(&mut W::Facts) -> T) -> T {
        self.state.edit(change)
    }

    pub(crate) async fn shutdown(self) {
        self.listening.stop().await;
    }
}

/// `POST /_demo/changes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    kind: String,
    count: usize,
    #[serde(default = "Utc::now")]
    at: DateTime<Utc>,
}

/// How a call came in.
enum Entrance {
    Site,
    Gateway,
}

impl<W: World> SiteState<W> {
    fn world(&self) -> Arc<W> {
        self.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn edit<T>(&self, change: impl FnOnce(&mut W::Facts) -> T) -> T {
        let _one_at_a_time = self.editing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts = self.world().facts().clone();
        let result = change(&mut facts);
        let world = Arc::new(W::build(facts, &self.options, &self.link_origin));
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = world;
        result
    }

    fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Injector::new(faults);
    }

    /// The path below the site, whichever way it was asked for.
    fn entrance<'a>(&self, path: &'a str) -> (Entrance, &'a str) {
        let below = path.strip_prefix(W::GATEWAY).and_then(|rest| rest.strip_prefix('/'));
        match below.and_then(|rest| rest.strip_prefix(self.options.cloud_id.as_str())) {
            Some(rest) => (Entrance::Gateway, rest),
            None => (Entrance::Site, path),
        }
    }

    /// The site takes `email:api_token`; the gateway takes that and access tokens, which the site refuses.
    fn is_authorised(&self, call: &Call, entrance: &Entrance) -> bool {
        let Some(header) = call.header("authorization") else { return false };
        if let Some(token) = header.strip_prefix("Bearer ") {
            return matches!(entrance, Entrance::Gateway) && token == self.options.access_token;
        }
        let decoded = header.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text).ok());
        decoded.is_some_and(|pair| pair == format!("{}:{}", self.options.email, self.options.api_token).as_bytes())
    }

    fn control(&self, path: &str, call: &Call) -> Answer {
        match (call.method.as_str(), path) {
            ("GET", "stats") => Answer::json(render(&self.counter.snapshot())),
            ("DELETE", "stats") => {
                self.counter.reset();
                Answer::json(render(&self.counter.snapshot()))
            }
            ("PUT" | "POST", "faults") => match serde_json::from_slice::<Faults>(&call.body) {
                Ok(faults) => {
                    self.set_faults(faults.clone());
                    Answer::json(render(&faults))
                }
                Err(error) => Answer::message(400, &error.to_string()),
            },
            ("DELETE", "faults") => {
                self.set_faults(Faults::default());
                Answer::json(render(&Faults::default()))
            }
            ("POST", "changes") => match serde_json::from_slice::<Change>(&call.body) {
                Ok(Change { kind, count, at }) => match self.edit(|facts| W::change(facts, &kind, count, at)) {
                    Some(ids) => Answer::json(render(&json!({ "external_ids": ids }))),
                    None => Answer::message(400, &format!("there is no change `{kind}`")),
                },
                Err(error) => Answer::message(400, &error.to_string()),
            },
            ("GET", "truth") => {
                let truth = W::truth(self.world().facts());
                match call.param("part") {
                    None => Answer::json(render(&truth)),
                    Some(part) => truth.get(part).map_or_else(|| Answer::error(404, "no such part"), |part| Answer::json(render(part))),
                }
            }
            _ => Answer::error(404, "404 Not Found"),
        }
    }

    fn reply(&self, call: &Call, path: &str, entrance: &Entrance, found: Option<Found<W>>, template: &str) -> Reply {
        if let Some(refusal) = self.limits.refusal(template) {
            return Reply::plain(refusal);
        }
        let injected = self.faults.lock().unwrap_or_else(PoisonError::into_inner).next(W::DIALECT, template, path);
        self.counter.faults(injected.len());
        let (mut delay, mut effect, mut rewrites) = (Duration::ZERO, Effect::None, Vec::new());
        for fault in injected {
            match fault {
                Injected::Answer(answer) => return Reply::plain(answer).after(delay),
                Injected::Delay(more) => delay += more,
                Injected::Effect(found) => effect = found,
                Injected::Rewrite(rewrite) => rewrites.push(rewrite),
            }
        }
        let paging = Paging { origin: self.link_origin.clone() };
        let mut answer = match found {
            _ if !self.is_authorised(call, entrance) => unauthorised(W::DIALECT),
            Some(found) if call.method == "POST" && !W::takes_post(found.template) => site_error(W::DIALECT, 405, "Method Not Allowed"),
            Some(found) if call.method == "GET" && W::takes_post(found.template) && !W::takes_get_too(found.template) => {
                site_error(W::DIALECT, 405, "Method Not Allowed")
            }
            Some(_) if !matches!(call.method.as_str(), "GET" | "POST") => site_error(W::DIALECT, 403, "Nothing can be written here."),
            Some(found) => (found.route)(&self.world(), call, &found.params, &paging),
            None => site_error(W::DIALECT, 404, "null for uri"),
        };
        for rewrite in rewrites {
            answer.body = self.world().rewritten(rewrite, call, &answer.body);
        }
        self.limits.charge(&mut answer);
        Reply { answer, delay, effect }
    }
}

impl<W: World> Handler for SiteState<W> {
    fn handle(&self, call: &Call) -> Reply {
        if let Some(path) = call.path.strip_prefix("/_demo/") {
            return Reply::plain(self.control(path, call));
        }
        let (entrance, path) = self.entrance(&call.path);
        let found = find(W::routes(), path.trim_start_matches('/'));
        let template = found.as_ref().map_or("unknown", |found| found.template);
        self.counter.begin(template);
        let mut reply = self.reply(call, path, &entrance, found, template);
        if let Some(latency) = self.options.latency {
            reply.delay += latency;
        }
        self.counter.end(&reply);
        reply
    }
}
