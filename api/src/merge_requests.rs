//! `GET /merge-requests`.

use ovia_domain::{ConnectionId, IdentityId, PersonId};
use ovia_store::{
    mentions::{MentionedRow, Mentioning},
    merge_requests::{MergeRequestFilter, MergeRequestRow},
};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    mentions::MentionedOut,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
    who::WhoOut,
};

/// One merge request.
#[derive(Object)]
#[oai(rename = "MergeRequest")]
struct MergeRequestOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    /// The project's full path; null until the project itself has been synced.
    project: Option<String>,
    project_external_id: String,
    number: i64,
    title: String,
    /// The source's word: `opened`, `closed`, `merged`, `locked`.
    state: String,
    draft: bool,
    author: Option<WhoOut>,
    /// Accounts' ids in the source.
    reviewer_external_ids: Vec<String>,
    labels: Vec<String>,
    milestone: Option<String>,
    source_branch: Option<String>,
    target_branch: Option<String>,
    is_fork: bool,
    created_at: Time,
    updated_at: Option<Time>,
    merged_at: Option<Time>,
    closed_at: Option<Time>,
    /// Lines; null until the details have been synced.
    additions: Option<i64>,
    deletions: Option<i64>,
    changed_files: Option<i64>,
    /// The source cut the diff: the figures are lower bounds.
    size_is_partial: Option<bool>,
    /// Work items that its title, branch, description and commits mention, by their keys; at most 100.
    mentions: Vec<MentionedOut>,
}

pub(crate) struct MergeRequestsApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl MergeRequestsApi {
    /// List merge requests, newest first
    #[oai(path = "/merge-requests", method = "get", operation_id = "merge_requests_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of the title.
        q: Query<Option<String>>,
        /// `opened`, `closed`, `merged`, `locked`.
        state: Query<Option<String>>,
        /// A project's full path or its id in the source.
        project: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// The author, as an identity's id.
        author_identity: Query<Option<Uuid>>,
        /// The author, as a person's id.
        author_person: Query<Option<Uuid>>,
        /// Whether a bot is the author.
        bot: Query<Option<bool>>,
        draft: Query<Option<bool>>,
        /// Created at or after this time.
        since: Query<Option<Time>>,
        /// Created before this time.
        until: Query<Option<Time>>,
        /// Merged at or after this time.
        merged_since: Query<Option<Time>>,
        /// Merged before this time.
        merged_until: Query<Option<Time>>,
        /// Only the rows that this KPI counted: its `id`.
        kpi_snapshot_id: Query<Option<i64>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<MergeRequestOut>>, Problem> {
        let filter = MergeRequestFilter {
            q: q.0,
            state: state.0,
            project: project.0,
            connection_id: connection.0.map(ConnectionId),
            author_identity_id: author_identity.0.map(IdentityId),
            author_person_id: author_person.0.map(PersonId),
            bot: bot.0,
            draft: draft.0,
            since: since.0.map(|time| time.0),
            until: until.0.map(|time| time.0),
            merged_since: merged_since.0.map(|time| time.0),
            merged_until: merged_until.0.map(|time| time.0),
            kpi_snapshot_id: kpi_snapshot_id.0,
        };
        let store = &self.0.config.store;
        let rows = store.merge_requests_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        let things = rows.items.iter().map(|row| (row.connection_id, row.external_id.as_str()));
        let mentioned = store.mentioned_in(caller.org_id(), Mentioning::MergeRequests, things).await?;
        Ok(list(rows, |row| MergeRequestOut::new(mentioned.of(row.connection_id, &row.external_id), row)))
    }
}

impl MergeRequestOut {
    fn new(mentioned: &[MentionedRow], row: MergeRequestRow) -> Self {
        Self {
            mentions: mentioned.iter().map(MentionedOut::from).collect(),
            author: row.author_external_id.map(|external_id| WhoOut {
                external_id,
                identity_id: row.author_identity_id,
                username: row.author_username,
                display_name: row.author_name,
                is_bot: row.author_is_bot,
                person_id: row.author_person_id,
                person_name: row.author_person_name,
            }),
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            project: row.project,
            project_external_id: row.project_external_id,
            number: row.number,
            title: row.title,
            state: row.state,
            draft: row.draft,
            reviewer_external_ids: row.reviewer_external_ids,
            labels: row.labels,
            milestone: row.milestone,
            source_branch: row.source_branch,
            target_branch: row.target_branch,
            is_fork: row.is_fork,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.map(Time),
            merged_at: row.merged_at.map(Time),
            closed_at: row.closed_at.map(Time),
            additions: row.additions,
            deletions: row.deletions,
            changed_files: row.changed_files,
            size_is_partial: row.size_is_partial,
        }
    }
}
