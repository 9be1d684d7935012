select id, connection_id, project_external_id, identity_external_id, status, updated_at, started_at, finished_at, duration_seconds::double precision
from pipelines
where org_id = :org: and deleted_at is null and connection_id = any(:connections:)
    and coalesce(finished_at, updated_at) >= :pipelines_from: and coalesce(finished_at, updated_at) < :until:
