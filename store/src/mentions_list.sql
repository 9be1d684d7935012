-- first of all what has the key: the planner takes keys for so frequent that it would rather walk all rows by their ids
with r as materialized (
    select id, connection_id, external_id, from_table, from_external_id, place, keys
    from references_found
    where org_id = $1 and keys && $2::text[] and deleted_at is null
)
select
    r.id, r.connection_id, c.source, r.place, (select k from unnest(r.keys) as k where k = any($2) limit 1) as "key!",
    m.id as "mr_id?", m.external_id as "mr_external_id?", pr.full_path as "mr_project?", m.number as "mr_number?", m.title as "mr_title?",
    m.state as "mr_state?", m.created_at as "mr_created_at?", m.merged_at as "mr_merged_at?", m.url as "mr_url?",
    mc.sha as "commit_sha?", mc.title as "commit_title?", mc.author_name as "commit_author_name?", mc.authored_at as "commit_authored_at?",
    d.id as "document_id?", d.external_id as "document_external_id?", d.title as "document_title?", d.status as "document_status?",
    d.url as "document_url?"
from r
join connections c on c.id = r.connection_id
left join merge_requests m
    on r.from_table = 'merge_requests' and m.connection_id = r.connection_id and m.external_id = r.from_external_id and m.deleted_at is null
left join projects pr on pr.connection_id = m.connection_id and pr.external_id = m.project_external_id
-- of a commit, the reference's own id ends with its sha
left join merge_request_commits mc
    on r.place = 'commit' and mc.connection_id = m.connection_id and mc.external_id = m.external_id || ':' || split_part(r.external_id, ':', 4)
left join documents d
    on r.from_table = 'documents' and d.connection_id = r.connection_id and d.external_id = r.from_external_id and d.deleted_at is null
    and d.status <> 'trashed'
where (m.id is not null or d.id is not null)
    and ($3::bigint is null or r.id < $3)
order by r.id desc
limit $4
