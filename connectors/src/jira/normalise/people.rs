//! Accounts, groups, and who is in which.

use ovia_domain::{Entity, Group, Identity, IdentityRef, Membership};

use super::{Context, Normalised, RowError};
use crate::jira::wire;
use crate::lenient::parse_row;

/// A row of `users/search`: people, apps and accounts that are closed.
pub fn user(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let user: wire::User = parse_row(json)?;
    let (is_bot, bot_reason) = bot(&user);
    let identity = Identity {
        external_id: user.account_id.0.clone(),
        username: None,
        state: state(&user),
        display_name: user.display_name,
        email: user.email_address,
        is_bot,
        bot_reason,
        url: None,
        source_created_at: None,
    };
    Ok(Normalised { external_id: user.account_id.0, entities: vec![Entity::Identity(identity)], ..Normalised::default() })
}

pub fn group(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let group: wire::Group = parse_row(json)?;
    let name = group.name.unwrap_or_else(|| group.group_id.0.clone());
    let external_id = group.group_id.0;
    let entity = Group { external_id: external_id.clone(), full_path: name.clone(), name, parent_external_id: None, url: None };
    Ok(Normalised { external_id, entities: vec![Entity::Group(entity)], ..Normalised::default() })
}

/// A row of `group/member`. The same account is in several groups, hence the group in the record's id.
pub fn member(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let user: wire::User = parse_row(json)?;
    if context.partition.is_empty() {
        return Err(RowError::Missing("group"));
    }
    let scope = format!("group:{}", context.partition);
    let external_id = format!("{scope}:{}", user.account_id.0);
    let membership = Membership {
        external_id: external_id.clone(),
        scope,
        identity_external_id: user.account_id.0.clone(),
        access_level: None,
        state: state(&user),
        expires_at: None,
    };
    Ok(Normalised { external_id, entities: vec![Entity::Membership(membership), reference(&user)], ..Normalised::default() })
}

/// The accounts named in a row, each once.
pub fn references<'a>(users: impl IntoIterator<Item = &'a wire::User>) -> Vec<Entity> {
    let mut named: Vec<&wire::User> = Vec::new();
    for user in users {
        if !named.iter().any(|seen| seen.account_id == user.account_id) {
            named.push(user);
        }
    }
    named.into_iter().map(reference).collect()
}

fn reference(user: &wire::User) -> Entity {
    let (is_bot, bot_reason) = bot(user);
    Entity::IdentityRef(IdentityRef {
        external_id: user.account_id.0.clone(),
        username: None,
        display_name: user.display_name.clone(),
        is_bot,
        bot_reason,
        state: state(user),
        url: None,
        detail: None,
    })
}

fn bot(user: &wire::User) -> (Option<bool>, Option<String>) {
    match user.account_type.as_deref() {
        Some("app") => (Some(true), Some("account type app".into())),
        Some("atlassian" | "customer") => (Some(false), None),
        _ => (None, None),
    }
}

fn state(user: &wire::User) -> Option<String> {
    user.active.map(|active| if active { "active" } else { "inactive" }.into())
}
