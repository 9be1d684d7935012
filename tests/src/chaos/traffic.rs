//! Who uses Ovia meanwhile: somebody who syncs every few seconds, and a source that changes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use super::{dice::Dice, source::Source};

/// After an answer that came to nothing.
const AGAIN: Duration = Duration::from_millis(500);

/// A client of an API that may be dead.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    pub(super) base: String,
    pub(super) token: String,
    log: Arc<Mutex<AnswerLog>>,
}

#[derive(Default)]
struct AnswerLog {
    /// By status; 0 where there was none.
    answers: BTreeMap<u16, u32>,
    violations: Vec<String>,
}

impl Api {
    pub fn new(address: &str, token: String) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap_or_else(|error| panic!("{error}"));
        Self { client, base: format!("http://{address}"), token, log: Arc::default() }
    }

    /// The answer; `None` without one. A server error has to say what to do about it; anything else that is not among `fine` is a
    /// violation.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>, fine: &[u16]) -> Option<(u16, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = match request.send().await {
            Ok(answer) => Some((answer.status().as_u16(), answer.text().await)),
            Err(_) => None,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((status, Ok(text))) = answer else {
            *log.answers.entry(0).or_default() += 1;
            return None;
        };
        *log.answers.entry(status).or_default() += 1;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let told = status >= 500 && body["code"].is_string() && body["hint"].is_string();
        if !told && !fine.contains(&status) {
            log.violations.push(format!("{path} was answered with {status}: {text}"));
        }
        Some((status, body))
    }

    pub fn answers(&self) -> BTreeMap<u16, u32> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).answers.clone()
    }

    pub fn violations(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).violations.clone()
    }

    /// Asks until the answer is one of `fine`.
    pub async fn insist(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>, fine: &[u16]) -> (u16, Value) {
        loop {
            match self.send(method.clone(), path, body, key, fine).await {
                Some((status, answer)) if fine.contains(&status) => return (status, answer),
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// Starts a sync; one that is open already does.
    pub async fn sync(&self, connection: &str) {
        self.insist(Method::POST, &format!("/connections/{connection}/sync"), None, None, &[202, 409]).await;
    }

    /// Starts the backfill, or finds it: the key is the same every time.
    pub async fn backfill(&self, connection: &str, source: &Source) -> String {
        let body = json!({"from": source.from, "to": source.to, "window": super::source::WINDOW});
        let path = format!("/connections/{connection}/backfill");
        let (_, run) = self.insist(Method::POST, &path, Some(&body), Some(source.name), &[202]).await;
        run["id"].as_str().unwrap_or_default().to_owned()
    }
}

/// Until `stop`: a sync every `every`. Now and then the backfill is asked for again, which must not start another one.
pub(super) async fn syncs(
    api: Api,
    connection: String,
    backfill: String,
    source: Arc<Source>,
    every: Duration,
    stop: watch::Receiver<bool>,
) {
    let work = async {
        loop {
            api.sync(&connection).await;
            sleep(every).await;
            let again = api.backfill(&connection, &source).await;
            assert_eq!(again, backfill, "the same key started another backfill");
        }
    };
    until(stop, work).await;
}

/// Until `stop`: the source changes every few seconds.
pub(super) async fn changes(source: Arc<Source>, mut dice: Dice, every: Duration, stop: watch::Receiver<bool>) -> u32 {
    let mut changes = 0;
    loop {
        let pause = dice.duration(every / 2, every * 3 / 2);
        if until(stop.clone(), sleep(pause)).await.is_none() {
            return changes;
        }
        let (changed, mut own) = (Arc::clone(&source), dice.clone());
        dice.next();
        let done = tokio::task::spawn_blocking(move || changed.change(&mut own)).await;
        done.unwrap_or_else(|error| panic!("{error}"));
        changes += 1;
    }
}

/// `work`, unless `stop` comes first.
async fn until<T>(mut stop: watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = stop.wait_for(|stop| *stop) => None,
    }
}
