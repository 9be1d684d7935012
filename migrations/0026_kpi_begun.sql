-- What an attempt is about to compute, written before it stores anything. Of one that dies or is cancelled some figures stay that are newer than the
-- watermark: a row that came and went again since then touches nothing any more, and they would stay for good.
alter table kpi_rollup_state add column begun jsonb not null default '[]';
comment on column kpi_rollup_state.begun is
    'Spans, [{"from", "to"}], of which figures may be newer than the watermark: of attempts that began and did not end, and of ranges. The next rollup computes them again.';
