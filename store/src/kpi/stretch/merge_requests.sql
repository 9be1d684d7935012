with m as materialized (
    select id, connection_id, external_id, project_external_id, author_external_id, state, draft, is_fork, created_at, updated_at, merged_at,
           closed_at, left(head_sha, 16) as head, left(merge_commit_sha, 16) as merge, left(squash_commit_sha, 16) as squash, additions,
           deletions, merged_at >= :from: as counts
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:)
        and kpi_ended(state, created_at, merged_at, closed_at) >= :from: and least(created_at, merged_at, closed_at) < :until:
        and id <> all(:ids:)
    union all
    select id, connection_id, external_id, project_external_id, author_external_id, state, draft, is_fork, created_at, updated_at, merged_at,
           closed_at, left(head_sha, 16), left(merge_commit_sha, 16), left(squash_commit_sha, 16), additions, deletions, true
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:) and id = any(:ids:)
)
select m.id, m.connection_id, m.project_external_id, m.author_external_id, m.state, m.draft, m.is_fork, m.created_at, m.updated_at, m.merged_at,
       m.closed_at, f.at, m.head, m.merge, m.squash, m.additions, m.deletions
from m
-- a lead time begins with the first commit; what was merged before the stretch counts in none any more, unless it is named. One by one,
-- by index: as many look-ups as rows of the stretch, however long the history is
left join lateral (
    select min(c.authored_at) as at from merge_request_commits c
    where m.counts and c.connection_id = m.connection_id and c.merge_request_external_id = m.external_id and c.deleted_at is null
) f on true
