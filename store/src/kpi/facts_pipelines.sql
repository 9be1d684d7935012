select p.id, p.connection_id, p.project_external_id, p.identity_external_id as started_by, p.status,
       coalesce(p.git_ref = pr.default_branch, false) as on_default_branch, p.created_at, p.updated_at, p.started_at, p.finished_at,
       p.duration_seconds
from pipelines p
join connections c on c.id = p.connection_id and c.deleted_at is null
left join projects pr on pr.connection_id = p.connection_id and pr.external_id = p.project_external_id
where p.org_id = $1 and p.deleted_at is null and ($2::timestamptz is null or coalesce(p.finished_at, p.updated_at) >= $2)
