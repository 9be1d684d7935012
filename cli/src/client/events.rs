//! A run's event stream, reconnected for as long as it takes.
//!
//! The server ends the stream with the run. Anything else that ends it (a restart, a proxy's timeout) is answered by connecting again
//! with the id of the last event, so no event is missed or seen twice.

use std::{pin::Pin, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::{Stream, StreamExt};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use super::ApiClient;
use crate::exit::{CliResult, Exit};

/// The server sends a comment every 10 s; a stream that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(45);

/// One event of a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunEvent {
    pub id: String,
    /// `run_started`, `page_committed` … `run_finished`.
    pub kind: String,
    pub data: Value,
}

type Incoming = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>;

pub struct RunEvents {
    client: ApiClient,
    run_id: String,
    last_event_id: Option<String>,
    incoming: Option<Incoming>,
    delays: backon::ExponentialBackoff,
}

fn delays() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(60)
        .with_jitter()
        .build()
}

impl RunEvents {
    pub fn new(client: ApiClient, run_id: &str) -> Self {
        Self { client, run_id: run_id.to_owned(), last_event_id: None, incoming: None, delays: delays() }
    }

    /// The next event; `None` when the run and with it the stream is over. Fails for good only where trying again cannot help, or
    /// after some minutes without an answer.
    pub async fn next(&mut self) -> CliResult<Option<RunEvent>> {
        loop {
            let incoming = match &mut self.incoming {
                Some(incoming) => incoming,
                None => self.incoming.insert(connect(&self.client, &self.run_id, self.last_event_id.as_deref(), &mut self.delays).await?),
            };
            match tokio::time::timeout(SILENCE, incoming.next()).await {
                Ok(Some(Ok(event))) => {
                    self.delays = delays();
                    if !event.id.is_empty() {
                        self.last_event_id = Some(event.id.clone());
                    }
                    return Ok(Some(to_run_event(event)));
                }
                Ok(None) if self.is_over().await? => return Ok(None),
                // Cut off in the middle.
                Ok(None) | Ok(Some(Err(_))) | Err(_) => {
                    self.incoming = None;
                    self.pause().await;
                }
            }
        }
    }

    async fn is_over(&self) -> CliResult<bool> {
        match self.client.get(&format!("runs/{}", self.run_id), &[]).await {
            Ok(run) => Ok(run["status"].as_str().and_then(ovia_domain::RunStatus::parse).is_some_and(|status| status.is_terminal())),
            Err(error) if error.exit == Exit::Unreachable => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn pause(&mut self) {
        let delay = self.delays.next().unwrap_or(Duration::from_secs(5));
        tokio::time::sleep(delay).await;
    }
}

async fn connect(
    client: &ApiClient,
    run_id: &str,
    last_event_id: Option<&str>,
    delays: &mut backon::ExponentialBackoff,
) -> CliResult<Incoming> {
    loop {
        let mut request = client.request(Method::GET, &format!("runs/{run_id}/events"))?.header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        match client.answer(request).await {
            Ok(response) => return Ok(Box::pin(response.bytes_stream().eventsource())),
            Err(error) if error.exit == Exit::Unreachable => match delays.next() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

fn to_run_event(event: Event) -> RunEvent {
    let data = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
    RunEvent { id: event.id, kind: event.event, data }
}
