with reverts as materialized (
    select id, connection_id, project_external_id, substring(title from '^[Rr]evert "(.*)"') as quoted,
           substring(source_branch from '^revert-([0-9a-f]{8})') as short_sha
    from merge_requests
    where org_id = $1 and deleted_at is null and id = any($2)
        and (title ilike 'revert%' or source_branch like 'revert-%')
),
wanted as (
    select id from reverts
    union
    select m.id from reverts r
    join merge_requests m on m.connection_id = r.connection_id and m.project_external_id = r.project_external_id and m.title = r.quoted
    where m.org_id = $1 and m.deleted_at is null
    union
    select m.id from reverts r
    join merge_requests m
        on m.connection_id = r.connection_id and m.project_external_id = r.project_external_id and left(m.merge_commit_sha, 8) = r.short_sha
    where m.org_id = $1 and m.deleted_at is null
    union
    select m.id from reverts r
    join merge_requests m
        on m.connection_id = r.connection_id and m.project_external_id = r.project_external_id and left(m.squash_commit_sha, 8) = r.short_sha
    where m.org_id = $1 and m.deleted_at is null
)
select m.id, m.connection_id, m.project_external_id, m.title, m.source_branch, m.merge_commit_sha, m.squash_commit_sha, m.created_at, m.merged_at
from wanted w
join merge_requests m on m.id = w.id
join connections c on c.id = m.connection_id and c.deleted_at is null
order by m.id
