//! What is read once for a rollup.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, WorkItemKind};
use ovia_kpi::{
    AttributionOverride, Calendar, DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, Given, IncidentProject, ItemMergeRequest,
    ItemRef, ItemTable, KpiSettings, MergeRequestFact, MergeRequestState, PersonKey, ProjectKey, RevertCandidate, Sha, TeamMembership,
    WorkItemFact, attribute_incidents, find_reverts,
};
use ovia_store::{
    StoreError,
    kpi::{
        base::{IncidentFactRow, LinkedMergeRequestRow, RevertCandidateRow},
        facts::KpiReader,
    },
};

use super::{Base, category, keys::Keys, lower};

impl Base {
    /// Reads it, but for what [`Self::crowds_read`] tells.
    pub async fn read(reader: &mut KpiReader, settings: &KpiSettings) -> Result<Self, StoreError> {
        let (mut facts, mut keys) = (Facts::default(), Keys::default());
        let mut paths: HashMap<String, Vec<ProjectKey>> = HashMap::new();
        for row in reader.projects().await? {
            let key = keys.project_add(&mut facts, row.connection_id, &row.external_id);
            paths.entry(row.full_path).or_default().push(key);
        }
        reader.accounts(|connection, id, is_bot| keys.account_add(&mut facts, connection, id, is_bot)).await?;
        reader.statuses(|connection, id, category| keys.status_add(connection, id, category)).await?;
        let accounts = people(reader, settings, &mut facts).await?;
        deployments(reader, &mut facts, &mut keys).await?;
        let hotfixes = incidents(reader, settings, &paths, &mut facts, &mut keys).await?;
        let firsts = super::firsts::read(reader, &mut facts, &mut keys, &accounts).await?;
        let attributions = attribute_incidents(&facts, settings);
        // they were there for the attributions only; a stretch brings its own
        facts.merge_requests = Vec::new();
        facts.given = Some(Given { crowds: Vec::new(), attributions, firsts });
        let of_rows = facts.deployments.iter().map(|row| row.created_at.min(row.at()));
        let of_incidents = facts.work_items.iter().map(|row| row.created_at);
        let earliest = of_rows.chain(of_incidents).chain(reader.earliest().await?).min();
        Ok(Self { facts, earliest, keys, hotfixes, went_out: Vec::new(), went_out_from: Some(DateTime::<Utc>::MAX_UTC) })
    }
}

/// Whose accounts there are, and who is in which team when. Answers the accounts of each person.
async fn people(
    reader: &mut KpiReader,
    settings: &KpiSettings,
    facts: &mut Facts,
) -> Result<HashMap<PersonKey, Vec<(uuid::Uuid, String)>>, StoreError> {
    let mut accounts: HashMap<PersonKey, Vec<(uuid::Uuid, String)>> = HashMap::new();
    reader
        .person_links(|row| {
            let identity = facts.identity(ConnectionId(row.connection_id), &row.external_id);
            let person = facts.person(&row.person_id.to_string());
            facts.person_of(identity, person, row.person_is_bot);
            accounts.entry(person).or_default().push((row.connection_id, row.external_id));
        })
        .await?;
    let calendar = Calendar::new(settings.tz());
    for row in reader.team_memberships().await? {
        let (team, person) = (facts.team(&row.team_id.to_string()), facts.person(&row.person_id.to_string()));
        let from = Some(calendar.midnight(row.from_date));
        let to = row.until_date.map(|day| calendar.midnight(day));
        facts.team_memberships.push(TeamMembership { team, person, from, to });
    }
    Ok(accounts)
}

async fn deployments(reader: &mut KpiReader, facts: &mut Facts, keys: &mut Keys) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    reader
        .deployments(|row| {
            let account = row.deployed_by.map(|id| {
                let known = keys.account(row.connection_id, id);
                known.map_or_else(|| (facts.identity(ConnectionId(row.connection_id), id), false), |account| (account.key, account.is_bot))
            });
            rows.push(DeploymentFact {
                id: row.id,
                project: keys.project_add(facts, row.connection_id, row.project_external_id),
                deployed_by: account.map(|account| account.0),
                deployed_by_bot: account.is_some_and(|account| account.1),
                status: DeploymentStatus::parse(row.status),
                environment_tier: row.tier_of_environment.map(EnvironmentTier::parse),
                deployment_tier: row.tier_of_deployment.map(EnvironmentTier::parse),
                sha: row.sha.and_then(Sha::parse),
                created_at: row.created_at,
                updated_at: row.updated_at,
                finished_at: row.finished_at,
            });
        })
        .await?;
    facts.deployments = rows;
    Ok(())
}

/// Incidents of whatever age, the merge requests they name, and what those take back. Answers the hotfixes among them.
async fn incidents(
    reader: &mut KpiReader,
    settings: &KpiSettings,
    paths: &HashMap<String, Vec<ProjectKey>>,
    facts: &mut Facts,
    keys: &mut Keys,
) -> Result<HashSet<i64>, StoreError> {
    for row in reader.overrides().await? {
        let item = ItemRef { table: table_of(&row.incident_table), id: row.incident_id };
        facts.attribution_overrides.push(AttributionOverride { item, deployment_id: row.deployment_id });
    }
    let (types, labels) = (lower(&settings.incident_types), lower(&settings.incident_labels));
    for row in reader.incidents(&types, &labels, settings.incident_jsonpath().as_deref()).await? {
        incident_add(facts, keys, settings, paths, &row);
    }
    let of_table = |table| facts.work_items.iter().filter(move |row| row.item.table == table).map(|row| row.item.id).collect::<Vec<i64>>();
    let (items, issues) = (of_table(ItemTable::WorkItems), of_table(ItemTable::Issues));
    if !items.is_empty() {
        let named = reader.item_merge_requests(&items).await?;
        facts.item_merge_requests.extend(named.into_iter().map(|named| link(ItemTable::WorkItems, named)));
    }
    if !issues.is_empty() {
        let named = reader.issue_merge_requests(&issues).await?;
        facts.item_merge_requests.extend(named.into_iter().map(|named| link(ItemTable::Issues, named)));
    }
    let mut ids: Vec<i64> = facts.item_merge_requests.iter().map(|row| row.merge_request_id).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let candidates = reader.revert_candidates(&ids).await?;
    facts.reverts = reverts(facts, keys, &candidates);
    ids.extend(facts.reverts.iter().map(|row| row.reverted_id));
    ids.sort_unstable();
    ids.dedup();
    let (labels, branches) = (lower(&settings.hotfix_labels), lower(&settings.hotfix_branches));
    for row in reader.linked_merge_requests(&ids, &labels, &branches).await? {
        let linked = linked(facts, keys, settings, row);
        facts.merge_requests.push(linked);
    }
    Ok(facts.merge_requests.iter().filter(|row| row.is_hotfix).map(|row| row.id).collect())
}

fn link(table: ItemTable, (id, merge_request_id): (i64, i64)) -> ItemMergeRequest {
    ItemMergeRequest { item: ItemRef { table, id }, merge_request_id }
}

fn table_of(name: &str) -> ItemTable {
    if name == "issues" { ItemTable::Issues } else { ItemTable::WorkItems }
}

fn incident_add(
    facts: &mut Facts,
    keys: &mut Keys,
    settings: &KpiSettings,
    paths: &HashMap<String, Vec<ProjectKey>>,
    row: &IncidentFactRow,
) {
    if !row.is_filtered && !settings.is_incident(&row.type_name, row.labels.iter().map(String::as_str)) {
        return;
    }
    let item = ItemRef { table: table_of(&row.of_table), id: row.id };
    let account = row.assignee_external_id.as_deref().map(|id| {
        let known = keys.account(row.connection_id, id);
        known.map_or_else(|| (facts.identity(ConnectionId(row.connection_id), id), false), |account| (account.key, account.is_bot))
    });
    let names = row.components.iter().chain(&row.labels).map(String::as_str);
    let concerned = settings.concerns(names).filter_map(|path| paths.get(path)).flatten();
    facts.incident_projects.extend(concerned.map(|project| IncidentProject { item, project: *project }));
    let project = keys.project_add(facts, row.connection_id, &row.project_external_id);
    facts.work_items.push(WorkItemFact {
        item,
        project,
        kind: WorkItemKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind).unwrap_or(WorkItemKind::Task),
        category: row.status_category.as_deref().and_then(category),
        assignee: account.map(|account| account.0),
        assignee_is_bot: account.is_some_and(|account| account.1),
        created_at: row.created_at,
        resolved_at: row.resolved_at,
        story_points: row.story_points.map(|points| points as f32),
        is_incident: true,
    });
}

/// As far as attributions ask.
fn linked(facts: &mut Facts, keys: &mut Keys, settings: &KpiSettings, row: LinkedMergeRequestRow) -> MergeRequestFact {
    let sha = |sha: &Option<String>| sha.as_deref().and_then(Sha::parse);
    MergeRequestFact {
        id: row.id,
        project: keys.project_add(facts, row.connection_id, &row.project_external_id),
        author: None,
        author_is_bot: false,
        state: MergeRequestState::parse(&row.state),
        draft: false,
        is_fork: false,
        is_hotfix: settings.is_hotfix(row.source_branch.as_deref(), row.labels.iter().map(String::as_str)),
        created_at: row.created_at,
        updated_at: None,
        merged_at: row.merged_at,
        closed_at: None,
        first_commit_at: None,
        head_sha: sha(&row.head_sha),
        merge_sha: sha(&row.merge_commit_sha),
        squash_sha: sha(&row.squash_commit_sha),
        additions: None,
        deletions: None,
    }
}

fn reverts(facts: &mut Facts, keys: &mut Keys, rows: &[RevertCandidateRow]) -> Vec<ovia_kpi::RevertFact> {
    let candidates: Vec<RevertCandidate<'_>> = rows
        .iter()
        .map(|row| RevertCandidate {
            id: row.id,
            project: keys.project_add(facts, row.connection_id, &row.project_external_id),
            title: &row.title,
            source_branch: row.source_branch.as_deref(),
            merge_sha: row.merge_commit_sha.as_deref().and_then(Sha::parse),
            squash_sha: row.squash_commit_sha.as_deref().and_then(Sha::parse),
            created_at: row.created_at,
            merged_at: row.merged_at,
        })
        .collect();
    find_reverts(&candidates)
}
