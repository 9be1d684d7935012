with finished as (
    select
        pr.id as project_id, pr.connection_id, pr.external_id, pr.full_path, pr.url as project_url, pr.default_branch, p.id, p.status, p.url,
        row_number() over (
            partition by pr.id order by coalesce(p.finished_at, p.updated_at, p.created_at) desc, p.id desc
        ) as place
    from pipelines p
    join projects pr on pr.connection_id = p.connection_id and pr.external_id = p.project_external_id and pr.default_branch = p.git_ref
    where p.org_id = $1 and p.deleted_at is null and p.status in ('success', 'failed') and not pr.archived and pr.deleted_at is null
        and coalesce(p.finished_at, p.updated_at, p.created_at) <= $2::timestamptz
        and coalesce(p.finished_at, p.updated_at, p.created_at) > $2::timestamptz - make_interval(days => $3::int)
)
select
    project_id as "project_id!", connection_id as "connection_id!", external_id as "project_external_id!", full_path as "project!",
    project_url as "url?", default_branch as "branch!", count(*) as "finished!", count(*) filter (where status = 'success') as "succeeded!",
    coalesce(min(place) filter (where status = 'success') - 1, count(*)) as "failures_in_a_row!",
    array_agg(id order by place) filter (where place <= 5) as "last_ids!", min(url) filter (where place = 1) as "last_url?"
from finished
group by project_id, connection_id, external_id, full_path, project_url, default_branch
order by project_id
