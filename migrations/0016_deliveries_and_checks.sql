-- One row of the outbox per recipient: one address that is refused keeps a report from nobody else.

-- the addresses themselves stay with the destination, which forgets them when it is removed
alter table outbox add column recipient int not null default 1 check (recipient >= 1);
comment on column outbox.recipient is 'Of e-mail: which of the destination''s recipients, from 1. Of a webhook: 1.';
comment on column outbox.next_attempt_at is 'Whoever takes a row to send it moves this on first, so that nobody else takes it meanwhile.';
alter table outbox drop constraint outbox_report_id_destination_id_key;
alter table outbox add constraint outbox_once unique (report_id, destination_id, recipient);

insert into outbox (id, org_id, report_id, destination_id, recipient, status, attempts, next_attempt_at, last_error, created_at, delivered_at)
select gen_random_uuid(), o.org_id, o.report_id, o.destination_id, n, o.status, o.attempts, o.next_attempt_at, o.last_error, o.created_at,
    o.delivered_at
from outbox o
join report_destinations d on d.id = o.destination_id and d.kind = 'email'
cross join lateral generate_series(2, cardinality(d.recipients)) as n;

-- written while their destination was being removed
update outbox o set status = 'failed', last_error = 'the destination was removed'
from report_destinations d
where d.id = o.destination_id and d.deleted_at is not null and o.status = 'pending';

-- partitions that the source refused: where it refused all of them, the stream is not available
alter table run_streams add column refused int not null default 0;

-- refused streams were taken for read
update stream_states s set last_success_at = null
where s.items_ingested_total = 0 and exists (
    select from run_streams r join runs u on u.id = r.run_id
    where u.connection_id = s.connection_id and u.kind = 'sync' and r.stream = s.stream and r.note is not null
);
