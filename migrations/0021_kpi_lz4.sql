-- Ids and values of rows are most of what a rollup stores: lz4 costs an eighth of the default's time. Servers built without it keep the default.
do $$ begin
    alter table kpi_snapshots
        alter column row_ids set compression lz4,
        alter column row_values set compression lz4,
        alter column stats set compression lz4,
        alter column coverage set compression lz4;
exception when feature_not_supported then null;
end $$;
