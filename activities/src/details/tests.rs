#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;

use async_trait::async_trait;
use ovia_connectors::{Capabilities, CensusPage, CensusRequest, CheckReport, Page, Presence, PullRequest};
use ovia_domain::{Source, StreamSpec};
use serde_json::value::RawValue;

use super::*;

/// Answers eight items at a time, and refuses any question about an item it does not like.
#[derive(Default)]
struct Picky {
    refuses: Vec<&'static str>,
    is_down: bool,
    asked: Mutex<Vec<usize>>,
}

fn unused() -> ConnectorError {
    ConnectorError::Configuration { field: String::new(), message: "not asked for".into() }
}

#[async_trait]
impl Connector for Picky {
    fn source(&self) -> Source {
        Source::Jira
    }

    fn streams(&self) -> Vec<StreamSpec> {
        Vec::new()
    }

    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }

    fn max_in_flight(&self) -> usize {
        2
    }

    async fn check(&self) -> Result<CheckReport, ConnectorError> {
        Err(unused())
    }

    async fn pull(&self, _: PullRequest<'_>) -> Result<Page, ConnectorError> {
        Err(unused())
    }

    async fn census(&self, _: CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        Err(unused())
    }

    async fn presence(&self, _: &str, _: &str, _: &str, _: Option<&RawValue>) -> Result<Presence, ConnectorError> {
        Err(unused())
    }

    fn normalise(&self, _: &str, _: &str, _: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
        Ok(Vec::new())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn pull_detail(&self, _: &DetailRequest) -> Result<Detail, ConnectorError> {
        Err(unused())
    }

    fn detail_batch(&self, _: &str) -> usize {
        8
    }

    async fn pull_details(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        self.asked.lock().unwrap().push(requests.len());
        if self.is_down {
            return Err(ConnectorError::Unreachable { request: "POST x".into(), message: "down".into() });
        }
        if requests.iter().any(|request| self.refuses.contains(&request.external_id.as_str())) {
            return Err(ConnectorError::Refused { status: 400, request: "POST x".into(), message: "no".into() });
        }
        Ok(requests.iter().map(|request| Detail { not_available: Some(request.external_id.clone()), ..Detail::default() }).collect())
    }
}

fn items(count: usize) -> Vec<DetailRequest> {
    (0..count).map(|n| DetailRequest { stream: "changelogs".into(), external_id: n.to_string(), args: serde_json::Value::Null }).collect()
}

async fn answers(connector: Arc<Picky>, count: usize) -> Vec<Answer> {
    let (mut answers, _fetching) = fetch(connector, "changelogs", items(count), CancellationToken::new());
    let mut all = Vec::new();
    while let Some(answer) = answers.recv().await {
        all.push(answer);
    }
    all
}

#[tokio::test]
async fn items_are_asked_for_together_and_each_gets_its_own_answer() {
    let connector = Arc::new(Picky::default());
    let answers = answers(Arc::clone(&connector), 20).await;
    assert_eq!(answers.len(), 20);
    for (request, answer) in answers {
        assert_eq!(answer.unwrap().not_available, Some(request.external_id));
    }
    let mut asked = connector.asked.lock().unwrap().clone();
    asked.sort_unstable();
    assert_eq!(asked, [4, 8, 8]);
}

#[tokio::test]
async fn items_that_are_refused_do_not_take_their_neighbours_along() {
    let connector = Arc::new(Picky { refuses: vec!["3", "17"], ..Picky::default() });
    let answers = answers(connector, 20).await;
    let mut refused: Vec<String> =
        answers.iter().filter(|(_, answer)| answer.is_err()).map(|(request, _)| request.external_id.clone()).collect();
    refused.sort();
    assert_eq!((answers.len(), refused), (20, vec!["17".to_owned(), "3".to_owned()]));
}

#[tokio::test]
async fn a_source_that_is_down_is_not_asked_for_each_item() {
    let connector = Arc::new(Picky { is_down: true, ..Picky::default() });
    let answers = answers(Arc::clone(&connector), 20).await;
    assert!(answers.len() == 20 && answers.iter().all(|(_, answer)| answer.is_err()));
    assert_eq!(connector.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn all_are_asked_for_as_many_at_once_as_the_connector_takes() {
    let connector = Picky { refuses: vec!["9"], ..Picky::default() };
    let answers = ask_all(&connector, "changelogs", &items(20)).await;
    let refused: Vec<&str> =
        answers.iter().filter(|(_, answer)| answer.is_err()).map(|(request, _)| request.external_id.as_str()).collect();
    assert_eq!((answers.len(), refused), (20, vec!["9"]));
    assert!(connector.asked.lock().unwrap().iter().all(|asked| *asked <= 8));
}
