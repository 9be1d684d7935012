//! Stored payloads, read again: the same rows as when they were pulled.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::Connector;
use ovia_domain::Record;
use serde_json::json;
use serde_json::value::to_raw_value;
use wiremock::MockServer;

use crate::site::Site;
use crate::support::{detail, ok, open, serve, walk};

fn assert_same(connector: &impl Connector, stream: &str, partition: &str, records: &[Record]) {
    assert!(!records.is_empty());
    for record in records {
        let again = connector.normalise(stream, partition, record.raw.clone()).unwrap();
        assert_eq!(again.len(), 1, "{stream}");
        assert_eq!((&again[0].external_id, again[0].content_hash), (&record.external_id, record.content_hash));
        assert_eq!((&again[0].entities, &again[0].details), (&record.entities, &record.details), "{stream}");
    }
}

#[tokio::test]
async fn every_list_stream_reads_its_own_payloads() {
    let site = Site::new(4);
    site.set_status(2, "archived");
    site.add(50, "comment");
    site.add(60, "blogpost");
    let server = site.start().await;
    let connector = open(&server.uri());
    for (stream, partition) in [("spaces", "site"), ("pages", "1"), ("blog_posts", "1"), ("comments", "1")] {
        let walked = walk(&connector, stream, partition, None).await.unwrap();
        assert_same(&connector, stream, partition, &walked.records);
    }
}

#[tokio::test]
async fn what_does_not_say_where_it_belongs_is_told_by_the_partition() {
    let server = MockServer::start().await;
    serve(&server, "/wiki/rest/api/group", ok(json!({"results": [{"id": "g", "name": "n"}], "_links": {}}))).await;
    let members = json!({"results": [{"accountId": "acc-1", "displayName": "Ada Example"}], "_links": {}});
    serve(&server, "/wiki/rest/api/group/g/membersByGroupId", ok(members)).await;
    serve(&server, "/wiki/api/v2/pages/7/versions", ok(json!({"results": [{"number": 2}], "_links": {}}))).await;
    serve(&server, "/wiki/api/v2/pages/7/labels", ok(json!({"results": [{"name": "a"}], "_links": {}}))).await;
    let connector = open(&server.uri());
    for (stream, partition) in [("groups", "site"), ("group_members", "g")] {
        assert_same(&connector, stream, partition, &walk(&connector, stream, partition, None).await.unwrap().records);
    }
    for (stream, partition) in [("page_versions", "7"), ("page_versions", "7:2"), ("page_labels", "7")] {
        let found = connector.pull_detail(&detail(stream, "7")).await.unwrap();
        assert_same(&connector, stream, partition, &found.records);
    }
}

#[test]
fn a_row_of_which_nobody_knows_where_it_belongs_is_a_dead_letter() {
    let connector = open("http://127.0.0.1:9");
    let payload = || to_raw_value(&json!({"accountId": "a", "number": 1, "results": [], "id": "1"})).unwrap();
    for stream in ["group_members", "page_versions", "blog_post_labels", "nope"] {
        let letter = connector.normalise(stream, "", payload()).unwrap_err();
        assert!(!letter.reason.is_empty(), "{stream}");
    }
}
