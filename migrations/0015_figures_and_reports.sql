-- What is said next to figures, schedules that are there from the start, and how long reports are kept.

-- since when a check has warned or failed without passing in between; null where it passes
alter table quality_results add column since timestamptz;

-- ended runs age by retention_days, reports by these
alter table organisations
    add column report_retention_days int not null default 400 check (report_retention_days >= 30);

-- whose midnights a report's period begins and ends at
alter table reports add column time_zone text not null default 'UTC';
comment on column reports.period_start is 'Midnight in time_zone, as is period_end; half-open.';

-- of reports: which digest a schedule's runs write; null: both
alter table schedules add column period text check (period in ('daily', 'weekly'));

-- items of a code host age as well
alter table risk_items drop constraint risk_items_subject_table_check;
alter table risk_items add constraint risk_items_subject_table_check
    check (subject_table in ('merge_requests', 'work_items', 'issues', 'projects', 'versions', 'people', 'identities'));
-- a sentence names nobody: who may know sees title and owner
update risk_items
set summary = 'One person is asked for ' || (evidence ->> 'requests') || ' reviews that are open.'
where kind = 'review_load' and evidence ? 'requests';

-- organisations that are there get what new ones begin with, unless they have their own
insert into schedules (id, org_id, kind, cron, time_zone, jitter_seconds, overlap, catch_up_seconds, paused, note, period)
select gen_random_uuid(), o.id, d.kind, d.cron, 'UTC', 600, 'skip', 3600, false, 'as shipped', d.period
from organisations o
cross join (values ('quality', '0 4 * * *', null), ('report', '0 6 * * 1', 'weekly')) as d (kind, cron, period)
where not exists (select from schedules s where s.org_id = o.id and s.kind = d.kind and s.connection_id is null);
