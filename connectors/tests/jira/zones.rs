//! Syncs as accounts in other time zones, across changes of the clock, with many issues in one minute: nothing is lost.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use ovia_domain::Entity;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::site::{Issues, Site};
use crate::support::{Walked, open_with, walk};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Around `turn`: one issue every seven minutes, and 24 in the minute of the turn itself.
fn issues(turn: DateTime<Utc>) -> Issues {
    let spread = (0..60).map(|n| (n, turn + TimeDelta::minutes(7 * (n as i64 - 30)) + TimeDelta::milliseconds(13 * n as i64)));
    spread.chain((100..124).map(|n| (n, turn + TimeDelta::milliseconds(n as i64 * 400 - 40_000)))).collect()
}

fn learn(known: &mut BTreeMap<u64, DateTime<Utc>>, walked: &Walked) {
    for entity in walked.entities() {
        if let Entity::WorkItem(item) = entity {
            known.insert(item.external_id.parse().unwrap(), item.updated_at.unwrap());
        }
    }
}

async fn syncs(zone: Tz, turn: DateTime<Utc>) {
    let server = MockServer::start().await;
    let site = Site::start(&server, zone, issues(turn), turn - TimeDelta::minutes(60)).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["WEB"], "page_size": 10}));
    let mut known = BTreeMap::new();
    let mut cursor: Option<Value> = None;
    // a sync every half hour, before, over and after the turn; each sees what there is by then
    let all = site.issues.lock().unwrap().clone();
    for step in -8..10 {
        let now = turn + TimeDelta::minutes(30 * step);
        *site.now.lock().unwrap() = now;
        {
            let mut there = site.issues.lock().unwrap();
            *there = all.iter().filter(|(_, at)| **at <= now).map(|(id, at)| (*id, *at)).collect();
            // and one old issue is touched just before each sync
            if let Some(first) = there.first_entry() {
                *first.into_mut() = now - TimeDelta::seconds(1);
            }
        }
        let walked = walk(&jira, "issues", "10000", cursor.as_ref()).await.unwrap();
        assert!(walked.dead_letters.is_empty(), "{:?}", walked.dead_letters);
        learn(&mut known, &walked);
        cursor = Some(walked.cursor);
        assert_eq!(known, *site.issues.lock().unwrap(), "{zone}, {now}");
    }
    assert_eq!(known.len(), 84);
}

#[tokio::test]
async fn pitfall_0_2_an_account_in_new_york_over_the_clocks_going_forward_and_back() {
    syncs(chrono_tz::America::New_York, at("2026-03-08T07:00:00Z")).await;
    syncs(chrono_tz::America::New_York, at("2026-11-01T06:00:00Z")).await;
}

#[tokio::test]
async fn pitfall_0_2_an_account_in_shanghai() {
    syncs(chrono_tz::Asia::Shanghai, at("2026-03-08T16:00:00Z")).await;
}

#[tokio::test]
async fn pitfall_0_2_an_account_in_kathmandu_a_quarter_of_an_hour_off() {
    syncs(chrono_tz::Asia::Kathmandu, at("2026-03-08T18:15:00Z")).await;
}

#[tokio::test]
async fn pitfall_1_3_a_bulk_edit_of_more_than_a_page_in_one_minute() {
    let server = MockServer::start().await;
    let turn = at("2026-05-05T05:05:00Z");
    let crowd: Issues = (0..75).map(|n| (n, turn + TimeDelta::milliseconds(n as i64 * 700))).collect();
    Site::start(&server, chrono_tz::UTC, crowd.clone(), turn + TimeDelta::hours(5)).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["WEB"], "page_size": 10}));
    let walked = walk(&jira, "issues", "10000", None).await.unwrap();
    let mut known = BTreeMap::new();
    learn(&mut known, &walked);
    assert_eq!(known, crowd);
    assert!(walked.pages <= 1 + 2 * 8 + 1, "{} pages", walked.pages);
}
