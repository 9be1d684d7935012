-- People: links with history, what people decided about accounts, teams with dates, the configuration of matching.
-- A matching run of the previous binary fails while this is applied (its upsert names a key that is gone) and is run again by the new one;
-- everything else of it works.

-- A person is never deleted: links, decisions, events and reports name it. One that nobody is linked to is retired, and comes back under
-- its id when a decision is undone.
alter table people
    add column retired_at timestamptz,
    -- by a decision (merge): where its accounts are now
    add column merged_into uuid references people (id),
    -- raised whenever an account comes, goes or changes its status
    add column version bigint not null default 1,
    -- name and address were imported; matching leaves them alone
    add column imported_at timestamptz;
create index people_by_email on people (org_id, lower(primary_email)) where primary_email is not null;

-- What was decided about accounts, one row per act of a person. Rows are added under the organisation's matching lock, so ids of one
-- organisation ascend in the order in which the decisions took effect.
create table identity_decisions (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    kind text not null check (kind in ('confirm', 'remap', 'split', 'merge', 'never', 'bulk_confirm', 'undo')),
    -- token:<name>
    actor text not null,
    reason text,
    decided_at timestamptz not null default now(),
    -- what was asked for
    input jsonb not null,
    -- every account it says something about: a later decision on one of them builds on it
    identities uuid[] not null,
    people uuid[] not null,
    -- rows as they were before: {"links": [...], "people": [...], "team_memberships": [...]}
    before jsonb not null,
    -- the undo that took it back; null while it holds
    undone_by bigint references identity_decisions (id),
    -- of an undo: what it takes back
    undoes bigint references identity_decisions (id),
    -- since which decision it holds: itself, or the undo of the undo that took it back
    effective_from bigint,
    identity_epoch bigint not null,
    check ((kind = 'undo') = (undoes is not null))
);
create index identity_decisions_by_org on identity_decisions (org_id, id desc);
create index identity_decisions_of_identities on identity_decisions using gin (identities);

alter table person_identity_links drop constraint person_identity_links_pkey;
alter table person_identity_links drop constraint person_identity_links_person_id_fkey;
alter table person_identity_links
    add column id bigint generated always as identity primary key,
    add constraint person_identity_links_person_id_fkey foreign key (person_id) references people (id),
    -- of a conflict: who else it could be, best first, as [{"identity","confidence","trace"}]
    add column candidates jsonb not null default '[]',
    -- the trace for people
    add column sentence text,
    -- what would nearly have changed the class, as a clause
    add column nearly text,
    -- strong evidence against what a person decided: shown, never applied
    add column contradicts jsonb not null default '[]',
    -- matching_configs.version; 0 is the configuration as shipped
    add column config_version int not null default 0,
    -- token:<name>, of confirmed and rejected
    add column decided_by text,
    add column decided_at timestamptz,
    add column decision_id bigint references identity_decisions (id),
    -- raised with every change of the account's link, over all its rows: who decides says which one was seen
    add column version bigint not null default 1,
    -- since when somebody is asked; kept while only the candidates change
    add column conflict_since timestamptz,
    -- when it stopped to hold (superseded)
    add column ended_at timestamptz;
update person_identity_links set conflict_since = updated_at where status = 'conflict';
comment on table person_identity_links is
    'Who an account is, with history: at most one current row (auto, conflict, confirmed) per account; a row is added when the person or the status changes, and changed in place when only the evidence does.';
comment on column person_identity_links.status is
    'auto: linked by rules, counts. conflict: rules are not sure; the account stays with a person of its own and counts for nobody until somebody decides. confirmed: a person decided, counts, no run changes it. rejected: somebody refused this person for this account; never suggested again. superseded: held once, kept as history.';
-- one current link
create unique index person_identity_links_current on person_identity_links (identity_id) where status in ('auto', 'conflict', 'confirmed');
-- one account's history, newest first
create index person_identity_links_history on person_identity_links (identity_id, id desc);
-- the queue, oldest question first
create index person_identity_links_queue on person_identity_links (org_id, conflict_since, identity_id) where status = 'conflict';
-- mappings by confidence and by age
create index person_identity_links_by_confidence on person_identity_links (org_id, confidence, identity_id)
    where status in ('auto', 'conflict', 'confirmed');
create index person_identity_links_by_age on person_identity_links (org_id, created_at, identity_id)
    where status in ('auto', 'conflict', 'confirmed');

-- Accounts that are decided to be different people. a < b; a pair holds as long as one decision says so.
create table never_together (
    org_id uuid not null references organisations (id),
    a uuid not null references identities (id) on delete cascade,
    b uuid not null references identities (id) on delete cascade,
    decision_id bigint not null references identity_decisions (id),
    primary key (a, b, decision_id),
    check (a < b)
);
create index never_together_by_org on never_together (org_id);
create index never_together_by_b on never_together (b);
create index never_together_by_decision on never_together (decision_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;

-- Who changed what about whom, and why. Append-only. Ids are not references: an event outlives what it is about.
create table identity_events (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    at timestamptz not null default now(),
    -- token:<name>, run:<id>
    actor text not null,
    -- linked: first link. moved: rules changed the person. conflict_raised, conflict_settled: rules asked, or found an answer. confirmed,
    -- remapped, split, merged, refused: a person decided. restored: an undo brought the earlier link back. released: an undo took a link away and there
    -- was none before. person_retired, person_restored: nobody is linked any more, or somebody again.
    kind text not null check (kind in ('linked', 'moved', 'conflict_raised', 'conflict_settled', 'confirmed', 'remapped', 'split', 'merged',
        'refused', 'restored', 'released', 'person_retired', 'person_restored')),
    identity_id uuid,
    person_id uuid,
    -- the rule of a run, the words of a person
    reason text,
    -- {"person_id","status","confidence","rule"}; null where there was or is none
    before jsonb,
    after jsonb,
    decision_id bigint,
    run_id uuid
);
create index identity_events_by_org on identity_events (org_id, id desc);
create index identity_events_by_identity on identity_events (identity_id, id desc) where identity_id is not null;
create index identity_events_by_person on identity_events (person_id, id desc) where person_id is not null;
create index identity_events_by_decision on identity_events (decision_id) where decision_id is not null;
create trigger identity_events_append_only before update or delete or truncate on identity_events
    for each statement execute function refuse_change();

-- Whose accounts changed with which identity epoch: their figures are to be computed again.
create table changed_people (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    person_id uuid not null references people (id),
    epoch bigint not null,
    -- decision:<kind> or matching
    reason text not null,
    decision_id bigint references identity_decisions (id),
    run_id uuid,
    at timestamptz not null default now()
);
create index changed_people_by_epoch on changed_people (org_id, epoch, person_id);

create table teams (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    name text not null check (name <> ''),
    description text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    archived_at timestamptz
);
create unique index teams_name_unique on teams (org_id, lower(name)) where archived_at is null;

-- Who was in which team when: from_date is included, until_date is not; null is until further notice.
create table team_memberships (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    team_id uuid not null references teams (id),
    person_id uuid not null references people (id),
    role text,
    from_date date not null,
    until_date date,
    created_by text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (until_date > from_date)
);
create index team_memberships_by_team on team_memberships (team_id, from_date);
create index team_memberships_by_person on team_memberships (person_id, from_date);
create index team_memberships_by_org on team_memberships (org_id, team_id, from_date, id);

-- No overlap within one team and person. An exclusion constraint would need the extension btree_gist, which not every server has.
create function team_memberships_check() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('team_membership:' || new.team_id || new.person_id, 0));
    if exists (
        select from team_memberships m
        where m.team_id = new.team_id and m.person_id = new.person_id and m.id <> new.id
            and daterange(m.from_date, m.until_date) && daterange(new.from_date, new.until_date)
    ) then
        raise exception 'the person is in the team at that time already' using errcode = 'exclusion_violation', constraint = 'team_memberships_overlap';
    end if;
    return new;
end $$;
create trigger team_memberships_overlap before insert or update on team_memberships
    for each row execute function team_memberships_check();

-- Thresholds, weights and switches of matching, each version once; the highest is in force. None: as shipped, version 0.
create table matching_configs (
    org_id uuid not null references organisations (id),
    version int not null check (version > 0),
    config jsonb not null,
    note text,
    created_by text not null,
    created_at timestamptz not null default now(),
    primary key (org_id, version)
);
create trigger matching_configs_append_only before update or delete or truncate on matching_configs
    for each statement execute function refuse_change();
