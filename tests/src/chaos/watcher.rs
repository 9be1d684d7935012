//! Somebody who watches all events, and goes on after the last one seen whenever the API dies.

use std::time::Duration;

use reqwest::Client;
use tokio::{sync::watch, time::sleep};

use super::traffic::Api;

const AGAIN: Duration = Duration::from_millis(300);

/// Ids of events, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub ids: Vec<i64>,
    pub streams: u32,
}

/// Watches for ever, and says what it has seen through `told`.
pub(super) async fn watch_events(api: Api, told: watch::Sender<Seen>) {
    let client = Client::new();
    loop {
        let last = told.borrow().ids.last().copied().unwrap_or(0);
        let request = client.get(format!("{}/events", api.base)).bearer_auth(&api.token).header("Last-Event-ID", last);
        if let Ok(mut stream) = request.send().await
            && stream.status().is_success()
        {
            told.send_modify(|seen| seen.streams += 1);
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = stream.chunk().await {
                text.extend_from_slice(&chunk);
                let ids = ids_take(&mut text);
                told.send_modify(|seen| seen.ids.extend(ids));
            }
        }
        sleep(AGAIN).await;
    }
}

/// Takes whole events off `text`; what is incomplete stays.
fn ids_take(text: &mut Vec<u8>) -> Vec<i64> {
    let Some(end) = text.windows(2).rposition(|pair| pair == b"\n\n") else { return Vec::new() };
    let events: Vec<u8> = text.drain(..end + 2).collect();
    let events = String::from_utf8_lossy(&events).into_owned();
    events.lines().filter_map(|line| line.strip_prefix("id:")?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::ids_take;

    #[test]
    fn an_event_counts_when_it_is_whole() {
        let mut text = b": hello\n\nid: 4\nevent: x\ndata: {}\n\nid: 5\nda".to_vec();
        assert_eq!(ids_take(&mut text), [4]);
        assert_eq!(text, b"id: 5\nda");
        text.extend_from_slice(b"ta: {}\n\n");
        assert_eq!(ids_take(&mut text), [5]);
    }
}
