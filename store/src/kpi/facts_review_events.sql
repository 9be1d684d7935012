select m.id as merge_request_id, m.connection_id, e.kind, e.system, e.event, e.by_external_id, coalesce(i.is_bot, false) as by_is_bot, e.at
from (
    select connection_id, merge_request_external_id, 'note' as kind, system, event, author_external_id as by_external_id, created_at as at
    from merge_request_notes
    where org_id = $1 and deleted_at is null
    union all
    select connection_id, merge_request_external_id, 'approval', false, null, identity_external_id, approved_at
    from merge_request_approvals
    where org_id = $1 and deleted_at is null and approved_at is not null
    union all
    select connection_id, merge_request_external_id, 'commit', false, null, null, committed_at
    from merge_request_commits
    where org_id = $1 and deleted_at is null and committed_at is not null
) e
join merge_requests m on m.connection_id = e.connection_id and m.external_id = e.merge_request_external_id and m.deleted_at is null
left join identities i on i.connection_id = e.connection_id and i.external_id = e.by_external_id
where $2::timestamptz is null or m.created_at >= $2
