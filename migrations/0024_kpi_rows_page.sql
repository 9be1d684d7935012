-- The first page of a quarter's rows needs its first days, not all of them.

-- Where the rows of a snapshot are: in itself, or in those of its days; states in that of its last day, where they are looked at.
create function kpi_row_sources(of_org uuid, of_snapshot bigint) returns table (id bigint, day timestamptz, row_count int)
language sql stable parallel safe as $$
    select s.id, s.window_start, s.row_count
    from kpi_snapshots s
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is not null
    union all
    select d.id, d.window_start, d.row_count
    from kpi_snapshots s
    join kpi_snapshots d
        on d.org_id = s.org_id and d.scope_kind = s.scope_kind and d.scope_id = s.scope_id and d.window_kind = 'day' and d.metric = s.metric
        and d.definition_version = s.definition_version and d.window_start >= s.window_start and d.window_start < s.window_end
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is null
        and (s.metric not in ('stale_merge_requests', 'work_in_progress', 'work_item_age') or d.window_start = (
            select max(l.window_start) from kpi_snapshots l
            where l.org_id = s.org_id and l.scope_kind = s.scope_kind and l.scope_id = s.scope_id and l.window_kind = 'day' and l.metric = s.metric
                and l.definition_version = s.definition_version and l.window_start >= s.window_start and l.window_start < s.window_end))
$$;

create or replace function kpi_rows(of_org uuid, of_snapshot bigint) returns table (row_id bigint, row_value double precision, day timestamptz)
language sql stable parallel safe as $$
    select r.id, r.value, s.day
    from kpi_row_sources(of_org, of_snapshot) s
    join kpi_snapshots k on k.org_id = of_org and k.id = s.id
    cross join lateral unnest(k.row_ids, coalesce(k.row_values, '{}')) as r (id, value)
$$;

-- The next `at_most` rows behind a row of a day, in the order of days and ids; null: from the first on.
create function kpi_rows_page(of_org uuid, of_snapshot bigint, after_day timestamptz, after_row bigint, at_most bigint)
returns table (row_id bigint, row_value double precision, day timestamptz)
language sql stable parallel safe as $$
    with sources as (
        select
            s.id, s.day,
            -- rows of the days before, without the one that is read in part
            coalesce(sum(case when s.day = after_day then 0 else s.row_count end)
                over (order by s.day rows between unbounded preceding and 1 preceding), 0) as before
        from kpi_row_sources(of_org, of_snapshot) s
        where after_day is null or s.day >= after_day
    )
    select r.id, r.value, s.day
    from sources s
    join kpi_snapshots k on k.org_id = of_org and k.id = s.id
    cross join lateral unnest(k.row_ids, coalesce(k.row_values, '{}')) as r (id, value)
    where s.before < at_most and (after_day is null or (s.day, r.id) > (after_day, after_row))
    order by s.day, r.id
    limit at_most
$$;
