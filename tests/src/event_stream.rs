//! A client of server-sent events.

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::Http;

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    pub id: i64,
    pub kind: String,
    /// JSON.
    pub data: String,
}

/// An open event stream, read in a task of its own until it ends.
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<StreamEvent>,
}

impl EventStream {
    /// Opens `path` after the event `after`. Panics unless the answer is 200.
    pub async fn open(client: &reqwest::Client, http: &Http, path: &str, after: Option<i64>) -> Self {
        let mut request = client.get(format!("{}{path}", http.base)).bearer_auth(&http.token);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(answer.status(), 200, "GET {path}");
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(read(answer.bytes_stream(), sender));
        Self { receiver }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        self.receiver.recv().await
    }

    /// The next event, within ten seconds.
    pub async fn expect(&mut self) -> StreamEvent {
        let event = tokio::time::timeout(std::time::Duration::from_secs(10), self.next()).await;
        event.unwrap_or_else(|_| panic!("no event within 10 s")).unwrap_or_else(|| panic!("the stream has ended"))
    }

    /// What has come and was not looked at yet.
    pub fn come(&mut self) -> Option<StreamEvent> {
        self.receiver.try_recv().ok()
    }
}

/// Sends on every whole event of `body` until that ends, by itself or in an error, or nobody listens any more.
async fn read<B: AsRef<[u8]>>(mut body: impl Stream<Item = reqwest::Result<B>> + Unpin, events: mpsc::UnboundedSender<StreamEvent>) {
    let mut text = String::new();
    loop {
        let chunk = tokio::select! {
            chunk = body.next() => chunk,
            () = events.closed() => return,
        };
        let Some(Ok(chunk)) = chunk else { return };
        text.push_str(&String::from_utf8_lossy(chunk.as_ref()));
        let mut done = 0;
        while let Some(end) = text[done..].find("\n\n").map(|at| done + at) {
            if let Some(event) = parse(&text[done..end]) {
                let _ = events.send(event);
            }
            done = end + 2;
        }
        text.drain(..done);
    }
}

/// Comments are no events.
fn parse(block: &str) -> Option<StreamEvent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    Some(StreamEvent { id: field("id:")?.parse().ok()?, kind: field("event:")?, data: field("data:")? })
}
