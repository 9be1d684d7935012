//! The accept loop. Every connection is a task of one set; stopping aborts them all.

use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::answer::Payload;
use super::{Call, Effect, Reply};

/// Answers calls. Must not block for long: it runs on the connection's task.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self, call: &Call) -> Reply;
}

/// A running accept loop; ends when stopped or dropped.
pub(crate) struct Listening {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn stop(mut self) {
        self.stop.take();
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "the stand-in's accept loop failed");
        }
    }
}

/// Starts the loop on the current runtime.
pub(crate) fn listen<H: Handler>(socket: TcpListener, handler: Arc<H>) -> anyhow::Result<Listening> {
    socket.set_nonblocking(true).context("failed to make the socket non-blocking")?;
    let runtime = tokio::runtime::Handle::try_current().context("failed to find a tokio runtime to serve on")?;
    let _entered = runtime.enter();
    let socket = tokio::net::TcpListener::from_std(socket).context("failed to hand the socket to tokio")?;
    // Dropping the sender is the signal, so that a forgotten server stops as well.
    let (stop, mut stopped) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some(_) = connections.join_next() => {}
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => { connections.spawn(connection(stream, handler.clone())); }
                    Err(error) => tracing::warn!(%error, "failed to accept a connection"),
                },
            }
        }
        connections.shutdown().await;
    });
    Ok(Listening { stop: Some(stop), task })
}

async fn connection<H: Handler>(stream: TcpStream, handler: Arc<H>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY");
    }
    let service = service_fn(move |request| answer(handler.clone(), request));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        // Usual: injected faults and clients that go away.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer<H: Handler>(handler: Arc<H>, request: Request<Incoming>) -> io::Result<Response<Payload>> {
    let (head, body) = request.into_parts();
    let body = if head.method == hyper::Method::GET { Bytes::new() } else { read(body).await? };
    let call = Call::new(head.method.as_str(), head.uri.path(), head.uri.query(), head.headers, body);
    let reply = handler.handle(&call);
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    match reply.effect {
        // An error makes hyper close the connection without answering.
        Effect::Drop => Err(io::Error::other("dropped on request")),
        effect => Ok(reply.answer.into_response(effect)),
    }
}

/// A request body of at most 1 MiB.
async fn read(mut body: Incoming) -> io::Result<Bytes> {
    let mut all = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > 1 << 20 {
            return Err(io::Error::other("the request body is too large"));
        }
    }
    Ok(all.freeze())
}
