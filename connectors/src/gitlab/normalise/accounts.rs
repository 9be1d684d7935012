//! Accounts and memberships.

use ovia_domain::{DetailRequest, Entity, Identity, IdentityRef, Membership};
use serde_json::json;

use super::bots::bot;
use super::{Normalised, RowContext, RowError};
use crate::gitlab::streams::USER_DETAILS;
use crate::gitlab::wire::{Member, User, parse_row};

/// A row of `members/all`. The same account is a member of several scopes, hence the scope in the record's id.
pub fn member(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let member: Member = parse_row(json)?;
    let identity_external_id = member.user.id.0.clone();
    let external_id = format!("{}:{identity_external_id}", context.scope);
    let membership = Membership {
        external_id: external_id.clone(),
        scope: context.scope.to_owned(),
        identity_external_id: identity_external_id.clone(),
        access_level: member.access_level,
        state: member.membership_state,
        expires_at: member.expires_at,
    };
    // `created_at` of a member row is when the membership began.
    let identity = Identity { source_created_at: None, ..identity(member.user) };
    Ok(Normalised {
        external_id,
        created_at: None,
        updated_at: None,
        entities: vec![Entity::Identity(identity), Entity::Membership(membership)],
        details: if context.details { vec![user_request(&identity_external_id)] } else { Vec::new() },
    })
}

/// `/users/:id`.
pub fn user_detail(_: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let user: User = parse_row(json)?;
    let identity = identity(user);
    Ok(Normalised {
        external_id: identity.external_id.clone(),
        created_at: identity.source_created_at,
        updated_at: None,
        entities: vec![Entity::Identity(identity)],
        details: Vec::new(),
    })
}

fn identity(user: User) -> Identity {
    let (is_bot, bot_reason) = bot(user.bot, user.username.as_deref());
    Identity {
        external_id: user.id.0,
        username: user.username,
        display_name: user.name,
        email: user.email.or(user.public_email),
        is_bot,
        bot_reason,
        state: user.state,
        url: user.web_url,
        source_created_at: user.created_at,
    }
}

/// The account as somebody's author, reviewer, …
pub fn identity_ref(context: &RowContext<'_>, user: &User) -> Entity {
    let (is_bot, bot_reason) = bot(user.bot, user.username.as_deref());
    Entity::IdentityRef(IdentityRef {
        external_id: user.id.0.clone(),
        username: user.username.clone(),
        display_name: user.name.clone(),
        is_bot,
        bot_reason,
        state: user.state.clone(),
        url: user.web_url.clone(),
        detail: context.details.then(|| user_request(&user.id.0)),
    })
}

/// The entity followed by the accounts it names, each once.
pub fn with_accounts<'a>(context: &RowContext<'_>, entity: Entity, users: impl IntoIterator<Item = &'a User>) -> Vec<Entity> {
    let mut named: Vec<&User> = Vec::new();
    for user in users {
        if !named.iter().any(|seen| seen.id == user.id) {
            named.push(user);
        }
    }
    let mut entities = Vec::with_capacity(named.len() + 1);
    entities.push(entity);
    entities.extend(named.into_iter().map(|user| identity_ref(context, user)));
    entities
}

/// The ids of `users`, or of the older single field where the list is empty.
pub fn ids(users: &[User], single: Option<&User>) -> Vec<String> {
    let one = if users.is_empty() { single } else { None };
    users.iter().chain(one).map(|user| user.id.0.clone()).collect()
}

fn user_request(id: &str) -> DetailRequest {
    DetailRequest { stream: USER_DETAILS.into(), external_id: id.to_owned(), args: json!({}) }
}
