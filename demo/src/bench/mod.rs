//! The stand-in for benchmarks: one project with many merge requests, and nothing that costs time.
//!
//! A row is a template with holes: its text is shared by all rows, so that 50,000 rows of 3.4 KB need a few megabytes here, and a
//! page is made by copying.

mod routes;
mod rows;
mod template;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;

use crate::server::{Answer, Call, Handler, Listening, Paging, Reply, Stats, StatsCounter, find, is_authorised, listen};
use rows::BenchRows;

/// What the benchmark server serves.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    pub token: String,
    pub merge_requests: usize,
    /// Size of one merge request row as JSON; not below what its fields need, about 2,400.
    pub payload_bytes: usize,
    /// Whether merge requests have notes, approvals, commits and diffs. Without, those answers are empty.
    pub details: bool,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "glpat-bench-0123456789abcd".to_owned(),
            merge_requests: 50_000,
            payload_bytes: 3_400,
            details: false,
        }
    }
}

/// A running benchmark server. Stops when shut down or dropped.
pub struct BenchServer {
    state: Arc<State>,
    listening: Listening,
    base_url: String,
}

struct State {
    rows: BenchRows,
    token: String,
    paging: Paging,
    counter: StatsCounter,
}

impl BenchServer {
    /// Listens and answers on the current tokio runtime, which must exist. Fails if the address cannot be bound.
    pub fn start(options: BenchOptions) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(options.addr).with_context(|| format!("failed to listen on {}", options.addr))?;
        let addr = socket.local_addr().context("failed to read the address listened on")?;
        let base_url = format!("http://{addr}");
        let rows = BenchRows::new(options.merge_requests, options.payload_bytes, options.details)?;
        let state =
            Arc::new(State { rows, token: options.token, paging: Paging { origin: base_url.clone() }, counter: StatsCounter::default() });
        let listening = listen(socket, state.clone())?;
        Ok(Self { state, listening, base_url })
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn token(&self) -> &str {
        &self.state.token
    }

    /// Full path of the one project.
    pub fn project(&self) -> &str {
        self.state.rows.project_path()
    }

    /// How many merge requests there are.
    pub fn merge_requests(&self) -> usize {
        self.state.rows.len()
    }

    pub fn stats(&self) -> Stats {
        self.state.counter.snapshot()
    }

    /// Stops listening and closes every connection.
    pub async fn shutdown(self) {
        self.listening.stop().await;
    }
}

impl Handler for State {
    fn handle(&self, call: &Call) -> Reply {
        let found = call.path.strip_prefix("/api/v4/").and_then(|path| find(routes::ROUTES, path));
        self.counter.begin(found.as_ref().map_or("unknown", |found| found.template));
        let answer = match found {
            _ if !is_authorised(call, &self.token) => Answer::message(401, "401 Unauthorized"),
            Some(found) => (found.route)(&self.rows, call, &found.params, &self.paging),
            None => Answer::error(404, "404 Not Found"),
        };
        let reply = Reply::plain(answer);
        self.counter.end(&reply);
        reply
    }
}
