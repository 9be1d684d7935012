-- People: indexes for imports, refusals and figures; one lock for team memberships; versions that say what is current.

-- an address of an import, or of a team file
create index identities_by_email on identities (org_id, lower(email)) where deleted_at is null and email is not null;
-- refusals, as matching reads them
create index person_identity_links_rejected on person_identity_links (org_id, person_id) where status = 'rejected';
-- decided, with strong evidence against it
create index person_identity_links_contradicted on person_identity_links (org_id, identity_id)
    where status in ('auto', 'conflict', 'confirmed') and contradicts <> '[]';
-- people that are there by themselves, whether or not they have accounts
create index people_imported on people (org_id) where imported_at is not null and retired_at is null;
create index identity_decisions_of_people on identity_decisions using gin (people);

-- A refusal is a row of its own, with the account's newest version: the current row has that version too, since it is the one that is seen.
update person_identity_links l set version = h.version
from (select identity_id, max(version) as version from person_identity_links group by identity_id) h
where h.identity_id = l.identity_id and l.status in ('auto', 'conflict', 'confirmed') and l.version < h.version;

drop index team_memberships_by_person;
create index team_memberships_by_person on team_memberships (person_id, team_id, from_date);

-- The organisation's matching lock, which whoever writes memberships holds anyway: a lock for each person and team is more than the server
-- has room for when a company is imported.
create or replace function team_memberships_check() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('matching:' || new.org_id, 0));
    if exists (
        select from team_memberships m
        where m.team_id = new.team_id and m.person_id = new.person_id and m.id <> new.id
            and daterange(m.from_date, m.until_date) && daterange(new.from_date, new.until_date)
    ) then
        raise exception 'the person is in the team at that time already' using errcode = 'exclusion_violation', constraint = 'team_memberships_overlap';
    end if;
    return new;
end $$;
