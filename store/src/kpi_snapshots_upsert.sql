insert into kpi_snapshots (
    org_id, run_id, identity_epoch, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end,
    value, unit, stats, coverage, row_table, row_ids
)
select $1, $2, $3, r.metric, r.definition_version, r.scope_kind, r.scope_id, r.window_kind, r.window_start, r.window_end,
       r.value, r.unit, r.stats, r.coverage, r.row_table, r.row_ids
from jsonb_to_recordset($4) as r (
    metric text, definition_version int, scope_kind text, scope_id text, window_kind text, window_start timestamptz, window_end timestamptz,
    value double precision, unit text, stats jsonb, coverage jsonb, row_table text, row_ids bigint[]
)
on conflict (org_id, metric, scope_kind, scope_id, window_kind, window_start, definition_version) do update
set run_id = excluded.run_id, identity_epoch = excluded.identity_epoch, window_end = excluded.window_end, value = excluded.value,
    unit = excluded.unit, stats = excluded.stats, coverage = excluded.coverage, row_table = excluded.row_table,
    row_ids = excluded.row_ids, computed_at = now()
where (kpi_snapshots.value, kpi_snapshots.stats, kpi_snapshots.coverage, kpi_snapshots.row_ids, kpi_snapshots.identity_epoch)
    is distinct from (excluded.value, excluded.stats, excluded.coverage, excluded.row_ids, excluded.identity_epoch)
