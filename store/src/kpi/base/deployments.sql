select d.id, d.connection_id, d.project_external_id, d.identity_external_id, d.status, e.tier, d.environment_tier, left(d.sha, 16), d.created_at,
       d.updated_at, d.finished_at
from deployments d
left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
where d.org_id = :org: and d.deleted_at is null and d.connection_id = any(:connections:)
