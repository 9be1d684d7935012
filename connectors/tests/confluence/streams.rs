//! One recorded page of every stream in, rows out. All names are invented.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::Connector;
use ovia_domain::{DocumentKind, Entity, Partitioning, StreamKind};
use serde_json::json;
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer};

use crate::site::{Site, at, space};
use crate::support::{ok, open, open_with, parameter, received, serve, walk};

#[tokio::test]
async fn groups() {
    let server = MockServer::start().await;
    let groups = json!({"results": [
        {"type": "group", "id": "g-1", "name": "docs-team", "managedBy": "admins", "_links": {"self": "https://x"}},
        {"type": "group", "id": "g-2", "name": "everyone", "usageType": "USERBASE_GROUP"},
        {"type": "group", "name": "without an id"},
    ], "start": 0, "limit": 200, "size": 3, "_links": {"base": "https://acme.example/wiki", "context": "/wiki"}});
    serve(&server, "/wiki/rest/api/group", ok(groups)).await;
    let walked = walk(&open(&server.uri()), "groups", "site", None).await.unwrap();
    assert_eq!((walked.ids(), walked.pages, walked.dead_letters.len()), (vec!["g-1", "g-2"], 1, 1));
    assert!(walked.dead_letters[0].reason.contains("missing field `id`"));
    let Entity::Group(group) = walked.entities().next().unwrap() else { panic!("a group") };
    assert_eq!((group.name.as_str(), group.full_path.as_str(), &group.parent_external_id), ("docs-team", "docs-team", &None));
}

#[tokio::test]
async fn group_members() {
    let server = MockServer::start().await;
    let members = json!({"results": [
        {"type": "known", "accountId": "acc-1", "accountType": "atlassian", "email": "", "publicName": "ada", "displayName": "Ada Example",
         "timeZone": null, "isExternalCollaborator": false, "profilePicture": {"path": "/a.png"}},
        {"type": "known", "accountId": "acc-2", "accountType": "app", "email": "bot@acme.example", "displayName": "Release Bot"},
        {"type": "known", "accountId": "acc-3", "accountType": "starship", "displayName": " "},
        {"type": "anonymous", "accountId": null, "displayName": "Anonymous"},
    ], "start": 0, "limit": 200, "size": 4, "totalSize": 4, "_links": {}});
    serve(&server, "/wiki/rest/api/group/g-1/membersByGroupId", ok(members)).await;
    let walked = walk(&open(&server.uri()), "group_members", "g-1", None).await.unwrap();
    assert_eq!(
        (walked.ids(), walked.dead_letters.len()),
        (vec!["group:g-1:acc-1", "group:g-1:acc-2", "group:g-1:acc-3"], 0),
        "anonymous is nobody"
    );
    let entities: Vec<&Entity> = walked.entities().collect();
    let Entity::Identity(ada) = entities[0] else { panic!("an account") };
    assert_eq!((ada.display_name.as_deref(), &ada.email, ada.is_bot), (Some("Ada Example"), &None, Some(false)), "a hidden e-mail is none");
    let Entity::Membership(membership) = entities[1] else { panic!("a membership") };
    assert_eq!((membership.scope.as_str(), membership.identity_external_id.as_str()), ("group:g-1", "acc-1"));
    let Entity::Identity(bot) = entities[2] else { panic!("an account") };
    assert_eq!((bot.is_bot, bot.bot_reason.as_deref(), bot.email.as_deref()), (Some(true), Some("source flag"), Some("bot@acme.example")));
    let Entity::Identity(odd) = entities[4] else { panic!("an account") };
    assert_eq!((odd.is_bot, &odd.display_name), (None, &None), "an unknown type says nothing");
}

#[tokio::test]
async fn spaces() {
    let site = Site::new(0);
    let rows =
        [space(2, "OLD", "global", "archived"), space(3, "~712", "personal", "current"), space(4, "KB", "knowledge_base", "current")];
    site.state().spaces.extend(rows);
    let server = site.start().await;
    let walked = walk(&open(&server.uri()), "spaces", "site", None).await.unwrap();
    assert_eq!(walked.ids(), ["1", "4", "2"], "current ones, then archived ones; personal ones are private");
    let Entity::Space(docs) = walked.entities().next().unwrap() else { panic!("a space") };
    assert_eq!((docs.key.as_str(), docs.name.as_str(), docs.space_kind.as_deref()), ("DOCS", "DOCS space", Some("global")));
    assert_eq!((docs.status.as_deref(), docs.created_at), (Some("current"), Some(at("2025-01-02T03:04:05Z"))));
    assert_eq!(docs.url, Some(format!("{}/wiki/spaces/DOCS", server.uri())));
    assert!(walked.entities().any(|entity| matches!(entity, Entity::IdentityRef(author) if author.external_id == "acc-1")));
    let named = open_with(&server.uri(), json!({"space_keys": ["DOCS", "~712"]}));
    assert_eq!(named.scopes_of("spaces"), ["space:DOCS", "space:~712"]);
    assert_eq!(named.scopes_of("groups"), ["site"]);
    assert_eq!(walk(&named, "spaces", "space:~712", None).await.unwrap().ids(), ["3"], "named, so wanted");
    assert!(walk(&named, "spaces", "site", None).await.unwrap().ids().is_empty());
}

#[tokio::test]
async fn pages() {
    let server = MockServer::start().await;
    serve(&server, "/wiki/api/v2/spaces/1", ok(space(1, "DOCS", "global", "current"))).await;
    let page = json!({"id": "10", "status": "current", "title": "Plan for WEB-12", "spaceId": "1", "parentId": "9", "parentType": "page",
        "position": 7, "authorId": "acc-1", "ownerId": "acc-2", "lastOwnerId": null, "createdAt": "2026-01-02T03:04:05.678Z",
        "version": {"number": 3, "createdAt": "2026-02-03T04:05:06.000Z", "authorId": "acc-3", "minorEdit": true, "message": "typo", "x": 1},
        "body": {"storage": {"representation": "storage", "value": "<p>Ship <b>OPS-3</b> &amp; <a href=\"https://x.example/browse/WEB-7\">that</a></p>"}},
        "someNewField": {"a": []}, "_links": {"webui": "/spaces/DOCS/pages/10/Plan", "tinyui": "/x/Cg"}});
    let odd = json!({"id": "11", "title": null, "status": "current", "spaceId": 1, "parentId": "5", "parentType": "folder", "authorId": null,
        "version": {"number": 1, "createdAt": null, "authorId": null}, "body": {}});
    let broken = json!({"id": "12", "title": "no version"});
    let answer = json!({"results": [page, odd, broken], "_links": {"base": "https://acme.example/wiki"}});
    let list = || Mock::given(path("/wiki/api/v2/spaces/1/pages"));
    list().and(query_param("status", "current")).respond_with(ok(answer)).mount(&server).await;
    list().respond_with(ok(json!({"results": [], "_links": {}}))).mount(&server).await;
    let first = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    let asked = received(&server, "/wiki/api/v2/spaces/1/pages").await;
    assert!(!asked[0].url.query().unwrap().contains("body-format"), "what is out of use comes first, without texts");
    let asked = &asked[1..];
    for (name, value) in [("status", "current"), ("sort", "id"), ("limit", "100"), ("body-format", "storage")] {
        assert_eq!(parameter(&asked[0], name).as_deref(), Some(value));
    }
    assert_eq!(first.dead_letters.len(), 1);
    assert_eq!((first.dead_letters[0].external_id.as_deref(), first.records.len()), (Some("12"), 2));
    let record = &first.records[0];
    let document = record.entities.iter().find_map(|entity| if let Entity::Document(row) = entity { Some(row) } else { None }).unwrap();
    assert_eq!((document.document_kind, document.status.as_str(), document.version_number), (DocumentKind::Page, "current", 3));
    assert_eq!((document.space_external_id.as_deref(), document.parent_external_id.as_deref()), (Some("1"), Some("9")));
    assert_eq!((document.author_external_id.as_deref(), document.owner_external_id.as_deref()), (Some("acc-1"), Some("acc-2")));
    assert_eq!((document.editor_external_id.as_deref(), document.updated_at), (Some("acc-3"), Some(at("2026-02-03T04:05:06Z"))));
    assert_eq!((document.body_text.as_deref(), document.body_is_cut), (Some("Ship OPS-3 & that"), false));
    assert_eq!(document.url, Some(format!("{}/wiki/spaces/DOCS/pages/10/Plan", server.uri())));
    let version =
        record.entities.iter().find_map(|entity| if let Entity::DocumentVersion(row) = entity { Some(row) } else { None }).unwrap();
    assert_eq!((version.external_id.as_str(), version.minor, version.message.as_deref()), ("10:3", true, Some("typo")));
    let accounts: Vec<&str> = record
        .entities
        .iter()
        .filter_map(|entity| if let Entity::IdentityRef(row) = entity { Some(row.external_id.as_str()) } else { None })
        .collect();
    assert_eq!(accounts, ["acc-1", "acc-2", "acc-3"]);
    let found: Vec<(&str, &[String])> = record
        .entities
        .iter()
        .filter_map(
            |entity| if let Entity::References(row) = entity { Some((row.external_id.as_str(), row.keys.as_slice())) } else { None },
        )
        .collect();
    assert_eq!(
        found,
        [("documents:10:title", &["WEB-12".to_owned()][..]), ("documents:10:body", &["OPS-3".to_owned(), "WEB-7".to_owned()])]
    );
    let details: Vec<&str> = record.details.iter().map(|detail| detail.stream.as_str()).collect();
    assert_eq!(details, ["page_labels", "page_versions"]);
    let odd = &first.records[1];
    let Some(Entity::Document(document)) = odd.entities.iter().find(|entity| matches!(entity, Entity::Document(_))) else {
        panic!("a page")
    };
    assert_eq!((document.title.as_str(), &document.parent_external_id, &document.body_text), ("", &None, &None), "a folder is no document");
    assert!(odd.details.iter().all(|detail| detail.stream != "page_versions"), "its only version is in the row");
    assert!(!odd.entities.iter().any(|entity| matches!(entity, Entity::IdentityRef(_))), "anonymous is nobody");
}

#[tokio::test]
async fn blog_posts() {
    let site = Site::new(2);
    site.add(7, "blogpost");
    let server = site.start().await;
    let walked = walk(&open(&server.uri()), "blog_posts", "1", None).await.unwrap();
    assert_eq!(walked.ids(), ["7"]);
    assert!(walked.entities().any(|entity| matches!(entity, Entity::Document(post) if post.document_kind == DocumentKind::BlogPost)));
    let details: Vec<&str> = walked.records[0].details.iter().map(|detail| detail.stream.as_str()).collect();
    assert_eq!(details, ["blog_post_labels"]);
    let lists = received(&server, "/wiki/api/v2/spaces/1/blogposts").await;
    assert!(lists.iter().all(|asked| !asked.url.query().unwrap().contains("archived")), "a blog post cannot be archived");
}

#[tokio::test]
async fn comments() {
    let server = MockServer::start().await;
    serve(&server, "/wiki/api/v2/spaces/1", ok(space(1, "DOCS", "global", "current"))).await;
    let hits = json!({"results": [
        {"content": {"id": "31", "type": "comment", "extensions": {"location": "footer"}}},
        {"content": {"id": "32", "type": "comment", "extensions": {"location": {"value": "inline"}}}},
        {"content": {"id": "33", "type": "comment"}},
        {"content": {"id": "34", "type": "comment"}},
        {"user": {"accountId": "acc-1"}},
    ], "start": 0, "limit": 25, "size": 5, "_links": {"base": "https://acme.example/wiki"}});
    serve(&server, "/wiki/rest/api/search", ok(hits)).await;
    let version = json!({"number": 1, "createdAt": "2026-03-01T00:00:00.000Z", "authorId": "acc-1"});
    let edited = json!({"number": 2, "createdAt": "2026-03-02T00:00:00.000Z", "authorId": "acc-2"});
    let footer = json!({"id": "31", "status": "current", "title": "Re: Plan", "pageId": "10", "parentCommentId": "30", "version": version,
        "properties": {"results": []}, "_links": {"webui": "/c/31"}});
    let inline = json!({"id": "32", "status": "current", "blogPostId": "7", "version": edited, "resolutionStatus": "open",
        "properties": {"inlineMarkerRef": "m", "inline-marker-ref": "m"}});
    let on_a_file = json!({"id": "33", "attachmentId": "att5", "version": version});
    serve(&server, "/wiki/api/v2/footer-comments/31", ok(footer)).await;
    serve(&server, "/wiki/api/v2/inline-comments/32", ok(inline)).await;
    serve(&server, "/wiki/api/v2/footer-comments/33", ok(on_a_file)).await;
    let gone = crate::support::error(404, "gone");
    for path in ["footer-comments/34", "inline-comments/34"] {
        serve(&server, &format!("/wiki/api/v2/{path}"), gone.clone()).await;
    }
    let walked = walk(&open(&server.uri()), "comments", "1", None).await.unwrap();
    assert_eq!(
        (walked.ids(), walked.dead_letters.len(), walked.pages),
        (vec!["31", "32", "33"], 1, 1),
        "one is gone, one is about nothing"
    );
    let rows: Vec<_> =
        walked.entities().filter_map(|entity| if let Entity::DocumentComment(row) = entity { Some(row) } else { None }).collect();
    assert_eq!(rows.len(), 2, "a comment on a file belongs to no document");
    assert_eq!((rows[0].comment_kind.as_str(), rows[0].document_external_id.as_str()), ("footer", "10"));
    assert_eq!((rows[0].parent_external_id.as_deref(), rows[0].created_at), (Some("30"), Some(at("2026-03-01T00:00:00Z"))));
    assert_eq!((rows[1].comment_kind.as_str(), rows[1].document_external_id.as_str()), ("inline", "7"));
    assert_eq!(
        (rows[1].created_at, rows[1].updated_at),
        (None, Some(at("2026-03-02T00:00:00Z"))),
        "edited: when it was written is not said"
    );
    assert_eq!(walked.requests, 7, "space, search, one each, two for the one that is gone");
}

#[test]
fn streams_come_after_those_they_need() {
    let connector = open("http://127.0.0.1:9");
    let streams = connector.streams();
    for (place, stream) in streams.iter().enumerate() {
        if let StreamKind::List(Partitioning::PerRecordOf(parent)) = stream.kind {
            assert!(streams[..place].iter().any(|earlier| earlier.name == parent), "{}", stream.name);
        }
    }
    let bodiless = open_with("http://127.0.0.1:9", json!({"body": false}));
    assert!(bodiless.streams().iter().all(|stream| stream.name != "archived_pages"));
}
