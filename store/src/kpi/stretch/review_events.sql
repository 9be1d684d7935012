with m as materialized (
    -- commits matter where a merge request was open for long enough to be stale
    select id, connection_id, external_id, created_at + :quiet: <= kpi_ended(state, created_at, merged_at, closed_at) as long
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:)
        and kpi_ended(state, created_at, merged_at, closed_at) >= :from: and least(created_at, merged_at, closed_at) < :until:
        and id <> all(:ids:)
    union all
    select id, connection_id, external_id, created_at + :quiet: <= kpi_ended(state, created_at, merged_at, closed_at)
    from merge_requests
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:) and id = any(:ids:)
)
-- one by one, by index (the offsets keep the planner from reading all of history instead): as many look-ups as merge requests
select m.id, m.connection_id, 0::bigint, n.system, n.event, n.author_external_id, n.created_at
from m cross join lateral (
    select n.system, n.event, n.author_external_id, n.created_at from merge_request_notes n
    where n.connection_id = m.connection_id and n.merge_request_external_id = m.external_id and n.deleted_at is null offset 0
) n
union all
select m.id, m.connection_id, 1, false, null, a.identity_external_id, a.approved_at
from m cross join lateral (
    select a.identity_external_id, a.approved_at from merge_request_approvals a
    where a.connection_id = m.connection_id and a.merge_request_external_id = m.external_id and a.deleted_at is null and a.approved_at is not null
    offset 0
) a
union all
select m.id, m.connection_id, 2, false, null, null, c.committed_at
from m cross join lateral (
    select c.committed_at from merge_request_commits c
    where c.connection_id = m.connection_id and c.merge_request_external_id = m.external_id and c.deleted_at is null
        and c.committed_at is not null offset 0
) c
where m.long
