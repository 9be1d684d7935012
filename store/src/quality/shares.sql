with shares as (
    select
        'merged_before_created' as check_key, 'merge_requests' as subject_table, m.connection_id, count(*) as total,
        count(*) filter (where m.merged_at < m.created_at or m.closed_at < m.created_at) as bad,
        (array_agg(m.id order by m.id desc) filter (where m.merged_at < m.created_at or m.closed_at < m.created_at))[:10] as samples
    from merge_requests m
    where m.org_id = $1 and m.deleted_at is null and m.created_at > $2::timestamptz - make_interval(days => $3::int)
        and m.created_at <= $2::timestamptz
    group by m.connection_id
    union all
    select
        'unmapped_authors', 'merge_requests', m.connection_id, count(*), count(*) filter (where l.person_id is null),
        (array_agg(m.id order by m.id desc) filter (where l.person_id is null))[:10]
    from merge_requests m
    left join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
    left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
    where m.org_id = $1 and m.deleted_at is null and m.created_at > $2::timestamptz - make_interval(days => $3::int)
        and m.created_at <= $2::timestamptz and not coalesce(i.is_bot, false)
    group by m.connection_id
    union all
    select
        'pipeline_finished_before_started', 'pipelines', p.connection_id, count(*),
        count(*) filter (where p.finished_at < p.started_at or p.finished_at < p.created_at),
        (array_agg(p.id order by p.id desc) filter (where p.finished_at < p.started_at or p.finished_at < p.created_at))[:10]
    from pipelines p
    where p.org_id = $1 and p.deleted_at is null and p.created_at > $2::timestamptz - make_interval(days => $3::int)
        and p.created_at <= $2::timestamptz
    group by p.connection_id
    union all
    select
        'deployment_without_commit', 'deployments', d.connection_id, count(*), count(*) filter (where coalesce(d.sha, '') = ''),
        (array_agg(d.id order by d.id desc) filter (where coalesce(d.sha, '') = ''))[:10]
    from deployments d
    where d.org_id = $1 and d.deleted_at is null and d.status = 'success'
        and d.created_at > $2::timestamptz - make_interval(days => $3::int) and d.created_at <= $2::timestamptz
    group by d.connection_id
    union all
    select
        'deployment_commit_unknown', 'deployments', d.connection_id, count(*), count(*) filter (where not d.known),
        (array_agg(d.id order by d.id desc) filter (where not d.known))[:10]
    from (
        select d.id, d.connection_id, k.sha is not null as known
        from deployments d
        left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
        left join (
            select c.connection_id, c.sha from merge_request_commits c where c.org_id = $1 and c.deleted_at is null
            union
            select m.connection_id, s.sha
            from merge_requests m
            cross join lateral (values (m.head_sha), (m.merge_commit_sha), (m.squash_commit_sha)) as s (sha)
            where m.org_id = $1 and m.deleted_at is null and s.sha is not null
        ) k on k.connection_id = d.connection_id and k.sha = d.sha
        where d.org_id = $1 and d.deleted_at is null and d.status = 'success' and coalesce(e.tier, d.environment_tier) = any($4::text[])
            and coalesce(d.sha, '') <> '' and d.created_at > $2::timestamptz - make_interval(days => $3::int)
            and d.created_at <= $2::timestamptz
    ) d
    group by d.connection_id
    union all
    select
        'done_without_changelog', 'work_items', w.connection_id, count(*), count(*) filter (where not w.changed),
        (array_agg(w.id order by w.id desc) filter (where not w.changed))[:10]
    from (
        select w.id, w.connection_id, exists (
            select from work_item_changes c
            where c.connection_id = w.connection_id and c.work_item_external_id = w.external_id and c.field = 'status' and c.deleted_at is null
        ) as changed
        from work_items w
        where w.org_id = $1 and w.deleted_at is null and w.status_category = 'done'
            and coalesce(w.resolved_at, w.updated_at, w.created_at) > $2::timestamptz - make_interval(days => $3::int)
            and coalesce(w.resolved_at, w.updated_at, w.created_at) <= $2::timestamptz
    ) w
    group by w.connection_id
)
select
    s.check_key as "check_key!", s.subject_table as "subject_table!", s.connection_id as "connection_id!", c.name as "connection_name!",
    s.total as "total!", s.bad as "bad!", coalesce(s.samples, '{}') as "samples!"
from shares s
join connections c on c.id = s.connection_id and c.deleted_at is null
order by 1, 3
