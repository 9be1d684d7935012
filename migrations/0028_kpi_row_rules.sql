-- Which metrics are states is said once, and as the registry in kpi/ has it: its tests compare this text.
create or replace function kpi_rows_of_last_day(metric text) returns boolean
language sql immutable parallel safe as $$ select metric in ('stale_merge_requests', 'work_in_progress', 'work_item_age') $$;

-- Where the rows of a snapshot are: in itself, or in those of its days; states in that of its last day, where they are looked at.
create or replace function kpi_row_sources(of_org uuid, of_snapshot bigint) returns table (id bigint, day timestamptz, row_count int)
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
        and (not kpi_rows_of_last_day(s.metric) or d.window_start = (
            select max(l.window_start) from kpi_snapshots l
            where l.org_id = s.org_id and l.scope_kind = s.scope_kind and l.scope_id = s.scope_id and l.window_kind = 'day' and l.metric = s.metric
                and l.definition_version = s.definition_version and l.window_start >= s.window_start and l.window_start < s.window_end))
$$;
