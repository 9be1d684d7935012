//! Facts as Confluence's JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::accounts::Account;
use super::model::{Block, Comment, Document, Space, Version, WikiFacts};

pub(crate) fn zulu(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Entities a storage body writes out; the rest is UTF-8.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace('ö', "&ouml;").replace('é', "&eacute;")
}

/// The storage format: XHTML with macros and CDATA.
pub(crate) fn storage(body: &[Block]) -> String {
    let mut out = String::new();
    for (n, block) in body.iter().enumerate() {
        match block {
            Block::Text(text) if n % 4 == 3 => out.push_str(&format!("<ul><li><p>{}</p></li></ul>", escaped(text))),
            Block::Text(text) => out.push_str(&format!("<p>{}</p>", escaped(text))),
            Block::Macro(key) => out.push_str(&format!(
                "<p><ac:structured-macro ac:name=\"jira\" ac:schema-version=\"1\" ac:macro-id=\"m{n}\"><ac:parameter ac:name=\"key\">{key}\
                 </ac:parameter></ac:structured-macro></p>"
            )),
            Block::Link(key) => out.push_str(&format!("<p><a href=\"https://brightloom.example/browse/{key}\">{key}</a></p>")),
            Block::Code(code) => out.push_str(&format!(
                "<ac:structured-macro ac:name=\"code\"><ac:plain-text-body><![CDATA[{code}]]></ac:plain-text-body></ac:structured-macro>"
            )),
        }
    }
    out
}

pub(crate) fn space(facts: &WikiFacts, one: &Space) -> Value {
    json!({
        "id": one.id.to_string(), "key": one.key, "name": one.name, "type": one.kind, "status": one.status,
        "authorId": facts.directory.accounts[one.author].id, "createdAt": zulu(one.created_at), "homepageId": null, "description": null,
        "icon": null, "currentActiveAlias": one.key, "_links": {"webui": format!("/spaces/{}", one.key)},
    })
}

pub(crate) fn version(facts: &WikiFacts, one: &Version) -> Value {
    json!({
        "number": one.number, "authorId": one.author.map(|index| &facts.directory.accounts[index].id), "message": one.message,
        "createdAt": zulu(one.at), "minorEdit": one.minor,
    })
}

pub(crate) fn document(facts: &WikiFacts, one: &Document, body: bool) -> Value {
    let account = |index: Option<usize>| index.map(|index| &facts.directory.accounts[index].id);
    let space = &facts.spaces[one.space];
    let kind = if one.is_blog { "blog" } else { "pages" };
    let mut row = json!({
        "id": one.id.to_string(), "status": one.status, "title": one.title, "spaceId": space.id.to_string(),
        "authorId": account(one.author), "createdAt": zulu(one.created_at()), "version": version(facts, one.last()),
        "body": {},
        "_links": {
            "webui": format!("/spaces/{}/{kind}/{}", space.key, one.id),
            "editui": format!("/pages/resumedraft.action?draftId={}", one.id), "tinyui": format!("/x/{:x}", one.id),
        },
    });
    if !one.is_blog {
        row["parentId"] = json!(one.parent.map(|id| id.to_string()));
        row["parentType"] = json!(one.parent.map(|_| "page"));
        row["position"] = json!(one.id % 1000);
        row["ownerId"] = json!(account(one.owner));
        row["lastOwnerId"] = Value::Null;
    }
    if body {
        row["body"] = json!({"storage": {"representation": "storage", "value": storage(&one.body)}});
    }
    row
}

pub(crate) fn label(name: &str) -> Value {
    json!({"id": (name.bytes().map(u64::from).sum::<u64>() * 97).to_string(), "name": name, "prefix": "global"})
}

pub(crate) fn comment(facts: &WikiFacts, one: &Comment, body: bool) -> Value {
    let is_blog = facts.documents.iter().any(|document| document.id == one.document && document.is_blog);
    let mut row = json!({
        "id": one.id.to_string(), "status": "current", "title": "Re: something",
        "version": {
            "number": 1, "authorId": facts.directory.accounts[one.author].id, "message": "", "createdAt": zulu(one.created_at),
            "minorEdit": false,
        },
        "body": {},
        "_links": {"webui": format!("/pages/{}?focusedCommentId={}", one.document, one.id)},
    });
    row[if is_blog { "blogPostId" } else { "pageId" }] = json!(one.document.to_string());
    if let Some(parent) = one.parent {
        row["parentCommentId"] = json!(parent.to_string());
    }
    if one.inline {
        row["resolutionStatus"] = json!("open");
        row["properties"] = json!({"inlineMarkerRef": "m", "inlineOriginalSelection": "this"});
    }
    if body {
        row["body"] = json!({"storage": {"representation": "storage", "value": "<p>Is that still so?</p>"}});
    }
    row
}

/// As v2 shows accounts: a hidden address is an empty text.
pub(crate) fn user_v2(one: &Account) -> Value {
    let status = if one.active {
        "active"
    } else if one.name == "Former user" {
        "closed"
    } else {
        "inactive"
    };
    json!({
        "accountId": one.id, "accountType": one.kind, "accountStatus": status, "displayName": one.name, "publicName": one.name,
        "email": one.email.as_deref().unwrap_or_default(), "timeZone": null, "personalSpaceId": null, "isExternalCollaborator": false,
        "profilePicture": {"path": "/wiki/aa-avatar/x", "isDefault": true},
    })
}

/// As v1 shows them.
pub(crate) fn user_v1(one: &Account) -> Value {
    json!({
        "type": "known", "accountId": one.id, "accountType": one.kind, "displayName": one.name, "publicName": one.name,
        "email": one.email.as_deref().unwrap_or_default(), "isExternalCollaborator": false, "isGuest": false,
        "profilePicture": {"path": "/wiki/aa-avatar/x", "width": 48, "height": 48, "isDefault": true},
        "_expandable": {"operations": "", "personalSpace": ""},
    })
}

/// One row of the v1 search.
pub(crate) fn found(facts: &WikiFacts, one: &Document) -> Value {
    let space = &facts.spaces[one.space];
    let kind = if one.is_blog { "blogpost" } else { "page" };
    let url = format!("/spaces/{}/pages/{}", space.key, one.id);
    json!({
        "content": {
            "id": one.id.to_string(), "type": kind, "status": one.status, "title": one.title,
            "space": {"id": space.id, "key": space.key, "name": space.name, "type": space.kind},
            "_links": {"webui": url, "self": format!("https://brightloom.example/wiki/rest/api/content/{}", one.id)},
        },
        "title": one.title, "excerpt": "", "url": url,
        "resultGlobalContainer": {"title": space.name, "displayUrl": format!("/spaces/{}", space.key)},
        "breadcrumbs": [], "entityType": "content", "iconCssClass": "aui-icon content-type-page",
        "lastModified": zulu(one.updated_at()), "friendlyLastModified": "recently", "score": 0.0,
    })
}

pub(crate) fn found_comment(one: &Comment) -> Value {
    json!({
        "content": {
            "id": one.id.to_string(), "type": "comment", "status": "current", "title": "Re: something",
            "extensions": {"location": if one.inline { "inline" } else { "footer" }},
            "_links": {"webui": format!("/pages/{}?focusedCommentId={}", one.document, one.id)},
        },
        "title": "Re: something", "excerpt": "", "url": format!("/pages/{}?focusedCommentId={}", one.document, one.id),
        "entityType": "content", "lastModified": zulu(one.created_at), "score": 0.0,
    })
}
