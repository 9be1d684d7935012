-- When a pending delivery's item is read next: at once, and later after each time that the source could not answer. So one that keeps
-- failing waits for itself, and holds up no other.
alter table webhook_deliveries add column due_at timestamptz not null default now();
drop index webhook_deliveries_pending;
create index webhook_deliveries_pending on webhook_deliveries (connection_id, attempts, due_at) where state = 'pending';
