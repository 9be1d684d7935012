-- Work items by what they are, for SQL: epics, stories, bugs, tasks (with subtasks), and the releases they go out with. Every view has
-- org_id; rows that are gone are left out. The API's /work-items and /releases show the same.

-- published tags; releases are what projects plan and release (versions)
alter table releases rename to tag_releases;

create view work_items_read as
select
    w.id, w.org_id, w.connection_id, c.source, w.external_id, w.key, w.title as summary, w.kind as type, w.type_name, w.status,
    w.status_category, w.priority, w.resolution, pr.full_path as project,
    p.key as parent_key, case when p.kind = 'epic' then p.key when g.kind = 'epic' then g.key end as epic_key,
    -- the release it goes out with, and what chose it (docs/integrity.md)
    v.id as release_id, v.name as release, m.rule as release_rule,
    (
        select coalesce(array_agg(coalesce(f.name, x.external_id) order by x.place), '{}')
        from unnest(w.fix_version_external_ids) with ordinality as x (external_id, place)
        left join versions f on f.connection_id = w.connection_id and f.external_id = x.external_id and f.deleted_at is null
    ) as fix_versions,
    w.labels, w.components,
    (
        select coalesce(array_agg(coalesce(s.name, x.external_id) order by x.place), '{}')
        from unnest(w.sprint_external_ids) with ordinality as x (external_id, place)
        left join sprints s on s.connection_id = w.connection_id and s.external_id = x.external_id and s.deleted_at is null
    ) as sprints,
    w.story_points,
    author.display_name as author, author_link.person_id as author_person_id,
    reporter.display_name as reporter, reporter_link.person_id as reporter_person_id,
    assignee.display_name as assignee, assignee_link.person_id as assignee_person_id,
    w.due_on, w.created_at, w.updated_at, w.resolved_at, w.needs_review, w.url, w.ingested_at, w.changed_at,
    -- as the source sent it
    raw.payload as source_row
from work_items w
join connections c on c.id = w.connection_id
left join projects pr on pr.connection_id = w.connection_id and pr.external_id = w.project_external_id
left join work_items p on p.connection_id = w.connection_id and p.external_id = w.parent_external_id and p.deleted_at is null
left join work_items g on g.connection_id = p.connection_id and g.external_id = p.parent_external_id and g.deleted_at is null
left join release_memberships m on m.connection_id = w.connection_id and m.work_item_external_id = w.external_id
left join versions v on v.connection_id = w.connection_id and v.external_id = m.version_external_id and v.deleted_at is null
left join identities author on author.connection_id = w.connection_id and author.external_id = w.author_external_id
left join person_identity_links author_link on author_link.identity_id = author.id and author_link.status in ('auto', 'confirmed')
left join identities reporter on reporter.connection_id = w.connection_id and reporter.external_id = w.reporter_external_id
left join person_identity_links reporter_link on reporter_link.identity_id = reporter.id and reporter_link.status in ('auto', 'confirmed')
left join identities assignee on assignee.connection_id = w.connection_id and assignee.external_id = w.assignee_external_id
left join person_identity_links assignee_link on assignee_link.identity_id = assignee.id and assignee_link.status in ('auto', 'confirmed')
left join raw_records raw on raw.connection_id = w.connection_id and raw.stream = 'issues' and raw.external_id = w.external_id
where w.deleted_at is null;

create view epics as select * from work_items_read where type = 'epic';
create view stories as select * from work_items_read where type = 'story';
create view bugs as select * from work_items_read where type = 'bug';
create view tasks as select * from work_items_read where type in ('task', 'subtask');

create view releases as
select
    v.id, v.org_id, v.connection_id, c.source, v.external_id, v.name, v.description, pr.full_path as project, v.released, v.archived,
    v.start_on, v.release_on, scope.items, scope.items_done, v.url, v.ingested_at, v.changed_at, raw.payload as source_row
from versions v
join connections c on c.id = v.connection_id
left join projects pr on pr.connection_id = v.connection_id and pr.external_id = v.project_external_id
cross join lateral (
    select count(*) as items, count(*) filter (where w.status_category = 'done') as items_done
    from release_memberships m
    join work_items w on w.connection_id = m.connection_id and w.external_id = m.work_item_external_id and w.deleted_at is null
    where m.connection_id = v.connection_id and m.version_external_id = v.external_id
) scope
left join raw_records raw on raw.connection_id = v.connection_id and raw.stream = 'versions' and raw.external_id = v.external_id
where v.deleted_at is null;
