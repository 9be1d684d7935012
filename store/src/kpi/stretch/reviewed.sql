select distinct m.id
from (
    select connection_id, merge_request_external_id from merge_request_notes
    where org_id = :org: and deleted_at is null and created_at >= :from: and created_at < :until: and (not system or event = 'approved')
    union all
    select connection_id, merge_request_external_id from merge_request_approvals
    where org_id = :org: and deleted_at is null and approved_at >= :from: and approved_at < :until:
) e
join merge_requests m on m.connection_id = e.connection_id and m.external_id = e.merge_request_external_id
where m.deleted_at is null and kpi_ended(m.state, m.created_at, m.merged_at, m.closed_at) < :from:
