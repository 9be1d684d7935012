-- of each default branch: what finished in the last days, and the last three whatever their age; red stays red while nothing runs
with finished as (
    select
        pr.id as project_id, pr.connection_id, pr.external_id, pr.full_path, pr.url as project_url, pr.default_branch, p.id, p.status, p.url,
        coalesce(p.finished_at, p.updated_at, p.created_at) > $2::timestamptz - make_interval(days => $3::int) as recent,
        row_number() over (
            partition by pr.id order by coalesce(p.finished_at, p.updated_at, p.created_at) desc, p.id desc
        ) as place
    from pipelines p
    join connections c on c.id = p.connection_id and c.deleted_at is null
    join projects pr on pr.connection_id = p.connection_id and pr.external_id = p.project_external_id and pr.default_branch = p.git_ref
    where p.org_id = $1 and p.deleted_at is null and p.status in ('success', 'failed') and not pr.archived and pr.deleted_at is null
        and coalesce(p.finished_at, p.updated_at, p.created_at) <= $2::timestamptz
)
select
    project_id as "project_id!", connection_id as "connection_id!", external_id as "project_external_id!", full_path as "project!",
    project_url as "url?", default_branch as "branch!", count(*) filter (where recent) as "finished!",
    count(*) filter (where recent and status = 'success') as "succeeded!",
    coalesce(min(place) filter (where status = 'success') - 1, count(*)) as "failures_in_a_row!",
    array_agg(id order by place) filter (where place <= 5) as "last_ids!", min(url) filter (where place = 1) as "last_url?"
from finished
where recent or place <= $4::bigint
group by project_id, connection_id, external_id, full_path, project_url, default_branch
order by project_id
