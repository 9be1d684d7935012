with m as materialized (
    -- commits matter where a merge request was open for long enough to be stale
    select id, connection_id, external_id, created_at + :quiet: <= kpi_ended(state, created_at, merged_at, closed_at) as long
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:)
        and (kpi_ended(state, created_at, merged_at, closed_at) >= :from: and least(created_at, merged_at, closed_at) < :until: or id = any(:ids:))
)
-- one by one, by index (the offset keeps the planner from reading all of history instead)
select m.id, m.connection_id, e.kind, e.system, e.event, e.by, e.at
from m
cross join lateral (
    (select 0::bigint as kind, n.system, n.event, n.author_external_id as by, n.created_at as at from merge_request_notes n
     where n.connection_id = m.connection_id and n.merge_request_external_id = m.external_id and n.deleted_at is null offset 0)
    union all
    (select 1, false, null, a.identity_external_id, a.approved_at from merge_request_approvals a
     where a.connection_id = m.connection_id and a.merge_request_external_id = m.external_id and a.deleted_at is null
         and a.approved_at is not null offset 0)
    union all
    (select 2, false, null, null, c.committed_at from merge_request_commits c
     where m.long and c.connection_id = m.connection_id and c.merge_request_external_id = m.external_id and c.deleted_at is null
         and c.committed_at is not null offset 0)
) e
