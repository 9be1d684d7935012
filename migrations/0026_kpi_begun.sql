-- Figures can be newer than the watermark: an attempt that dies or is cancelled leaves some behind, a range is computed without moving it, and rows may
-- be committed between it and the reading. Where such a row is gone by the next rollup, nothing else touches what was made of it.
alter table kpi_rollup_state add column begun jsonb not null default '[]';
comment on column kpi_rollup_state.begun is
    'Spans, [{"from", "to"}], of which figures may be newer than the watermark. Written before an attempt stores anything; the next rollup takes them as touched.';
