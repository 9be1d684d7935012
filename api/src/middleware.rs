//! What surrounds the whole service: the request id, the span, the count, and a problem document for whatever the router, the
//! framework or a panic answered in plain text.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use futures::FutureExt;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, http::HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    problem::{CONTENT_TYPE, Problem},
    routes::RouteTemplate,
    state::ApiState,
};

const HEADER: &str = "x-request-id";
/// Longer ids of callers are replaced, so that the log stays readable.
const MAX_ID: usize = 128;

/// Names one request in its answer and in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(pub String);

impl RequestId {
    /// The id that `Surround` gave the request.
    pub fn of(request: &Request) -> Self {
        request.data::<Self>().cloned().unwrap_or_default()
    }

    /// The caller's own id if it is a sensible one, else a new one.
    fn choose(request: &Request) -> Self {
        let sensible =
            |id: &&str| (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        Self(request.header(HEADER).filter(sensible).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}

/// The outermost layer.
pub(crate) struct Surround(pub ApiState);

impl<E: Endpoint> Middleware<E> for Surround {
    type Output = SurroundEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SurroundEndpoint { inner, state: self.0.clone() }
    }
}

pub(crate) struct SurroundEndpoint<E> {
    inner: E,
    state: ApiState,
}

impl<E: Endpoint> Endpoint for SurroundEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let request_id = RequestId::choose(&request);
        let method = request.method().clone();
        request.set_data(request_id.clone());
        request.set_data(self.state.clone());
        let span = tracing::info_span!("request", request_id = %request_id.0, %method, path = request.uri().path());
        let answered = AssertUnwindSafe(self.inner.call(request)).catch_unwind().instrument(span).await;
        let mut response = match answered {
            Ok(Ok(response)) => as_problem(response.into_response(), &request_id).await,
            Ok(Err(error)) => refuse(&Problem::of_framework(error), &request_id),
            Err(panic) => refuse(&Problem::internal(panic_message(panic.as_ref())), &request_id),
        };
        if let Ok(value) = HeaderValue::from_str(&request_id.0) {
            response.headers_mut().insert(HEADER, value);
        }
        let route = response.data::<RouteTemplate>().map_or("unmatched", |route| &*route.0);
        self.state.metrics.request(method.as_str(), route, response.status().as_u16(), started.elapsed());
        Ok(response)
    }
}

/// An error that the router answered in plain text, as a problem document.
async fn as_problem(mut response: Response, request_id: &RequestId) -> Response {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error || matches!(response.content_type(), Some(kind) if kind == CONTENT_TYPE || kind.starts_with("application/json")) {
        return response;
    }
    let text = response.take_body().into_string().await.unwrap_or_default();
    refuse(&Problem::of_status(response.status(), &text), request_id)
}

fn refuse(problem: &Problem, request_id: &RequestId) -> Response {
    problem.log(request_id, "unmatched");
    problem.response(&request_id.0)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}
