//! The checks at the end of a sync of work items: which release each goes out with, and what is wrong with them. Rules are in
//! `ovia_domain::integrity`; how a pass goes through the rows, and what it may leave out, in `ovia_store::integrity`.
//!
//! It is a part of the sync's slices, not an activity of its own: it needs the connection's lease, it can take as long as a sync of ten
//! million items does, and histories recorded before it replay.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::{
    JiraSettings, Source,
    integrity::{
        Finding, MembershipRule, RULES_VERSION, SubjectTable, VersionFacts, decide, is_expected, sprint_findings, version_findings,
        work_item_findings,
    },
};
use ovia_store::{
    StoreError,
    integrity::{Checked, IntegrityAttempt, IntegrityPass, ItemKeys, Membership, Place, Step, StoredItem},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::slice::{RunOf, Slice, Stop, Walked};

/// Rows looked at in one transaction.
const BATCH: i64 = 1_000;

/// Where a step stands. One that is not understood begins anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// Of items by change.
    at: Option<DateTime<Utc>>,
    /// The project or sprint whose items are looked at; of versions and sprints, the last one.
    key: String,
    id: i64,
}

struct Pass<'a> {
    slice: &'a Slice<'a>,
    attempt: IntegrityAttempt,
    pass: IntegrityPass,
    prefixes: Vec<String>,
    /// Versions by project, as far as they were needed.
    versions: HashMap<String, Vec<VersionFacts>>,
}

/// Checks what the sync brought. Complete at once where there are no work items, or where the run has been checked already.
pub async fn check(slice: &Slice<'_>) -> Result<Walked, Stop> {
    if slice.source() != Source::Jira {
        return Ok(Walked::Complete);
    }
    let RunOf { org_id, run_id, connection_id } = slice.run;
    let connection = slice.store.connection_fetch(org_id, connection_id).await?;
    // settings that cannot be read have failed the sync before it came here
    let settings = connection.and_then(|connection| JiraSettings::parse(&connection.settings).ok()).unwrap_or_default();
    let prefixes = settings.release_label_prefixes;
    let basis = json!({"rules": RULES_VERSION, "release_label_prefixes": prefixes}).to_string();
    let attempt = IntegrityAttempt { org: org_id, connection: connection_id, run: run_id, fence: slice.fence };
    let pass = slice.store.integrity_begin(&attempt, &basis).await?;
    if pass.finished {
        return Ok(Walked::Complete);
    }
    let mut pass = Pass { slice, attempt, pass, prefixes, versions: HashMap::new() };
    loop {
        // heartbeats go out and the lease is kept whatever it is doing
        if slice.with_pulse(pass.batch()).await?? {
            return Ok(Walked::Complete);
        }
        if let Some(stop) = slice.page_stored().await? {
            return Ok(stop);
        }
    }
}

impl Pass<'_> {
    /// One batch, or a step to the next kind of them. True at the end.
    async fn batch(&mut self) -> Result<bool, StoreError> {
        let cursor = self.pass.cursor.clone().and_then(|cursor| serde_json::from_value::<Cursor>(cursor).ok());
        let cursor = cursor.unwrap_or_default();
        match (self.pass.step, self.pass.since) {
            (Step::Items, since) => self.items(since, cursor).await?,
            (Step::Projects | Step::SprintItems, None) => self.next_step().await?,
            (Step::Projects, Some(since)) => {
                let next = self.slice.store.integrity_project_next(&self.attempt, since, &cursor.key).await?;
                self.items_of(cursor, next, |project, id| ItemKeys::OfProject { project, id }).await?;
            }
            (Step::SprintItems, Some(since)) => {
                let next = self.slice.store.integrity_sprint_next(&self.attempt, since, &cursor.key).await?;
                self.items_of(cursor, next, |sprint, id| ItemKeys::InSprint { sprint, id }).await?;
            }
            (Step::Versions, _) => self.version_rows(&cursor.key).await?,
            (Step::Sprints, _) => self.sprint_rows(&cursor.key).await?,
            (Step::Rest, since) => {
                if self.slice.store.integrity_rest(&self.attempt, since.is_none(), BATCH).await? == 0 {
                    self.next_step().await?;
                }
            }
            (Step::Figures, _) => {
                self.slice.store.integrity_finish(&self.attempt).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn next_step(&mut self) -> Result<(), StoreError> {
        self.stand_at(self.pass.step.next(), None).await
    }

    async fn stand_at(&mut self, step: Step, cursor: Option<Value>) -> Result<(), StoreError> {
        let place = Place { step, cursor };
        self.slice.store.integrity_move(&self.attempt, &place).await?;
        (self.pass.step, self.pass.cursor) = (place.step, place.cursor);
        Ok(())
    }

    /// Items by the time of their change; unless all are looked at anyway, with those below them.
    async fn items(&mut self, since: Option<DateTime<Utc>>, cursor: Cursor) -> Result<(), StoreError> {
        let at = cursor.at.or(since).unwrap_or(DateTime::UNIX_EPOCH);
        let items = self.slice.store.integrity_items(&self.attempt, ItemKeys::Changed { at, id: cursor.id }, BATCH).await?;
        let Some(last) = items.last() else { return self.next_step().await };
        let cursor = Cursor { at: Some(last.changed_at), id: last.id, ..cursor };
        if since.is_some() {
            self.children(&items).await?;
        }
        self.apply_items(&items, cursor).await
    }

    /// Items below `items`, in batches that do not move the pass: they are looked at again if it stops here.
    async fn children(&mut self, items: &[StoredItem]) -> Result<(), StoreError> {
        let parents: Vec<String> = items.iter().map(|item| item.external_id.clone()).collect();
        let stay: Cursor = self.pass.cursor.clone().and_then(|cursor| serde_json::from_value(cursor).ok()).unwrap_or_default();
        let mut id = 0;
        loop {
            let below = self.slice.store.integrity_items(&self.attempt, ItemKeys::Below { parents: &parents, id }, BATCH).await?;
            let Some(last) = below.last() else { return Ok(()) };
            id = last.id;
            self.apply_items(&below, stay.clone()).await?;
        }
    }

    /// Items of the project or sprint that the cursor names; when there are no more, of the `next` one.
    async fn items_of(
        &mut self,
        cursor: Cursor,
        next: Option<String>,
        keys: impl for<'k> Fn(&'k str, i64) -> ItemKeys<'k>,
    ) -> Result<(), StoreError> {
        let items = match cursor.key.as_str() {
            "" => Vec::new(),
            key => self.slice.store.integrity_items(&self.attempt, keys(key, cursor.id), BATCH).await?,
        };
        match (items.last(), next) {
            (Some(last), _) => {
                let cursor = Cursor { id: last.id, ..cursor };
                self.apply_items(&items, cursor).await
            }
            (None, Some(next)) => {
                // stored, so that a slice that ends among projects without items is not repeated for ever
                self.stand_at(self.pass.step, Some(serde_json::to_value(Cursor { key: next, ..Cursor::default() })?)).await
            }
            (None, None) => self.next_step().await,
        }
    }

    async fn apply_items(&mut self, items: &[StoredItem], cursor: Cursor) -> Result<(), StoreError> {
        self.versions_load(items).await?;
        let mut checked = Checked::default();
        for item in items {
            checked.external_ids.push(item.external_id.clone());
            if !item.deleted {
                self.item(item, &mut checked);
            }
        }
        self.apply(SubjectTable::WorkItems, &checked, cursor).await
    }

    fn item(&self, item: &StoredItem, checked: &mut Checked) {
        let versions = self.versions.get(&item.project_external_id).map_or(&[] as &[VersionFacts], Vec::as_slice);
        let decision = decide(&item.fix_version_external_ids, &item.labels, versions, &self.prefixes);
        let expected = is_expected(item.facts.kind, item.facts.status_category, versions);
        let findings = work_item_findings(&item.facts, &decision, expected);
        checked.findings.extend(findings.into_iter().map(|finding| (item.external_id.clone(), finding)));
        if expected || decision.rule != MembershipRule::None {
            checked.memberships.push(Membership {
                work_item_external_id: item.external_id.clone(),
                version_external_id: decision.version_external_id,
                rule: decision.rule.as_str(),
                candidates: decision.candidates,
                expected,
                unambiguous: decision.rule.is_unambiguous(),
            });
        }
    }

    async fn versions_load(&mut self, items: &[StoredItem]) -> Result<(), StoreError> {
        let mut wanted: Vec<String> = items.iter().map(|item| item.project_external_id.clone()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|project| !self.versions.contains_key(project));
        if wanted.is_empty() {
            return Ok(());
        }
        for (project, version) in self.slice.store.integrity_versions_of(&self.attempt, &wanted).await? {
            self.versions.entry(project).or_default().push(version);
        }
        // those without versions are not asked for again
        for project in wanted {
            self.versions.entry(project).or_default();
        }
        Ok(())
    }

    async fn version_rows(&mut self, after: &str) -> Result<(), StoreError> {
        let rows = self.slice.store.integrity_versions(&self.attempt, after, BATCH).await?;
        let found = rows.into_iter().map(|row| {
            let findings = if row.deleted { Vec::new() } else { version_findings(row.dates) };
            (row.external_id, findings)
        });
        self.rows(SubjectTable::Versions, found.collect()).await
    }

    async fn sprint_rows(&mut self, after: &str) -> Result<(), StoreError> {
        let rows = self.slice.store.integrity_sprints(&self.attempt, after, BATCH).await?;
        let found = rows.into_iter().map(|row| {
            let findings = if row.deleted { Vec::new() } else { sprint_findings(&row.facts) };
            (row.external_id, findings)
        });
        self.rows(SubjectTable::Sprints, found.collect()).await
    }

    async fn rows(&mut self, table: SubjectTable, found: Vec<(String, Vec<Finding>)>) -> Result<(), StoreError> {
        let Some((last, _)) = found.last() else { return self.next_step().await };
        let cursor = Cursor { key: last.clone(), ..Cursor::default() };
        let mut checked = Checked::default();
        for (external_id, findings) in found {
            checked.findings.extend(findings.into_iter().map(|finding| (external_id.clone(), finding)));
            checked.external_ids.push(external_id);
        }
        self.apply(table, &checked, cursor).await
    }

    async fn apply(&mut self, table: SubjectTable, checked: &Checked, cursor: Cursor) -> Result<(), StoreError> {
        let place = Place { step: self.pass.step, cursor: Some(serde_json::to_value(cursor)?) };
        self.slice.store.integrity_apply(&self.attempt, table, checked, &place).await?;
        self.pass.cursor = place.cursor;
        Ok(())
    }
}
