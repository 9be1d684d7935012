-- nearly all that is reviewed has not ended: what is left over is looked up one by one
with going as materialized (
    select connection_id, external_id from merge_requests
    where org_id = :org: and deleted_at is null and kpi_ended(state, created_at, merged_at, closed_at) >= :from:
),
late as materialized (
    select distinct e.connection_id, e.merge_request_external_id as external_id
    from (
        select connection_id, merge_request_external_id from merge_request_notes
        where org_id = :org: and deleted_at is null and created_at >= :from: and created_at < :until: and (not system or event = 'approved')
        union all
        select connection_id, merge_request_external_id from merge_request_approvals
        where org_id = :org: and deleted_at is null and approved_at >= :from: and approved_at < :until:
    ) e
    where not exists (select from going g where g.connection_id = e.connection_id and g.external_id = e.merge_request_external_id)
)
select m.id
from late
cross join lateral (
    select id from merge_requests r where r.connection_id = late.connection_id and r.external_id = late.external_id and r.deleted_at is null offset 0
) m
