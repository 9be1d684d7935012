select id, connection_id, project_external_id, author_external_id, merged_at,
       case when merge_commit_sha is null and squash_commit_sha is null then left(head_sha, 16) end, left(merge_commit_sha, 16),
       left(squash_commit_sha, 16)
from merge_requests
where org_id = :org: and deleted_at is null and merged_at >= :since: and connection_id = any(:connections:)
union all
select id, connection_id, project_external_id, author_external_id, merged_at,
       case when merge_commit_sha is null and squash_commit_sha is null then left(head_sha, 16) end, left(merge_commit_sha, 16),
       left(squash_commit_sha, 16)
from merge_requests
where org_id = :org: and deleted_at is null and merged_at < :since: and connection_id = any(:connections:) and id in (
    select m.id
    from deployments d
    cross join lateral (
        select m.id from merge_requests m where m.connection_id = d.connection_id and m.merge_commit_sha = d.sha
        union all
        select m.id from merge_requests m where m.connection_id = d.connection_id and m.squash_commit_sha = d.sha
        union all
        select m.id from merge_requests m
        where m.connection_id = d.connection_id and m.head_sha = d.sha and m.merged_at is not null and m.merge_commit_sha is null
            and m.squash_commit_sha is null
    ) m
    where d.org_id = :org: and d.id = any(:deployments:)
)
