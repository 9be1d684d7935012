select w.id, 'work_items' as of_table, w.connection_id, w.project_external_id, w.kind, w.type_name, w.status_category, w.assignee_external_id,
       w.labels, w.components, w.created_at, w.resolved_at, w.story_points,
       $5::text is not null
           and item_matches($5::text::jsonpath, w.connection_id, w.project_external_id, w.type_name, w.status, w.priority, w.labels, w.components)
           as is_filtered
from work_items w
where w.org_id = $1 and w.deleted_at is null and w.connection_id = any($4)
    and w.id in (
        select id from work_items where org_id = $1 and lower(type_name) = any($2::text[])
        union
        select id from work_items where org_id = $1 and labels <> '{}' and lower_all(labels) && $3::text[]
        union
        select i.id from work_items i
        where i.org_id = $1 and $5::text is not null
            and item_matches($5::text::jsonpath, i.connection_id, i.project_external_id, i.type_name, i.status, i.priority, i.labels, i.components)
    )
union all
select s.id, 'issues', s.connection_id, s.project_external_id, 'task', coalesce(s.issue_type, ''),
       case s.state when 'closed' then 'done' else 'todo' end, s.assignee_external_ids[1], s.labels, '{}'::text[], s.created_at, s.closed_at,
       null::double precision,
       $5::text is not null
           and item_matches($5::text::jsonpath, s.connection_id, s.project_external_id, s.issue_type, s.state, null, s.labels, '{}')
from issues s
where s.org_id = $1 and s.deleted_at is null and s.connection_id = any($4)
    and s.id in (
        select id from issues where org_id = $1 and lower(issue_type) = any($2::text[])
        union
        select id from issues where org_id = $1 and labels <> '{}' and lower_all(labels) && $3::text[]
        union
        select i.id from issues i
        where i.org_id = $1 and $5::text is not null
            and item_matches($5::text::jsonpath, i.connection_id, i.project_external_id, i.issue_type, i.state, null, i.labels, '{}')
    )
