select id, connection_id, project_external_id, author_external_id, merged_at
from merge_requests
where org_id = :org: and deleted_at is null and connection_id = any(:connections:) and merged_at >= :merged_from:
    and kpi_ended(state, created_at, merged_at, closed_at) >= :merged_from: and kpi_ended(state, created_at, merged_at, closed_at) < :from:
    and id <> all(:ids:)
