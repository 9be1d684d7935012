//! Rows of Confluence's APIs into records. Pure: text in, entities out.

use ovia_domain::{
    DetailRequest, Document, DocumentComment, DocumentKind, DocumentLabels, DocumentVersion, Entity, Group, Identity, IdentityRef,
    Membership, References, Space, work_item_keys,
};
use serde_json::json;

use super::rows::{Normalised, RowContext};
use super::streams::{ARCHIVED_PAGES, Kind, USER_DETAILS};
use super::text::{body_text, cut};
use super::wire;
use crate::lenient::parse_row;
use crate::rows::RowError;

type Read = Result<Option<Normalised>, RowError>;

pub fn group(_: &RowContext<'_>, json: &str) -> Read {
    let group: wire::Group = parse_row(json)?;
    let external_id = group.id.0;
    let name = group.name.unwrap_or_else(|| external_id.clone());
    let entity = Group { external_id: external_id.clone(), name: name.clone(), full_path: name, parent_external_id: None, url: None };
    Ok(Some(plain(external_id, vec![Entity::Group(entity)])))
}

/// A member of a group. The same account is a member of several, hence the group in the record's id.
pub fn group_member(context: &RowContext<'_>, json: &str) -> Read {
    let Some(identity) = identity(parse_row(json)?) else { return Ok(None) };
    let identity_external_id = identity.external_id.clone();
    let scope = format!("group:{}", context.group);
    let external_id = format!("{scope}:{identity_external_id}");
    let membership =
        Membership { external_id: external_id.clone(), scope, identity_external_id, access_level: None, state: None, expires_at: None };
    Ok(Some(plain(external_id, vec![Entity::Identity(identity), Entity::Membership(membership)])))
}

/// A row of `users-bulk`.
pub fn user(_: &RowContext<'_>, json: &str) -> Read {
    let identity = identity(parse_row(json)?);
    Ok(identity.map(|identity| plain(identity.external_id.clone(), vec![Entity::Identity(identity)])))
}

/// `None` for anonymous accounts, which have no id.
fn identity(user: wire::User) -> Option<Identity> {
    let is_bot = match user.account_type.as_deref() {
        Some("app") => Some(true),
        Some("atlassian" | "customer") => Some(false),
        _ => None,
    };
    Some(Identity {
        external_id: user.account_id?,
        username: None,
        display_name: user.display_name.or(user.public_name),
        email: user.email,
        is_bot,
        bot_reason: (is_bot == Some(true)).then(|| "source flag".to_owned()),
        state: user.account_status,
        url: None,
        source_created_at: None,
    })
}

pub fn space(context: &RowContext<'_>, json: &str) -> Read {
    let space: wire::Space = parse_row(json)?;
    if !context.personal && space.kind.as_deref() == Some("personal") {
        return Ok(None);
    }
    let external_id = space.id.0;
    let accounts = accounts([space.author_id.as_deref()]);
    let entity = Space {
        external_id: external_id.clone(),
        name: space.name.unwrap_or_else(|| space.key.clone()),
        key: space.key,
        space_kind: space.kind,
        status: space.status,
        author_external_id: space.author_id,
        created_at: space.created_at,
        url: link(context, space.links),
    };
    Ok(Some(plain(external_id, [vec![Entity::Space(entity)], accounts].concat())))
}

/// A page or blog post of a list. Its newest version stands in it, older ones and labels do not.
pub fn document(context: &RowContext<'_>, json: &str) -> Read {
    let document: wire::Document = parse_row(json)?;
    let details = document_details(context, &document);
    Ok(Some(Normalised { details, ..read_document(context, document) }))
}

/// An archived page with its text.
pub fn archived_page(context: &RowContext<'_>, json: &str) -> Read {
    Ok(Some(read_document(context, parse_row(json)?)))
}

fn document_details(context: &RowContext<'_>, document: &wire::Document) -> Vec<DetailRequest> {
    let status = document.status.as_deref();
    if status == Some("trashed") {
        return Vec::new();
    }
    let request = |stream: &str| DetailRequest { stream: stream.into(), external_id: document.id.0.clone(), args: json!({}) };
    let mut details = vec![request(context.kind.labels())];
    if document.version.number > 1 {
        details.push(request(context.kind.versions()));
    }
    if status == Some("archived") && context.settings.body && context.kind == Kind::Page {
        details.push(request(ARCHIVED_PAGES));
    }
    details
}

fn read_document(context: &RowContext<'_>, document: wire::Document) -> Normalised {
    let id = document.id.0;
    let accounts = accounts([document.author_id.as_deref(), document.owner_id.as_deref(), document.version.author_id.as_deref()]);
    let title = document.title.unwrap_or_default();
    let storage = if context.settings.body { document.body.storage.and_then(|storage| storage.value) } else { None };
    let body = storage.map(|storage| body_text(&storage));
    let mut entities = vec![references(&id, "title", work_item_keys(&title))];
    if let Some(body) = &body {
        let searched = [&body.text, &body.links.join("\n")].map(|text| work_item_keys(text)).concat();
        entities.push(references(&id, "body", searched));
    }
    let is_trashed = document.status.as_deref() == Some("trashed");
    if is_trashed {
        // What is in the trash says nothing any more: neither its text nor its labels can be asked for.
        entities.extend(context.settings.body.then(|| references(&id, "body", Vec::new())));
        entities.push(Entity::DocumentLabels(DocumentLabels { external_id: id.clone(), labels: Vec::new() }));
    }
    let body = body.map(|body| cut(body.text, context.settings.max_body_bytes as usize));
    let is_page = document.parent_type.as_deref().is_none_or(|kind| kind == "page");
    let newest = Document {
        external_id: id.clone(),
        space_external_id: document.space_id.map(|id| id.0),
        document_kind: match context.kind {
            Kind::Page => DocumentKind::Page,
            Kind::BlogPost => DocumentKind::BlogPost,
        },
        title,
        status: document.status.unwrap_or_else(|| "current".into()),
        parent_external_id: document.parent_id.filter(|_| is_page).map(|id| id.0),
        author_external_id: document.author_id,
        owner_external_id: document.owner_id,
        editor_external_id: document.version.author_id.clone(),
        version_number: document.version.number,
        created_at: document.created_at,
        updated_at: document.version.created_at,
        body_is_cut: body.as_ref().is_some_and(|(_, is_cut)| *is_cut),
        body_text: body.map(|(text, _)| text),
        url: link(context, document.links),
    };
    let version = version_of(&id, document.version);
    entities.extend([Entity::Document(newest), Entity::DocumentVersion(version)]);
    entities.extend(accounts);
    plain(id, entities)
}

fn references(document: &str, place: &str, mut keys: Vec<String>) -> Entity {
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    Entity::References(References {
        external_id: format!("documents:{document}:{place}"),
        from_table: "documents".into(),
        from_external_id: document.to_owned(),
        place: place.to_owned(),
        keys,
    })
}

/// A version of a document.
pub fn version(context: &RowContext<'_>, json: &str) -> Read {
    let version: wire::Version = parse_row(json)?;
    let accounts = accounts([version.author_id.as_deref()]);
    let version = version_of(context.document, version);
    Ok(Some(plain(version.external_id.clone(), [vec![Entity::DocumentVersion(version)], accounts].concat())))
}

fn version_of(document: &str, version: wire::Version) -> DocumentVersion {
    DocumentVersion {
        external_id: format!("{document}:{}", version.number),
        document_external_id: document.to_owned(),
        number: version.number,
        author_external_id: version.author_id,
        created_at: version.created_at,
        minor: version.minor_edit,
        message: version.message,
    }
}

/// All labels of a document, as `{"results": […]}`.
pub fn labels(context: &RowContext<'_>, json: &str) -> Read {
    let rows: wire::Labels = parse_row(json)?;
    let mut labels: Vec<String> = rows.results.into_iter().map(|label| label.name).collect();
    labels.sort_unstable();
    labels.dedup();
    let external_id = context.document.to_owned();
    let entity = DocumentLabels { external_id: external_id.clone(), labels };
    Ok(Some(plain(external_id, vec![Entity::DocumentLabels(entity)])))
}

/// A footer or inline comment. One on something that is no document (an attachment) is kept as received, without a row.
pub fn comment(context: &RowContext<'_>, json: &str) -> Read {
    let comment: wire::Comment = parse_row(json)?;
    let is_inline =
        comment.resolution_status.is_some() || comment.properties.as_ref().is_some_and(|properties| properties.inline_marker_ref.is_some());
    let version = comment.version;
    let author = version.as_ref().and_then(|version| version.author_id.clone());
    let accounts = accounts([author.as_deref()]);
    let changed_at = version.as_ref().and_then(|version| version.created_at);
    let is_first = version.as_ref().is_none_or(|version| version.number <= 1);
    let external_id = comment.id.0;
    let row = comment.page_id.or(comment.blog_post_id).map(|document| {
        Entity::DocumentComment(DocumentComment {
            external_id: external_id.clone(),
            document_external_id: document.0,
            author_external_id: author,
            comment_kind: if is_inline { "inline" } else { "footer" }.to_owned(),
            parent_external_id: comment.parent_comment_id.map(|id| id.0),
            // A comment that was edited no longer says when it was written.
            created_at: changed_at.filter(|_| is_first),
            updated_at: changed_at,
            url: link(context, comment.links),
        })
    });
    let accounts = if row.is_some() { accounts } else { Vec::new() };
    Ok(Some(plain(external_id, row.into_iter().chain(accounts).collect())))
}

fn plain(external_id: String, entities: Vec<Entity>) -> Normalised {
    Normalised { external_id, entities, details: Vec::new() }
}

/// The accounts named, each once. Anonymous ones have no id.
fn accounts<const N: usize>(ids: [Option<&str>; N]) -> Vec<Entity> {
    let mut named: Vec<&str> = Vec::new();
    for id in ids.into_iter().flatten() {
        if !named.contains(&id) {
            named.push(id);
        }
    }
    let reference = |id: &str| {
        let detail = DetailRequest { stream: USER_DETAILS.into(), external_id: id.to_owned(), args: json!({}) };
        Entity::IdentityRef(IdentityRef { external_id: id.to_owned(), detail: Some(detail), ..IdentityRef::default() })
    };
    named.into_iter().map(reference).collect()
}

/// The page people see, whose path stands in the row.
fn link(context: &RowContext<'_>, links: wire::Links) -> Option<String> {
    let path = links.webui?;
    if path.starts_with("https://") || path.starts_with("http://") {
        return Some(path);
    }
    let site = links.base.or_else(|| context.site.map(str::to_owned))?;
    Some(format!("{}/{}", site.trim_end_matches('/'), path.trim_start_matches('/')))
}
