-- What came of the rows of a day, by metric: a rollup reads the days that were touched, and takes the others from here. Whatever is missing is read
-- from the rows again, so that losing it costs time only.
create table kpi_day_rows (
    org_id uuid not null references organisations (id) on delete cascade,
    metric text not null,
    -- its first moment, in the organisation's time zone
    day timestamptz not null,
    -- how `rows` is written; another one is as good as none
    format smallint not null,
    rows bytea not null,
    primary key (org_id, metric, day)
);

-- The watermark that the days above are as new as: a rollup that does not know of them moves `watermark` only, and they are not read any more.
alter table kpi_rollup_state add column day_rows_watermark timestamptz;

do $$ begin
    alter table kpi_day_rows alter column rows set compression lz4;
exception when feature_not_supported then null;
end $$;

-- States are looked at where a window ends, or now: their rows are those of its last day.
create or replace function kpi_rows(of_org uuid, of_snapshot bigint) returns table (row_id bigint, row_value double precision, day timestamptz)
language sql stable parallel safe as $$
    select r.id, r.value, s.window_start
    from kpi_snapshots s
    cross join lateral unnest(s.row_ids, coalesce(s.row_values, '{}')) as r (id, value)
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is not null
    union all
    select r.id, r.value, d.window_start
    from kpi_snapshots s
    join kpi_snapshots d
        on d.org_id = s.org_id and d.scope_kind = s.scope_kind and d.scope_id = s.scope_id and d.window_kind = 'day' and d.metric = s.metric
        and d.definition_version = s.definition_version and d.window_start >= s.window_start and d.window_start < s.window_end
    cross join lateral unnest(d.row_ids, coalesce(d.row_values, '{}')) as r (id, value)
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is null
        and (s.metric not in ('stale_merge_requests', 'work_in_progress', 'work_item_age') or d.window_start = (
            select max(l.window_start) from kpi_snapshots l
            where l.org_id = s.org_id and l.scope_kind = s.scope_kind and l.scope_id = s.scope_id and l.window_kind = 'day' and l.metric = s.metric
                and l.definition_version = s.definition_version and l.window_start >= s.window_start and l.window_start < s.window_end))
$$;
