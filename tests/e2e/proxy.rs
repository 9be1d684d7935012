//! A proxy before a source: it writes down when each request arrives, and can answer in the source's place.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use futures::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Instant,
    /// With the query.
    pub path: String,
}

/// What the proxy does with the nth request, counted from 1.
pub enum Act {
    /// Passes it on, and adds these headers to the answer.
    Pass(Vec<(&'static str, String)>),
    /// Passes it on once this is over.
    PassAfter(BoxFuture<'static, ()>),
    /// Answers by itself: status and headers.
    Answer(u16, Vec<(&'static str, String)>),
}

pub struct Proxy {
    pub url: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// Stands before `upstream`.
    pub async fn start(upstream: &str, act: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (upstream, kept, act) = (upstream.trim_end_matches('/').to_owned(), Arc::clone(&arrivals), Arc::new(act));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, client.clone(), upstream.clone(), Arc::clone(&kept), Arc::clone(&act)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, arrivals, _serving: serving }
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }
}

/// One request per connection.
async fn serve(
    mut stream: TcpStream,
    client: reqwest::Client,
    upstream: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    act: Arc<impl Fn(usize, &str) -> Act>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let nth = {
        let mut arrivals = arrivals.lock().unwrap();
        arrivals.push(Arrival { at: Instant::now(), path: path.clone() });
        arrivals.len()
    };
    let answer = match act(nth, &path) {
        Act::Answer(status, headers) => {
            Some((status, headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), Vec::new()))
        }
        Act::Pass(extra) => passed_on(&client, &format!("{upstream}{path}"), &head, extra).await,
        Act::PassAfter(over) => {
            over.await;
            passed_on(&client, &format!("{upstream}{path}"), &head, Vec::new()).await
        }
    };
    let Some((status, headers, body)) = answer else { return };
    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let _ = stream.write_all(&[text.as_bytes(), &body].concat()).await;
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

/// What the source answers, with `extra` headers; `None` if it does not.
async fn passed_on(client: &reqwest::Client, url: &str, head: &str, extra: Vec<(&'static str, String)>) -> Option<Answer> {
    let mut request = client.get(url);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        if !["host", "connection", "accept-encoding"].contains(&name.to_ascii_lowercase().as_str()) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let hop = ["content-length", "transfer-encoding", "connection", "content-encoding"];
    let mut headers: Vec<(String, String)> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !hop.contains(&name.as_str()) && extra.iter().all(|(other, _)| other != &name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    headers.extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Some((status, headers, answer.bytes().await.ok()?.to_vec()))
}
