//! Later walks: what changed is found, in any time zone, and what only moved out of use is told apart from what is gone.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::TimeDelta;
use chrono_tz::Tz;
use ovia_domain::{Document, Entity};
use serde_json::json;

use crate::site::{Site, at, space};
use crate::support::{Walked, open, open_with, parameter, received, walk};

fn documents(walked: &Walked) -> Vec<&Document> {
    walked.entities().filter_map(|entity| if let Entity::Document(row) = entity { Some(row) } else { None }).collect()
}

#[tokio::test]
async fn only_what_changed_is_fetched_again() {
    let site = Site::new(300);
    let server = site.start().await;
    let connector = open(&server.uri());
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    assert_eq!((first.records.len(), first.pages), (300, 4), "three of what is in use, one of what is not");
    site.wait(TimeDelta::days(1));
    site.edit(7);
    site.add(301, "page");
    let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
    assert_eq!(second.ids(), ["7", "301"]);
    assert_eq!(documents(&second)[0].version_number, 2);
    assert_eq!(second.requests, 5, "space, time zone, search, the two by id, what is out of use");
    let third = walk(&connector, "pages", "1", Some(second.cursor.clone())).await.unwrap();
    assert_eq!(third.requests, 4, "the time zone is known by now");
}

#[tokio::test]
async fn the_question_and_its_page_size_stay_the_same_for_the_whole_walk() {
    let site = Site::new(9);
    let server = site.start().await;
    let first = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    site.wait(TimeDelta::hours(3));
    (1..=9).for_each(|id| site.edit(id));
    let page = |size: u32| open_with(&server.uri(), json!({"page_size": size}));
    let mut cursor = Some(first.cursor);
    let mut seen = 0;
    for size in [2, 5, 250, 3, 1, 7, 4, 2] {
        let connector = page(size);
        let request = ovia_connectors::PullRequest { stream: "pages", partition: "1", cursor: cursor.as_ref(), window: None };
        let answer = ovia_connectors::Connector::pull(&connector, request).await.unwrap();
        seen += answer.records.len();
        site.wait(TimeDelta::hours(2));
        if answer.done {
            break;
        }
        cursor = Some(answer.cursor);
    }
    assert_eq!(seen, 9);
    let asked = received(&server, "/wiki/rest/api/search").await;
    let questions: std::collections::BTreeSet<_> =
        asked.iter().map(|request| (parameter(request, "cql"), parameter(request, "limit"))).collect();
    assert_eq!((asked.len(), questions.len()), (5, 1), "{questions:?}");
}

#[tokio::test]
async fn no_time_zone_and_no_change_of_clocks_hides_a_change() {
    // around both changes of the clocks in New York, and on ordinary days
    for now in ["2026-03-08T06:30:00Z", "2026-03-08T07:10:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-06-01T12:00:00Z"] {
        for zone in ["America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12", "UTC"] {
            for shows_zone in [true, false] {
                let site = Site::new(3);
                {
                    let mut state = site.state();
                    (state.now, state.zone, state.shows_zone) = (at(now), zone.parse::<Tz>().unwrap(), shows_zone);
                    state.items.iter_mut().for_each(|item| item.modified = at("2026-01-01T00:00:00Z"));
                }
                let server = site.start().await;
                let connector = open(&server.uri());
                let first = walk(&connector, "pages", "1", None).await.unwrap();
                // right after the walk began, within its minute
                site.edit(2);
                site.wait(TimeDelta::minutes(90));
                site.edit(3);
                let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
                assert_eq!(second.ids(), ["2", "3"], "{zone} at {now}, shown: {shows_zone}");
            }
        }
    }
}

#[tokio::test]
async fn an_index_that_lags_behind_loses_nothing() {
    let site = Site::new(3);
    site.state().index_lag = TimeDelta::minutes(40);
    let server = site.start().await;
    let connector = open(&server.uri());
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    site.wait(TimeDelta::hours(2));
    site.edit(1);
    site.wait(TimeDelta::minutes(5));
    let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
    assert!(second.ids().is_empty(), "not in the index yet");
    site.wait(TimeDelta::minutes(50));
    let third = walk(&connector, "pages", "1", Some(second.cursor.clone())).await.unwrap();
    assert_eq!(third.ids(), ["1"]);
}

#[tokio::test]
async fn archived_and_trashed_pages_are_told_apart_and_come_without_being_changed() {
    let site = Site::new(4);
    let server = site.start().await;
    let connector = open(&server.uri());
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    site.wait(TimeDelta::days(2));
    site.set_status(2, "archived");
    site.set_status(3, "trashed");
    site.set_status(4, "deleted");
    let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
    let found: Vec<(&str, &str)> = documents(&second).iter().map(|row| (row.external_id.as_str(), row.status.as_str())).collect();
    assert_eq!(found, [("2", "archived"), ("3", "trashed")], "what was purged is left to the census");
    let streams: Vec<Vec<&str>> =
        second.records.iter().map(|record| record.details.iter().map(|detail| detail.stream.as_str()).collect()).collect();
    assert_eq!(streams, [vec!["page_labels", "archived_pages"], vec![]], "an archived page's text is fetched once, trash is left alone");
    let third = walk(&connector, "pages", "1", Some(second.cursor.clone())).await.unwrap();
    let hashes = |walked: &Walked| walked.records.iter().map(|record| record.content_hash).collect::<Vec<_>>();
    assert_eq!(hashes(&third), hashes(&second), "the same rows again, so nothing is written");
}

#[tokio::test]
async fn a_page_that_leaves_the_trash_or_the_archive_is_found_without_being_changed() {
    let site = Site::new(6);
    site.set_status(2, "archived");
    site.set_status(3, "trashed");
    site.set_status(4, "trashed");
    site.set_status(5, "trashed");
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"page_size": 1}));
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    assert_eq!(first.ids(), ["2", "3", "4", "5", "1", "6"]);
    site.wait(TimeDelta::days(2));
    site.set_status(2, "current");
    site.set_status(3, "current");
    site.state().items.retain(|item| item.id != 4);
    let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
    let found: Vec<(&str, &str)> = documents(&second).iter().map(|row| (row.external_id.as_str(), row.status.as_str())).collect();
    assert_eq!(found, [("5", "trashed"), ("2", "current"), ("3", "current")], "4 was purged: the census finds that");
    let third = walk(&connector, "pages", "1", Some(second.cursor)).await.unwrap();
    assert_eq!(third.ids(), ["5"], "once is enough");
}

#[tokio::test]
async fn archived_spaces_are_listed_and_not_walked_unless_named() {
    let site = Site::new(2);
    site.state().spaces = vec![space(1, "DOCS", "global", "archived")];
    let server = site.start().await;
    let walked = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    assert_eq!((walked.records.len(), walked.requests), (0, 1));
    let named = open_with(&server.uri(), json!({"space_keys": ["DOCS"]}));
    assert_eq!(walk(&named, "pages", "1", None).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn since_bounds_the_first_walk() {
    let site = Site::new(5);
    {
        let mut state = site.state();
        state.items[3].modified = at("2026-05-30T00:00:00Z");
        state.items[0].status = "archived";
    }
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"since": "2026-05-29T00:00:00Z"}));
    let walked = walk(&connector, "pages", "1", None).await.unwrap();
    assert_eq!(walked.ids(), ["4"]);
    assert!(received(&server, "/wiki/api/v2/spaces/1/pages").await.iter().all(|asked| asked.url.query().unwrap().contains("trashed")));
}

#[tokio::test]
async fn since_is_the_same_for_what_is_in_use_and_what_is_not() {
    for shows_zone in [true, false] {
        let site = Site::new(3);
        {
            let mut state = site.state();
            state.shows_zone = shows_zone;
            // found by the search, which reaches back; the third one was restored from a trash that is older than that
            state.items[0].modified = at("2026-05-28T23:30:00Z");
            state.items[1].modified = at("2026-05-29T00:00:00Z");
            state.items[2].status = "trashed";
        }
        let server = site.start().await;
        let connector = open_with(&server.uri(), json!({"since": "2026-05-29T00:00:00Z"}));
        let first = walk(&connector, "pages", "1", None).await.unwrap();
        assert_eq!(first.ids(), ["2"]);
        site.set_status(1, "trashed");
        site.set_status(2, "trashed");
        site.set_status(3, "current");
        let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
        let found: Vec<(&str, &str)> = documents(&second).iter().map(|row| (row.external_id.as_str(), row.status.as_str())).collect();
        assert_eq!(found, [("2", "trashed")], "nothing else was ever in use here");
    }
}

#[tokio::test]
async fn new_comments_on_an_old_page_are_found() {
    let site = Site::new(1);
    site.add(50, "comment");
    site.wait(TimeDelta::days(1));
    let server = site.start().await;
    let connector = open(&server.uri());
    let first = walk(&connector, "comments", "1", None).await.unwrap();
    assert_eq!(first.ids(), ["50"]);
    site.wait(TimeDelta::days(1));
    site.add(51, "comment");
    let second = walk(&connector, "comments", "1", Some(first.cursor)).await.unwrap();
    assert_eq!(second.ids(), ["51"]);
}
