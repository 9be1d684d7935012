with scopes as materialized (
    select s.scope_id, s.scope_name from (
        select '' as scope_id, null as scope_name where $2 = 'organisation'
        union all
        -- a project that is gone is no longer measured
        select p.connection_id || ':' || p.external_id, p.full_path
        from projects p join connections c on c.id = p.connection_id and c.deleted_at is null
        where $2 = 'project' and p.org_id = $1 and p.deleted_at is null
            and ($3::text is null or p.full_path = $3 or p.external_id = $3 or p.connection_id || ':' || p.external_id = $3)
        union all
        select t.id::text, t.name from teams t
        where $2 = 'team' and t.org_id = $1 and t.archived_at is null and ($3::text is null or t.id::text = $3 or lower(t.name) = lower($3))
        union all
        select p.id::text, p.display_name from people p
        where $2 = 'person' and p.org_id = $1 and p.retired_at is null and not p.is_bot and ($3::text is null or p.id::text = $3)
    ) s
),
asked as materialized (
    select w.window_start, w.window_end, w.previous_start, s.scope_id, s.scope_name, m.metric, m.position
    from scopes s
    cross join unnest($8::text[]) with ordinality as m (metric, position)
    cross join unnest($5::timestamptz[], $6::timestamptz[], $7::timestamptz[]) as w (window_start, window_end, previous_start)
    where case when $2 = 'team' and $13::bigint is not null then kpi_team_members($1, s.scope_id::uuid, w.window_start, w.window_end) >= $13 else true end
        and ($9::timestamptz is null or w.window_start < $9 or (w.window_start = $9 and (s.scope_id, m.position) > ($10::text, $11::bigint)))
    order by w.window_start desc, s.scope_id, m.position
    limit $12
)
select
    a.metric, a.position, $2 as scope_kind, a.scope_id, a.scope_name, a.window_start, a.window_end, k.id, k.definition_version, k.value,
    k.stats, k.coverage, k.row_table, k.row_count, k.identity_epoch, k.inputs_at, k.computed_at, k.run_id, p.value as previous
from asked a
left join lateral (
    select k.* from kpi_snapshots k
    where k.org_id = $1 and k.scope_kind = $2 and k.scope_id = a.scope_id and k.window_kind = $4 and k.metric = a.metric
        and k.window_start = a.window_start
    order by k.definition_version desc
    limit 1
) k on true
left join lateral (
    select k.value from kpi_snapshots k
    where k.org_id = $1 and k.scope_kind = $2 and k.scope_id = a.scope_id and k.window_kind = $4 and k.metric = a.metric
        and k.window_start = a.previous_start
    order by k.definition_version desc
    limit 1
) p on true
order by a.window_start desc, a.scope_id, a.position
