//! Who am I, which version, accounts by id and by name.

use bytes::Bytes;
use serde_json::json;

use crate::server::world::World;
use crate::server::{Answer, Call, Paging};
use crate::wire::{VERSION, user_detail};

pub(super) fn version(_: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    Answer::json(Bytes::from(format!(r#"{{"version":"{VERSION}","revision":"4f2c1e0a9bd"}}"#)))
}

pub(super) fn metadata(_: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let kas = r#"{"enabled":false,"externalUrl":null,"externalK8sProxyUrl":null,"version":null}"#;
    Answer::json(Bytes::from(format!(r#"{{"version":"{VERSION}","revision":"4f2c1e0a9bd","kas":{kas},"enterprise":true}}"#)))
}

pub(super) fn current_user(world: &World, call: &Call, _: &[String], paging: &Paging) -> Answer {
    user(world, call, &[world.company.token_user.to_string()], paging)
}

pub(super) fn token(world: &World, _: &Call, _: &[String], _: &Paging) -> Answer {
    let as_of = world.company.options().as_of;
    let token = json!({
        "id": 77, "name": "ovia-sync", "revoked": false, "created_at": as_of - chrono::Duration::days(90), "description": null,
        "scopes": ["read_api"], "user_id": world.company.token_user, "last_used_at": as_of, "active": true,
        "expires_at": (as_of + chrono::Duration::days(275)).date_naive(),
    });
    Answer::json(Bytes::from(token.to_string()))
}

pub(super) fn user(world: &World, _: &Call, params: &[String], _: &Paging) -> Answer {
    match params[0].parse().ok().and_then(|id| world.company.user(id)) {
        Some(user) => Answer::json(user_detail(user)),
        None => Answer::message(404, "404 User Not Found"),
    }
}

/// With `username` only: listing everybody is for administrators.
pub(super) fn users(world: &World, call: &Call, _: &[String], paging: &Paging) -> Answer {
    let Some(username) = call.param("username") else { return Answer::message(403, "403 Forbidden") };
    let found = world.company.users.iter().filter(|user| user.username.eq_ignore_ascii_case(username));
    let rows: Vec<Bytes> = found.map(|user| Bytes::copy_from_slice(world.users.basic(user.id).get().as_bytes())).collect();
    paging.rows(call, &rows)
}
