select
    m.id, m.connection_id, c.source, m.external_id, m.url, m.project_external_id, pr.full_path as "project?",
    m.number, m.title, m.state, m.draft, m.labels, m.milestone, m.source_branch, m.target_branch, m.is_fork, m.reviewer_external_ids,
    m.created_at, m.updated_at, m.merged_at, m.closed_at, m.additions, m.deletions, m.changed_files, m.size_is_partial,
    m.author_external_id, i.id as "author_identity_id?", i.username as "author_username?", i.display_name as "author_name?",
    i.is_bot as "author_is_bot?", p.id as "author_person_id?", p.display_name as "author_person_name?"
from merge_requests m
join connections c on c.id = m.connection_id
left join projects pr on pr.connection_id = m.connection_id and pr.external_id = m.project_external_id
left join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
left join people p on p.id = l.person_id
where m.org_id = $1 and m.deleted_at is null
    and ($2::text is null or m.title ilike $2)
    and ($3::text is null or m.state = $3)
    and ($4::text is null or pr.full_path = $4 or m.project_external_id = $4)
    and ($5::uuid is null or m.connection_id = $5)
    and ($6::uuid is null or i.id = $6)
    and ($7::uuid is null or p.id = $7)
    and ($8::bool is null or coalesce(i.is_bot, false) = $8)
    and ($9::bool is null or m.draft = $9)
    and ($10::timestamptz is null or m.created_at >= $10)
    and ($11::timestamptz is null or m.created_at < $11)
    and ($12::timestamptz is null or m.merged_at >= $12)
    and ($13::timestamptz is null or m.merged_at < $13)
    and (
        $14::bigint is null
        or m.id in (
            select r.row_id from kpi_snapshots k cross join lateral kpi_rows(k.org_id, k.id) r
            where k.id = $14 and k.org_id = $1 and k.row_table = 'merge_requests'
        )
    )
    and ($15::timestamptz is null or (m.created_at, m.id) < ($15, $16::bigint))
order by m.created_at desc, m.id desc
limit $17
