//! The Confluence stand-in: cursors, statuses, search, and that all of it is what the truth says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use ovia_demo::{ConfluenceServer, FaultKind, FaultRule, LimitReason, SiteOptions};
use serde_json::{Value, json};

use crate::client::{as_of, full, header, small};
use crate::site::{Site, by_id, confluence};

#[tokio::test]
async fn every_document_listed_is_its_row_of_the_truth() {
    let server = confluence(&full());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let spaces = by_id(site.walk("/wiki/api/v2/spaces?limit=3").await);
    assert_eq!(spaces.keys().collect::<Vec<_>>(), truth.spaces.keys().collect::<Vec<_>>());
    let mut found = BTreeMap::new();
    for space in spaces.keys() {
        let pages = format!("/wiki/api/v2/spaces/{space}/pages?limit=7&status=current,archived,trashed");
        found.extend(by_id(site.walk(&pages).await));
        found.extend(by_id(site.walk(&format!("/wiki/api/v2/blogposts?space-id={space}&status=current&status=trashed&limit=250")).await));
    }
    assert_eq!(found.len(), truth.documents.len());
    let (mut versions, mut labels) = (0, 0);
    for (id, row) in &truth.documents {
        let served = &found[id];
        let account = |value: &Value| value.as_str().map(str::to_owned);
        let at = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        assert_eq!((&served["title"], &served["status"]), (&json!(row.title), &json!(row.status)));
        assert_eq!(served["spaceId"], row.space_external_id.as_str());
        assert_eq!(
            (account(&served["authorId"]), account(&served["version"]["authorId"])),
            (row.author_external_id.clone(), row.editor_external_id.clone())
        );
        assert_eq!(
            (account(&served["ownerId"]), account(&served["parentId"])),
            (row.owner_external_id.clone(), row.parent_external_id.clone())
        );
        assert_eq!((at(&served["createdAt"]), at(&served["version"]["createdAt"])), (row.created_at, row.updated_at));
        assert_eq!(served["version"]["number"], row.version_number);
        let list = if row.document_kind == "page" { "pages" } else { "blogposts" };
        if row.status == "trashed" {
            versions += 1;
            assert_eq!(site.get(&format!("/wiki/api/v2/{list}/{id}/labels")).await.0, 404);
            continue;
        }
        versions += site.walk(&format!("/wiki/api/v2/{list}/{id}/versions?limit=100")).await.len();
        let shown = site.walk(&format!("/wiki/api/v2/{list}/{id}/labels?limit=1")).await;
        assert_eq!(shown.iter().map(|label| label["name"].as_str().unwrap()).collect::<Vec<_>>(), row.labels);
        labels += shown.len();
    }
    assert_eq!(versions, truth.document_versions.len());
    assert!(labels > 100 && versions > 800);
    server.shutdown().await;
}

#[tokio::test]
async fn statuses_and_orders_are_as_asked() {
    let server = confluence(&full());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let count = |kind: &str, statuses: &[&str]| {
        truth.documents.values().filter(|row| row.document_kind == kind && statuses.contains(&row.status.as_str())).count()
    };
    assert_eq!(site.walk("/wiki/api/v2/pages?limit=250").await.len(), count("page", &["current", "archived"]));
    assert_eq!(site.walk("/wiki/api/v2/blogposts?limit=250").await.len(), count("blog_post", &["current"]));
    assert_eq!(site.walk("/wiki/api/v2/pages?limit=250&status=trashed").await.len(), count("page", &["trashed"]));
    assert_eq!(site.get("/wiki/api/v2/blogposts?status=archived").await.0, 400);
    assert_eq!(site.get("/wiki/api/v2/pages?limit=251").await.0, 400);
    let newest = site.walk("/wiki/api/v2/pages?limit=9&sort=-modified-date").await;
    let times: Vec<&str> = newest.iter().map(|row| row["version"]["createdAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other));
    let archived = site.walk("/wiki/api/v2/spaces?status=archived").await;
    assert_eq!(archived.iter().map(|row| row["key"].as_str().unwrap()).collect::<Vec<_>>(), ["OLDWIKI"]);
    assert!(site.walk("/wiki/api/v2/spaces?type=personal").await.iter().all(|row| row["key"].as_str().unwrap().starts_with('~')));
    let usual = truth.clone().of_current_spaces();
    assert_eq!((usual.spaces.len(), truth.spaces.len()), (7, 8));
    assert!(usual.documents.len() < truth.documents.len());
    server.shutdown().await;
}

#[tokio::test]
async fn bodies_hold_the_sentences_and_keys() {
    let server = confluence(&small());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let pages = site.walk("/wiki/api/v2/pages?limit=50&body-format=storage").await;
    let posts = site.walk("/wiki/api/v2/blogposts?limit=50&body-format=storage").await;
    let (mut keys, mut largest) = (0, 0);
    for row in pages.iter().chain(&posts) {
        let (id, body) = (row["id"].as_str().unwrap(), row["body"]["storage"]["value"].as_str().unwrap());
        largest = largest.max(body.len());
        let plain = body.replace("&ouml;", "ö").replace("&eacute;", "é").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        let plain = plain.replace("&amp;", "&");
        assert!(truth.sentences[id].iter().all(|sentence| plain.contains(sentence.as_str())), "{body}");
        for (place, text) in [("title", row["title"].as_str().unwrap()), ("body", body)] {
            for key in truth.references.get(&format!("documents:{id}:{place}")).into_iter().flat_map(|row| &row.keys) {
                assert!(text.contains(key.as_str()));
                keys += 1;
            }
        }
    }
    assert!(keys > 10 && largest > 200_000, "{keys} {largest}");
    assert!(pages.iter().any(|row| row["body"]["storage"]["value"].as_str().unwrap().contains("ac:name=\"jira\"")));
    let id = pages[0]["id"].as_str().unwrap();
    let single = site.ok(&format!("/wiki/api/v2/pages/{id}?include-labels=true&include-versions=true")).await;
    assert!(single["labels"]["results"].is_array() && single["versions"]["results"].is_array() && single["body"] == json!({}));
    server.shutdown().await;
}

#[tokio::test]
async fn comments_are_listed_by_page_and_found_by_search() {
    let server = confluence(&full());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let all =
        [site.walk("/wiki/api/v2/footer-comments?limit=100").await, site.walk("/wiki/api/v2/inline-comments?limit=100").await].concat();
    let found = by_id(all);
    assert_eq!(found.keys().collect::<Vec<_>>(), truth.document_comments.keys().collect::<Vec<_>>());
    for (id, row) in &truth.document_comments {
        let served = &found[id];
        let document = served["pageId"].as_str().or(served["blogPostId"].as_str());
        assert_eq!(document, Some(row.document_external_id.as_str()));
        assert_eq!(served["parentCommentId"].as_str(), row.parent_external_id.as_deref());
        assert_eq!(served.get("resolutionStatus").is_some(), row.comment_kind == "inline");
        assert_eq!(served["version"]["authorId"], row.author_external_id.as_str());
        assert_eq!(*served, site.ok(&format!("/wiki/api/v2/{}-comments/{id}", row.comment_kind)).await);
    }
    let hits = site.cql("type = comment order by lastModified", 50).await;
    assert_eq!(hits.len(), found.len());
    let (id, parent) = truth.document_comments.iter().find_map(|(id, row)| Some((id, row.parent_external_id.as_ref()?))).unwrap();
    let row = &truth.document_comments[id];
    let replies = site.walk(&format!("/wiki/api/v2/{}-comments/{parent}/children", row.comment_kind)).await;
    assert!(by_id(replies).contains_key(id));
    let list = if truth.documents[&row.document_external_id].document_kind == "page" { "pages" } else { "blogposts" };
    let roots = site.walk(&format!("/wiki/api/v2/{list}/{}/{}-comments", row.document_external_id, row.comment_kind)).await;
    assert!(!by_id(roots).contains_key(id), "replies are not among a page's comments");
    server.shutdown().await;
}

#[tokio::test]
async fn searches_read_times_in_the_users_zone() {
    let company = full();
    for zone in [Tz::Asia__Kathmandu, Tz::America__New_York] {
        let server = ConfluenceServer::start(&company, SiteOptions { time_zone: zone, ..SiteOptions::default() }).unwrap();
        let site = Site::of_confluence(&server);
        assert_eq!(site.ok("/wiki/rest/api/user/current").await["timeZone"], zone.name());
        let truth = server.truth();
        let instant: DateTime<Utc> = "2026-01-20T18:05:00Z".parse().unwrap();
        let local = zone.from_utc_datetime(&instant.naive_utc()).format("%Y-%m-%d %H:%M").to_string();
        let hits = site.cql(&format!("lastModified >= \"{local}\" and type in (page,blogpost) order by lastModified"), 20).await;
        let ids: BTreeSet<&str> = hits.iter().map(|hit| hit["content"]["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), hits.len());
        // What the index has is up to a minute behind what is shown.
        for (id, row) in truth.documents.iter().filter(|(_, row)| row.status == "current") {
            if row.updated_at >= instant + Duration::minutes(1) {
                assert!(ids.contains(id.as_str()));
            }
            assert!(row.updated_at >= instant || !ids.contains(id.as_str()));
        }
        let one = truth.spaces.values().find(|row| row.space_kind == "global").unwrap();
        let of_space = site.cql(&format!("space = \"{}\" and type = page and lastModified > \"2020-01-01\"", one.key), 100).await;
        assert!(!of_space.is_empty() && of_space.iter().all(|hit| hit["content"]["space"]["key"] == one.key.as_str()));
        server.shutdown().await;
    }
}

#[tokio::test]
async fn cursors_belong_to_one_query_and_one_limit() {
    let server = confluence(&small());
    let site = Site::of_confluence(&server);
    let first = site.ok("/wiki/rest/api/search?cql=type%3Dpage&limit=5").await;
    let next = format!("/wiki{}", first["_links"]["next"].as_str().unwrap());
    assert_eq!(site.get(&next).await.0, 200);
    assert_eq!(site.get(&next.replace("limit=5", "limit=6")).await.0, 400);
    assert_eq!(site.get(&next.replace("page", "blogpost")).await.0, 400);
    let pages = site.ok("/wiki/api/v2/pages?limit=5").await;
    let next = pages["_links"]["next"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&next).await.0, 200);
    server.edit(|wiki| wiki.expire_cursors());
    assert_eq!(site.get(&next).await.0, 400);
    assert_eq!(site.get("/wiki/rest/api/search?cql=colour%3Dred").await.0, 400);
    server.shutdown().await;
}

#[tokio::test]
async fn people_are_found_through_groups_and_by_id() {
    let server = confluence(&full());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let groups = site.ok("/wiki/rest/api/group?limit=200").await;
    let mut members = 0;
    for group in groups["results"].as_array().unwrap() {
        let id = group["id"].as_str().unwrap();
        let mut next = Some(format!("/rest/api/group/{id}/membersByGroupId?limit=50"));
        while let Some(path) = next {
            let page = site.ok(&format!("/wiki{path}")).await;
            for member in page["results"].as_array().unwrap() {
                assert!(truth.memberships.contains_key(&format!("group:{id}:{}", member["accountId"].as_str().unwrap())));
                members += 1;
            }
            next = page["_links"]["next"].as_str().map(str::to_owned);
        }
    }
    assert_eq!(members, truth.memberships.len());
    let ids: Vec<&String> = truth.identities.keys().collect();
    let (_, users) = site.post("/wiki/api/v2/users-bulk", &json!({"accountIds": ids})).await;
    for user in users["results"].as_array().unwrap() {
        let row = &truth.identities[user["accountId"].as_str().unwrap()];
        assert_eq!(
            (user["displayName"].as_str().unwrap(), user["email"].as_str().unwrap()),
            (row.display_name.as_str(), row.email.as_deref().unwrap_or_default())
        );
    }
    assert_eq!(users["results"].as_array().unwrap().len(), ids.len());
    let many: Vec<String> = (0..251).map(|n| n.to_string()).collect();
    assert_eq!(site.post("/wiki/api/v2/users-bulk", &json!({"accountIds": many})).await.0, 400);
    server.shutdown().await;
}

#[tokio::test]
async fn the_gateway_no_longer_gives_v1_content_to_access_tokens() {
    let server = confluence(&small());
    let base = server.gateway_url().trim_end_matches("/wiki").to_owned();
    let bearer = Site::bearer(&base, server.access_token());
    assert_eq!(bearer.get("/wiki/rest/api/content").await.0, 410);
    assert_eq!(Site::of_confluence(&server).get("/wiki/rest/api/content").await.0, 200);
    let pages = bearer.ok("/wiki/api/v2/pages?limit=3").await;
    // The links are the site's, not the gateway's.
    assert!(pages["_links"]["next"].as_str().unwrap().starts_with("/wiki/api/v2/pages?"));
    assert_eq!(pages["_links"]["base"], server.base_url());
    assert_eq!(bearer.get("/wiki/rest/api/search?cql=type%3Dpage").await.0, 200);
    let site = Site::bearer(server.base_url().trim_end_matches("/wiki"), server.access_token());
    assert_eq!(site.get("/wiki/api/v2/pages").await.0, 401);
    let limit = FaultKind::AtlassianLimit { reason: LimitReason::QuotaTenant, retry_after: None, reset_after: Some(90) };
    server.set_faults(FaultRule::always(limit).into());
    let refused = bearer.send("/wiki/api/v2/pages").await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "ratelimit-reason").as_str()), (429, "confluence-quota-tenant-based"));
    assert_eq!(header(&refused, "x-ratelimit-reset").len(), "2026-03-26T16:00Z".len());
    server.shutdown().await;
}

#[tokio::test]
async fn trashed_archived_and_purged_are_three_things() {
    let server = confluence(&full());
    let site = Site::of_confluence(&server);
    let at = as_of() + Duration::hours(1);
    let edited = server.edit(|wiki| wiki.edit_pages(5, at));
    let trashed = server.edit(|wiki| wiki.trash_pages(3));
    let archived = server.edit(|wiki| wiki.archive_pages(2));
    let added = server.edit(|wiki| wiki.add_pages(2, at));
    let purged = server.edit(|wiki| wiki.purge_pages(2));
    let commented = server.edit(|wiki| wiki.add_comments(2, at));
    let truth = server.truth();
    let status = |id: &String| truth.documents.get(id).map(|row| row.status.as_str());
    assert!(edited.iter().all(|id| truth.documents[id].updated_at == at) && added.iter().all(|id| status(id) == Some("current")));
    assert!(trashed.iter().all(|id| purged.contains(id) || status(id) == Some("trashed")));
    assert!(archived.iter().all(|id| status(id) == Some("archived")));
    assert!(purged.iter().all(|id| status(id).is_none()));
    assert!(commented.iter().all(|id| truth.document_comments.contains_key(id)));
    for (id, row) in &truth.documents {
        let list = if row.document_kind == "page" { "pages" } else { "blogposts" };
        assert_eq!(site.ok(&format!("/wiki/api/v2/{list}/{id}")).await["status"], row.status.as_str());
    }
    for id in &purged {
        assert_eq!(site.get(&format!("/wiki/api/v2/pages/{id}")).await.0, 404);
    }
    let local = Tz::Asia__Shanghai.from_utc_datetime(&(at - Duration::minutes(2)).naive_utc()).format("%Y-%m-%d %H:%M");
    let hits = site.cql(&format!("lastModified >= \"{local}\" and type in (page, blogpost) order by lastModified"), 100).await;
    let expected = edited.iter().chain(&added).filter(|id| status(id) == Some("current")).count();
    assert_eq!(hits.len(), expected, "what was trashed or archived is not found as changed");
    let key = truth.spaces.values().next().unwrap().key.clone();
    assert!(server.edit(|wiki| wiki.hide_space(&key)));
    assert_eq!(server.truth().spaces.len() + 1, truth.spaces.len());
    assert_eq!(site.walk("/wiki/api/v2/spaces").await.len() + 1, truth.spaces.len());
    server.shutdown().await;
}
