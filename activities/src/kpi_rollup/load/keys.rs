//! The keys of projects and accounts by what a source calls them, so that rows need no joins.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ovia_domain::{ConnectionId, StatusCategory};
use ovia_kpi::{Facts, IdentityKey, ProjectKey};
use rustc_hash::FxHashMap;
use uuid::Uuid;

/// An account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) key: IdentityKey,
    /// Its own row says that it is a bot's.
    pub(super) is_bot: bool,
}

#[derive(Debug, Default)]
struct Names {
    projects: FxHashMap<Box<str>, ProjectKey>,
    accounts: FxHashMap<Box<str>, Account>,
    statuses: FxHashMap<Box<str>, StatusCategory>,
}

/// What is known before rows are read.
#[derive(Debug, Default)]
pub(super) struct Keys(FxHashMap<Uuid, Names>);

impl Keys {
    pub(super) fn project_add(&mut self, facts: &mut Facts, connection: Uuid, id: &str) -> ProjectKey {
        let names = self.0.entry(connection).or_default();
        if let Some(key) = names.projects.get(id) {
            return *key;
        }
        let key = facts.project(ConnectionId(connection), id);
        names.projects.insert(id.into(), key);
        key
    }

    pub(super) fn account_add(&mut self, facts: &mut Facts, connection: Uuid, id: &str, is_bot: bool) {
        let key = facts.identity(ConnectionId(connection), id);
        self.0.entry(connection).or_default().accounts.insert(id.into(), Account { key, is_bot });
    }

    pub(super) fn status_add(&mut self, connection: Uuid, id: &str, category: Option<&str>) {
        if let Some(category) = category.and_then(super::category) {
            self.0.entry(connection).or_default().statuses.insert(id.into(), category);
        }
    }

    pub(super) fn project(&self, connection: Uuid, id: &str) -> Option<ProjectKey> {
        self.0.get(&connection)?.projects.get(id).copied()
    }

    pub(super) fn account(&self, connection: Uuid, id: &str) -> Option<Account> {
        self.0.get(&connection)?.accounts.get(id).copied()
    }

    /// The category of a status; `None` where the source names none, and for a status that is not known.
    pub(super) fn status(&self, connection: Uuid, id: Option<&str>) -> Option<StatusCategory> {
        self.0.get(&connection)?.statuses.get(id?).copied()
    }
}

/// Facts that several reads add to at a time. What is not known yet gets its key here.
pub(super) struct Shared<'a> {
    keys: &'a Keys,
    facts: Mutex<Facts>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(keys: &'a Keys, facts: Facts) -> Self {
        Self { keys, facts: Mutex::new(facts) }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn project(&self, connection: Uuid, id: &str) -> ProjectKey {
        self.keys.project(connection, id).unwrap_or_else(|| self.facts().project(ConnectionId(connection), id))
    }

    /// An account without a row is known too, and human.
    pub(super) fn account(&self, connection: Uuid, id: Option<&str>) -> (Option<IdentityKey>, bool) {
        let Some(id) = id else { return (None, false) };
        match self.keys.account(connection, id) {
            Some(account) => (Some(account.key), account.is_bot),
            None => (Some(self.facts().identity(ConnectionId(connection), id)), false),
        }
    }

    pub(super) fn status(&self, connection: Uuid, id: Option<&str>) -> Option<StatusCategory> {
        self.keys.status(connection, id)
    }
}
