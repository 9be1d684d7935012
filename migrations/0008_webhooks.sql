-- Webhooks: what sources say has changed. Every tenant row has org_id.

create table webhooks (
    connection_id uuid primary key references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    -- sealed as credentials are, for this purpose
    secret_sealed bytea not null,
    secret_key_id text not null,
    created_at timestamptz not null default now(),
    -- when the secret was last set
    updated_at timestamptz not null default now()
);

-- deliveries that were authentic. What is kept is what a pull needs: which item, never the payload
create table webhook_deliveries (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    -- the source's own id of the delivery, or a hash of its body
    delivery_id text not null,
    kind text not null,
    -- the item, where the event is about one we pull
    stream text,
    partition text,
    external_id text,
    number bigint,
    -- when it happened, as the source says
    event_at timestamptz,
    received_at timestamptz not null default now(),
    -- ignored: of a kind, or about an item, that is not synced
    state text not null check (state in ('pending', 'done', 'ignored', 'failed')),
    -- pulls that the source did not answer
    attempts int not null default 0,
    note text,
    settled_at timestamptz,
    unique (connection_id, delivery_id)
);
create index webhook_deliveries_pending on webhook_deliveries (connection_id, received_at) where state = 'pending';
create index webhook_deliveries_kinds on webhook_deliveries (org_id, connection_id, kind, state, received_at);
create index webhook_deliveries_old on webhook_deliveries (org_id, received_at) where state <> 'pending';

-- when the source last changed the item; null where it does not say, and for records stored before this migration. Guards the record: an
-- older one never replaces a newer one
alter table raw_records add column source_updated_at timestamptz;
