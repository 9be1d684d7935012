select
    pr.id, pr.connection_id, pr.external_id as project_external_id, pr.full_path as project, pr.url,
    max(coalesce(d.finished_at, d.updated_at, d.created_at)) as "last_at!"
from deployments d
join connections c on c.id = d.connection_id and c.deleted_at is null
join projects pr on pr.connection_id = d.connection_id and pr.external_id = d.project_external_id
left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
where d.org_id = $1 and d.deleted_at is null and d.status = 'success' and coalesce(e.tier, d.environment_tier) = any($4::text[])
    and coalesce(d.finished_at, d.updated_at, d.created_at) <= $2::timestamptz and not pr.archived and pr.deleted_at is null
group by pr.id, pr.connection_id, pr.external_id, pr.full_path, pr.url
having max(coalesce(d.finished_at, d.updated_at, d.created_at)) <= $2::timestamptz - make_interval(days => $3::int)
order by pr.id
