//! Texts of pages: what can be searched later, how long it may be, and the keys of work items in it.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::Connector;
use ovia_domain::{Document, Entity, References};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::site::Site;
use crate::support::{open_with, received, walk};

fn read(settings: Value, title: &str, body: &str) -> (Document, Vec<References>) {
    let connector = open_with("http://127.0.0.1:9", settings);
    let row = json!({"id": "1", "status": "current", "title": title, "version": {"number": 1}, "body": {"storage": {"value": body}}});
    let records = connector.normalise("pages", "1", to_raw_value(&row).unwrap()).unwrap();
    let mut document = None;
    let mut references = Vec::new();
    for entity in records.into_iter().flat_map(|record| record.entities) {
        match entity {
            Entity::Document(row) => document = Some(row),
            Entity::References(row) => references.push(row),
            _ => {}
        }
    }
    (document.unwrap(), references)
}

#[test]
fn a_long_text_is_cut_at_a_character_and_its_end_is_still_searched_for_keys() {
    let body = format!("<p>{}</p><p>see WEB-99</p>", "é".repeat(100));
    let (document, references) = read(json!({"max_body_bytes": 101}), "t", &body);
    assert_eq!((document.body_text.map(|text| text.chars().count()), document.body_is_cut), (Some(50), true));
    assert_eq!(references[1].keys, ["WEB-99"]);
    let (document, _) = read(json!({}), "t", &body);
    assert!(!document.body_is_cut && document.body_text.is_some_and(|text| text.ends_with("see WEB-99")));
}

#[test]
fn keys_that_went_are_taken_back() {
    let (_, references) = read(json!({}), "nothing", "<p>nothing</p>");
    let found: Vec<(&str, usize)> = references.iter().map(|row| (row.place.as_str(), row.keys.len())).collect();
    assert_eq!(found, [("title", 0), ("body", 0)], "an empty finding replaces the one before");
}

#[test]
fn keys_are_found_in_macros_and_smart_links() {
    let body = r#"<p>x WEB-1</p><ac:structured-macro ac:name="jira"><ac:parameter ac:name="key">OPS-2</ac:parameter></ac:structured-macro>
        <a href="https://acme.example/browse/CORE-3" data-card-appearance="inline">a card</a> again WEB-1"#;
    let (_, references) = read(json!({}), "Q3: WEB-1", body);
    assert_eq!(
        (references[0].keys.clone(), references[1].keys.clone()),
        (vec!["WEB-1".to_owned()], ["WEB-1", "OPS-2", "CORE-3"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn without_bodies_none_is_asked_for_and_none_is_stored() {
    let site = Site::new(2);
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"body": false}));
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    site.edit(1);
    let second = walk(&connector, "pages", "1", Some(first.cursor.clone())).await.unwrap();
    for entity in first.entities().chain(second.entities()) {
        match entity {
            Entity::Document(document) => assert_eq!((&document.body_text, document.body_is_cut), (&None, false)),
            Entity::References(references) => assert_eq!(references.place, "title", "what a body said before is not taken back"),
            _ => {}
        }
    }
    let lists = received(&server, "/wiki/api/v2/spaces/1/pages").await;
    assert!(lists.iter().all(|request| !request.url.query().unwrap().contains("body-format")));
    let (document, references) = read(json!({"body": false}), "t", "<p>stored before</p>");
    assert_eq!((document.body_text, references.len()), (None, 1));
}
