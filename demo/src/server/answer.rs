//! Answers, and the body type that can break off in the middle.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Response, StatusCode, header};
use serde_json::json;
use tokio::time::{Sleep, sleep};

/// What the server says, before anything goes wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content_type: &'static str,
    pub body: Bytes,
}

/// What happens to an answer on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// The connection closes without a byte of answer.
    Drop,
    /// The body ends after this share of its bytes (percent), and the connection closes.
    Truncate(u8),
}

/// An answer, when it is given, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub answer: Answer,
    pub delay: Duration,
    pub effect: Effect,
}

impl Reply {
    pub(crate) fn plain(answer: Answer) -> Self {
        Self { answer, delay: Duration::ZERO, effect: Effect::None }
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl Answer {
    pub(crate) fn json(body: Bytes) -> Self {
        Self { status: 200, headers: Vec::new(), content_type: "application/json", body }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: &'static str) -> Self {
        Self { status, headers: Vec::new(), content_type, body: Bytes::from_static(body.as_bytes()) }
    }

    /// `{"message": …}`, GitLab's usual error.
    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self { status, ..Self::json(Bytes::from(json!({ "message": message }).to_string())) }
    }

    /// `{"error": …}`, its form for unknown routes and invalid parameters.
    pub(crate) fn error(status: u16, error: &str) -> Self {
        Self { status, ..Self::json(Bytes::from(json!({ "error": error }).to_string())) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As an HTTP response; a truncated one claims the full length.
    pub(crate) fn into_response(self, effect: Effect) -> Response<Payload> {
        let full = self.body.len();
        let (body, breaks_off) = match effect {
            Effect::Truncate(percent) => (self.body.slice(..full * usize::from(percent.min(99)) / 100), Some(Box::pin(sleep(FLUSH)))),
            _ => (self.body, None),
        };
        let mut response = Response::new(Payload { data: Some(body), breaks_off });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, full.into());
        for (name, value) in self.headers {
            if let Ok(value) = header::HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// How long an incomplete body waits after its last byte: hyper throws away what it has not flushed when a body breaks off.
const FLUSH: Duration = Duration::from_millis(25);

/// One chunk. An incomplete one hides its size, so that hyper believes the Content-Length header and breaks the connection when
/// the bytes run out.
pub(crate) struct Payload {
    data: Option<Bytes>,
    /// Of an incomplete body: when it breaks off.
    breaks_off: Option<Pin<Box<Sleep>>>,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.breaks_off {
            Some(flushed) => flushed.as_mut().poll(cx).map(|()| None),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.breaks_off.is_none() && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks_off.is_none() {
            SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
        } else {
            SizeHint::default()
        }
    }
}
