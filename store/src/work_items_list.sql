select
    w.id, w.connection_id, c.source, w.external_id, w.url, w.key, w.project_external_id, pr.full_path as "project?",
    w.title, w.kind, w.type_name, w.status, w.status_category, w.priority, w.resolution, w.parent_external_id,
    p.id as "parent_id?", p.key as "parent_key?", p.title as "parent_title?", p.kind as "parent_kind?",
    p.status_category as "parent_status_category?", e.id as "epic_id?", e.external_id as "epic_external_id?", e.key as "epic_key?",
    e.title as "epic_title?", e.status_category as "epic_status_category?",
    w.author_external_id, w.reporter_external_id, w.assignee_external_id, w.labels, w.components, w.story_points, w.due_on,
    w.created_at, w.updated_at, w.resolved_at, w.needs_review,
    rm.version_external_id as "release_external_id?", rv.id as "release_id?", rv.name as "release_name?", rm.rule as "release_rule?",
    rm.unambiguous as "release_unambiguous?",
    coalesce((
        select jsonb_agg(jsonb_build_object('id', v.id, 'external_id', x.external_id, 'name', v.name) order by x.place)
        from unnest(w.fix_version_external_ids) with ordinality as x (external_id, place)
        left join versions v on v.connection_id = w.connection_id and v.external_id = x.external_id and v.deleted_at is null
    ), '[]') as "fix_versions!: Json<Vec<NamedRow>>",
    coalesce((
        select jsonb_agg(jsonb_build_object('id', s.id, 'external_id', x.external_id, 'name', s.name) order by x.place)
        from unnest(w.sprint_external_ids) with ordinality as x (external_id, place)
        left join sprints s on s.connection_id = w.connection_id and s.external_id = x.external_id and s.deleted_at is null
    ), '[]') as "sprints!: Json<Vec<NamedRow>>"
from work_items w
join connections c on c.id = w.connection_id
left join projects pr on pr.connection_id = w.connection_id and pr.external_id = w.project_external_id
left join work_items p on p.connection_id = w.connection_id and p.external_id = w.parent_external_id and p.deleted_at is null
left join work_items g on g.connection_id = p.connection_id and g.external_id = p.parent_external_id and g.deleted_at is null
left join work_items e on e.id = case when p.kind = 'epic' then p.id when g.kind = 'epic' then g.id end
left join release_memberships rm on rm.connection_id = w.connection_id and rm.work_item_external_id = w.external_id
left join versions rv on rv.connection_id = w.connection_id and rv.external_id = rm.version_external_id and rv.deleted_at is null
where w.org_id = $1 and w.deleted_at is null
    and ($2::bigint is null or w.id = $2)
    and ($3::text is null or w.title ilike $3)
    and ($4::text is null or w.kind = $4)
    and ($5::text is null or w.status_category = $5)
    and ($6::text is null or w.status = $6)
    and ($7::uuid is null or w.connection_id = $7)
    and ($8::timestamptz is null or w.updated_at >= $8)
    -- ids within connections, found beforehand so that the indexes serve; the last part keeps ids of different connections apart
    and (
        $9::uuid[] is null
        or (
            w.connection_id = any($9) and w.project_external_id = any($10::text[])
            and (w.connection_id, w.project_external_id) in (select * from unnest($9, $10))
        )
    )
    and (
        $11::uuid[] is null
        or (
            w.connection_id = any($11) and w.assignee_external_id = any($12::text[])
            and (w.connection_id, w.assignee_external_id) in (select * from unnest($11, $12))
        )
    )
    and (
        $13::uuid[] is null
        or (
            w.connection_id = any($13) and w.parent_external_id = any($14::text[])
            and (w.connection_id, w.parent_external_id) in (select * from unnest($13, $14))
        )
    )
    and ($15::uuid is null or (rm.connection_id = $15 and rm.version_external_id = $16::text))
    and ($17::uuid is null or (w.connection_id = $17 and w.sprint_external_ids @> array[$18::text]))
    and ($19::bool is null or w.needs_review = $19)
    and ($20::timestamptz is null or (w.created_at, w.id) < ($20, $21::bigint))
order by w.created_at desc, w.id desc
limit $22
