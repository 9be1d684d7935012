-- What a rollup of a stretch of time reads, by index: rows that had not ended before it, the first rows of each scope, and incidents.

-- a constant function, so that labels can be asked for in any case by an index
create function lower_all(texts text[]) returns text[] language sql immutable strict parallel safe
as $$ select coalesce(array_agg(lower(t)), '{}') from unnest(texts) t $$;

-- when a merge request ended as far as any figure is concerned: never, while it is open
create function kpi_ended(state text, created_at timestamptz, merged_at timestamptz, closed_at timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
    select case when merged_at is null and closed_at is null and state in ('opened', 'locked') then timestamptz 'infinity'
                else greatest(created_at, merged_at, closed_at) end
$$;
create index merge_requests_ended on merge_requests (org_id, kpi_ended(state, created_at, merged_at, closed_at)) where deleted_at is null;
create index merge_requests_firsts on merge_requests (org_id, connection_id, project_external_id, created_at) where deleted_at is null;
create index merge_requests_of_author on merge_requests (org_id, connection_id, author_external_id, created_at) where deleted_at is null;
create index merge_request_notes_created on merge_request_notes (org_id, created_at);
create index merge_request_approvals_approved on merge_request_approvals (org_id, approved_at) where approved_at is not null;

create index work_items_not_done on work_items (org_id, created_at) where deleted_at is null and status_category is distinct from 'done';
create index work_items_firsts on work_items (org_id, connection_id, project_external_id, created_at)
    where deleted_at is null and kind <> 'epic';
create index work_items_of_assignee on work_items (org_id, connection_id, assignee_external_id, created_at)
    where deleted_at is null and kind <> 'epic';
create index work_items_of_type on work_items (org_id, lower(type_name));
create index work_items_labels on work_items using gin (lower_all(labels)) where labels <> '{}';
create index issues_of_type on issues (org_id, lower(issue_type));
create index issues_labels on issues using gin (lower_all(labels)) where labels <> '{}';

-- which deployments a merge request may have gone out with
create index deployments_of_project on deployments (connection_id, project_external_id, (coalesce(finished_at, updated_at, created_at)));
create index deployments_of_commit on deployments (connection_id, project_external_id, sha) where sha is not null;
create index issues_changed on issues using brin (changed_at);

-- Since when each scope had rows of each kind, as {"<kind> <scope kind> <scope id>": microseconds since 1970}. Where it is another moment now,
-- figures between the two moments are 0 instead of no data, or the other way round.
alter table kpi_rollup_state add column firsts jsonb not null default '{}';
