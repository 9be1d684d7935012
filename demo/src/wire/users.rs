//! Accounts. A list row never says whether an account is a bot and never shows an e-mail; `GET /users/:id` does both, as for a
//! token that is not an administrator's.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXTERNAL_URL, Stamp, render};
use crate::company::Company;
use crate::company::model::User;

#[derive(Serialize)]
struct Basic<'a> {
    id: u64,
    username: &'a str,
    name: &'a str,
    state: &'a str,
    locked: bool,
    avatar_url: Option<String>,
    web_url: String,
}

#[derive(Serialize)]
struct Full<'a> {
    #[serde(flatten)]
    basic: Basic<'a>,
    created_at: Stamp,
    bio: &'a str,
    location: &'a str,
    /// Empty, not null, when the profile shows none.
    public_email: &'a str,
    linkedin: &'a str,
    twitter: &'a str,
    discord: &'a str,
    website_url: &'a str,
    github: &'a str,
    organization: &'a str,
    job_title: &'a str,
    pronouns: Option<&'a str>,
    bot: bool,
    work_information: Option<&'a str>,
    followers: u32,
    following: u32,
    is_followed: bool,
    local_time: Option<&'a str>,
}

fn basic(user: &User) -> Basic<'_> {
    Basic {
        id: user.id,
        username: &user.username,
        name: &user.name,
        state: user.state,
        locked: false,
        avatar_url: user.id.is_multiple_of(3).then(|| format!("{EXTERNAL_URL}/uploads/-/system/user/avatar/{}/avatar.png", user.id)),
        web_url: format!("{EXTERNAL_URL}/{}", user.username),
    }
}

/// `GET /users/:id`.
pub(crate) fn user_detail(user: &User) -> Bytes {
    render(&Full {
        basic: basic(user),
        created_at: Stamp(user.created_at),
        bio: "",
        location: "",
        public_email: user.public_email.as_deref().unwrap_or_default(),
        linkedin: "",
        twitter: "",
        discord: "",
        website_url: "",
        github: "",
        organization: "",
        job_title: "",
        pronouns: None,
        bot: user.bot,
        work_information: None,
        followers: 0,
        following: 0,
        is_followed: false,
        local_time: None,
    })
}

/// The address in a user's commits.
pub(crate) fn commit_email(user: &User) -> String {
    user.public_email.clone().unwrap_or_else(|| format!("{}-{}@users.noreply.gitlab.brightloom.example", user.id, user.username))
}

/// All accounts, rendered as they appear inside other rows.
pub(crate) struct Users {
    basic: HashMap<u64, Box<RawValue>>,
    full: HashMap<u64, Box<RawValue>>,
    null: Box<RawValue>,
}

impl Users {
    pub(crate) fn new(company: &Company) -> Self {
        let raw = |bytes: Bytes| serde_json::from_slice::<Box<RawValue>>(&bytes).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            basic: company.users.iter().map(|user| (user.id, raw(render(&basic(user))))).collect(),
            full: company.users.iter().map(|user| (user.id, raw(user_detail(user)))).collect(),
            null: RawValue::NULL.to_owned(),
        }
    }

    pub(crate) fn basic(&self, id: u64) -> &RawValue {
        self.basic.get(&id).unwrap_or(&self.null)
    }

    pub(crate) fn full(&self, id: u64) -> &RawValue {
        self.full.get(&id).unwrap_or(&self.null)
    }

    pub(crate) fn list(&self, ids: &[u64]) -> Vec<&RawValue> {
        ids.iter().map(|id| self.basic(*id)).collect()
    }
}
