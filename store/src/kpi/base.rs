//! Rows that figures of any time may need, and what only all rows can tell: read once for a rollup.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{
    copy_out::{Statement, copy_out},
    facts::KpiReader,
};
use crate::StoreError;

type Time = DateTime<Utc>;

/// Commits are cut to 16 digits.
#[derive(Debug)]
pub struct DeploymentFactRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub deployed_by: Option<&'a str>,
    pub status: &'a str,
    pub tier_of_environment: Option<&'a str>,
    pub tier_of_deployment: Option<&'a str>,
    pub sha: Option<&'a str>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

/// A merged merge request, as far as it says with which deployment it went out. Commits are cut to 16 digits.
#[derive(Debug)]
pub struct MergedFactRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub author_external_id: Option<&'a str>,
    pub merged_at: Time,
    /// Only where it is what went out: a merge request without a merge and a squash commit.
    pub head_sha: Option<&'a str>,
    pub merge_commit_sha: Option<&'a str>,
    pub squash_commit_sha: Option<&'a str>,
}

/// Which merged merge requests to read.
#[derive(Clone, Debug)]
pub struct MergedAsked {
    /// Those merged then or later; `None`: all.
    pub since: Option<Time>,
    /// And those whose commits these deployed (`deployments.id`), however old.
    pub deployments: Vec<i64>,
}

/// A work item, or an issue of a code host, that is an incident.
#[derive(Debug, FromRow)]
pub struct IncidentFactRow {
    pub id: i64,
    /// `work_items` or `issues`.
    pub of_table: String,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub kind: String,
    pub type_name: String,
    pub status_category: Option<String>,
    pub assignee_external_id: Option<String>,
    pub labels: Vec<String>,
    pub components: Vec<String>,
    pub created_at: Time,
    pub resolved_at: Option<Time>,
    pub story_points: Option<f64>,
    /// The filter is about it.
    pub is_filtered: bool,
}

/// A merge request that an incident names, or that one of these takes back.
#[derive(Debug, FromRow)]
pub struct LinkedMergeRequestRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    /// Of branches and labels only what could tell a hotfix.
    pub source_branch: Option<String>,
    pub labels: Vec<String>,
    pub state: String,
    pub created_at: Time,
    pub merged_at: Option<Time>,
    pub head_sha: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
}

/// A merge request that takes another back, or that may have been taken back.
#[derive(Debug, FromRow)]
pub struct RevertCandidateRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub title: String,
    pub source_branch: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub created_at: Time,
    pub merged_at: Option<Time>,
}

/// When the first row of a project or an account was created.
#[derive(Debug, FromRow)]
pub struct FirstRow {
    /// `project`, `account`, or `membership`: of an account within a membership that was asked for.
    pub of: String,
    pub connection_id: Uuid,
    /// The project's or account's external id.
    pub id: String,
    pub at: Time,
    /// [`AccountMembership::number`].
    pub membership: i64,
}

/// An account of somebody who was in a team in `[from, to)`.
#[derive(Clone, Debug)]
pub struct AccountMembership {
    pub connection_id: Uuid,
    pub external_id: String,
    pub from: Time,
    pub to: Time,
    /// The caller's.
    pub number: i64,
}

/// Whose rows [`KpiReader::firsts`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstsOf {
    MergeRequests,
    /// No epics.
    WorkItems,
}

impl KpiReader {
    /// Live connections; rows of others are not read.
    pub(super) async fn connections_read(&mut self) -> Result<Vec<Uuid>, StoreError> {
        let org = self.org();
        let sql = "select id from connections where org_id = $1 and deleted_at is null order by id";
        Ok(sqlx::query_scalar(sql).bind(org.0).fetch_all(self.connection()).await?)
    }

    /// Every account: connection, external id, whether its own row says it is a bot's. In the order of their rows.
    pub async fn accounts(&mut self, mut each: impl FnMut(Uuid, &str, bool)) -> Result<(), StoreError> {
        let statement = self.scoped(
            "select connection_id, external_id, coalesce(is_bot, false) from identities where org_id = :org: and connection_id = any(:connections:) order by id",
        );
        copy_out(self.connection(), statement, |row| {
            each(row.uuid()?, row.text()?, row.bool()?);
            Ok(())
        })
        .await
    }

    /// Every status of work items: connection, external id, category.
    pub async fn statuses(&mut self, mut each: impl FnMut(Uuid, &str, Option<&str>)) -> Result<(), StoreError> {
        let statement = self.scoped(
            "select connection_id, external_id, category from work_item_statuses where org_id = :org: and connection_id = any(:connections:)",
        );
        copy_out(self.connection(), statement, |row| {
            each(row.uuid()?, row.text()?, row.maybe_text()?);
            Ok(())
        })
        .await
    }

    /// All of them, whatever their age: what a deployment contains depends on those before it.
    pub async fn deployments(&mut self, mut each: impl FnMut(DeploymentFactRow<'_>)) -> Result<(), StoreError> {
        let statement = self.scoped(include_str!("base/deployments.sql"));
        copy_out(self.connection(), statement, |row| {
            each(DeploymentFactRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                deployed_by: row.maybe_text()?,
                status: row.text()?,
                tier_of_environment: row.maybe_text()?,
                tier_of_deployment: row.maybe_text()?,
                sha: row.maybe_text()?,
                created_at: row.time()?,
                updated_at: row.maybe_time()?,
                finished_at: row.maybe_time()?,
            });
            Ok(())
        })
        .await
    }

    /// Merged merge requests, in a few columns; each once.
    pub async fn merged(&mut self, asked: &MergedAsked, mut each: impl FnMut(MergedFactRow<'_>)) -> Result<(), StoreError> {
        // all of them are there without any deployment's help
        let deployments = if asked.since.is_some() { asked.deployments.as_slice() } else { &[] };
        let statement =
            self.scoped(include_str!("base/merged.sql")).time("since", asked.since, "-infinity").ids("deployments", deployments);
        copy_out(self.connection(), statement, |row| {
            each(MergedFactRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                author_external_id: row.maybe_text()?,
                merged_at: row.time()?,
                head_sha: row.maybe_text()?,
                merge_commit_sha: row.maybe_text()?,
                squash_commit_sha: row.maybe_text()?,
            });
            Ok(())
        })
        .await
    }

    /// Work items and issues whose type or a label is one of these, in lower case, or that `filter` (a `jsonpath`, as `item_matches` takes it)
    /// is about.
    pub async fn incidents(
        &mut self,
        types: &[String],
        labels: &[String],
        filter: Option<&str>,
    ) -> Result<Vec<IncidentFactRow>, StoreError> {
        let (org, connections) = (self.org(), self.connections().to_vec());
        let query = sqlx::query_as(include_str!("base/incidents.sql")).bind(org.0).bind(types).bind(labels).bind(connections).bind(filter);
        Ok(query.fetch_all(self.connection()).await?)
    }

    /// Merge requests that name these items (`work_items.id`), or are named by them, as (item, merge request).
    pub async fn item_merge_requests(&mut self, items: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let org = self.org();
        let sql = "select distinct w.id, m.id
            from work_items w
            join references_found r on r.org_id = $1 and r.from_table = 'merge_requests' and r.keys @> array[w.key] and r.deleted_at is null
            join merge_requests m on m.connection_id = r.connection_id and m.external_id = r.from_external_id and m.deleted_at is null
            where w.org_id = $1 and w.id = any($2) order by 1, 2";
        Ok(sqlx::query_as(sql).bind(org.0).bind(items).fetch_all(self.connection()).await?)
    }

    /// Merge requests by id. `hotfix_labels` are in lower case: of other labels and of branches only what could tell a hotfix is read.
    pub async fn linked_merge_requests(
        &mut self,
        ids: &[i64],
        hotfix_labels: &[String],
        hotfix_branches: &[String],
    ) -> Result<Vec<LinkedMergeRequestRow>, StoreError> {
        let org = self.org();
        let query = sqlx::query_as(include_str!("base/linked.sql")).bind(org.0).bind(ids).bind(hotfix_labels).bind(hotfix_branches);
        Ok(query.fetch_all(self.connection()).await?)
    }

    /// Those of the merge requests `ids` that take others back, and those they may mean.
    pub async fn revert_candidates(&mut self, ids: &[i64]) -> Result<Vec<RevertCandidateRow>, StoreError> {
        let org = self.org();
        Ok(sqlx::query_as(include_str!("facts_reverts.sql")).bind(org.0).bind(ids).fetch_all(self.connection()).await?)
    }

    /// The first row of each project, of each account, and of accounts within memberships. Of connections that are gone, too.
    pub async fn firsts(&mut self, of: FirstsOf, memberships: &[AccountMembership]) -> Result<Vec<FirstRow>, StoreError> {
        let (rows, who, counts) = match of {
            FirstsOf::MergeRequests => ("merge_requests", "author_external_id", "true"),
            FirstsOf::WorkItems => ("work_items", "assignee_external_id", "kind <> 'epic'"),
        };
        let sql = include_str!("base/firsts.sql").replace(":rows:", rows).replace(":who:", who).replace(":counts:", counts);
        let org = self.org();
        let connections: Vec<Uuid> = memberships.iter().map(|row| row.connection_id).collect();
        let ids: Vec<&str> = memberships.iter().map(|row| row.external_id.as_str()).collect();
        let from: Vec<Time> = memberships.iter().map(|row| row.from).collect();
        let to: Vec<Time> = memberships.iter().map(|row| row.to).collect();
        let numbers: Vec<i64> = memberships.iter().map(|row| row.number).collect();
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(org.0).bind(connections).bind(ids).bind(from).bind(to).bind(numbers);
        Ok(query.fetch_all(self.connection()).await?)
    }

    /// The time of the first merge request, work item or pipeline.
    pub async fn earliest(&mut self) -> Result<Option<Time>, StoreError> {
        let (org, connections) = (self.org(), self.connections().to_vec());
        Ok(sqlx::query_scalar(include_str!("base/earliest.sql")).bind(org.0).bind(connections).fetch_one(self.connection()).await?)
    }

    pub(super) fn scoped(&self, sql: &str) -> Statement {
        Statement::new(sql).uuid("org", self.org().0).uuids("connections", self.connections())
    }
}
