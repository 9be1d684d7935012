select
    d.id, d.connection_id, c.source, d.external_id, d.url, d.space_external_id, s.key as "space?", s.name as "space_name?",
    d.document_kind, d.title, d.status, d.parent_external_id, p.id as "parent_id?", p.title as "parent_title?",
    d.author_external_id, d.owner_external_id, d.editor_external_id, d.version_number, d.created_at, d.updated_at,
    d.body_text is not null as "has_body!", d.body_is_cut, d.labels
from documents d
join connections c on c.id = d.connection_id
left join spaces s on s.connection_id = d.connection_id and s.external_id = d.space_external_id
left join documents p on p.connection_id = d.connection_id and p.external_id = d.parent_external_id and p.deleted_at is null
where d.org_id = $1 and d.deleted_at is null
    and ($2::text is null or d.title ilike $2)
    and ($3::text is null or d.document_kind = $3)
    and ($4::text is null or d.status = $4)
    and ($5::uuid is null or d.connection_id = $5)
    and ($6::timestamptz is null or d.updated_at >= $6)
    -- ids within connections, found beforehand so that the indexes serve; the last part keeps ids of different connections apart
    and (
        $7::uuid[] is null
        or (
            d.connection_id = any($7) and d.space_external_id = any($8::text[])
            and (d.connection_id, d.space_external_id) in (select * from unnest($7, $8))
        )
    )
    and ($9::uuid[] is null or (d.connection_id, d.author_external_id) in (select * from unnest($9, $10::text[])))
    and (
        $11::uuid[] is null
        or (
            d.connection_id = any($11) and d.external_id = any($12::text[])
            and (d.connection_id, d.external_id) in (select * from unnest($11, $12))
        )
    )
    and (
        $14::bigint is null
        -- rows without a creation time come first, as the index has them
        or ($13::timestamptz is null and (d.created_at is not null or d.id < $14))
        or (d.created_at, d.id) < ($13, $14)
    )
order by d.created_at desc, d.id desc
limit $15
