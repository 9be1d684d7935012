with m as materialized (
    -- commits matter where a merge request was open for long enough to be stale
    select id, connection_id, external_id, created_at + :quiet: <= kpi_ended(state, created_at, merged_at, closed_at) as long
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:)
        and (kpi_ended(state, created_at, merged_at, closed_at) >= :from: and least(created_at, merged_at, closed_at) < :until: or id = any(:ids:))
)
select m.id, m.connection_id, 0::bigint as kind, e.system, e.event, e.author_external_id, e.created_at
from m join merge_request_notes e on e.connection_id = m.connection_id and e.merge_request_external_id = m.external_id
where e.deleted_at is null
union all
select m.id, m.connection_id, 1, false, null, e.identity_external_id, e.approved_at
from m join merge_request_approvals e on e.connection_id = m.connection_id and e.merge_request_external_id = m.external_id
where e.deleted_at is null and e.approved_at is not null
union all
select m.id, m.connection_id, 2, false, null, null, e.committed_at
from m join merge_request_commits e on e.connection_id = m.connection_id and e.merge_request_external_id = m.external_id
where m.long and e.deleted_at is null and e.committed_at is not null
