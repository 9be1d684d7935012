select
    p.id, p.display_name, p.primary_email, p.is_bot, p.version, p.created_at, p.updated_at,
    coalesce((
        select jsonb_agg(
            jsonb_build_object(
                'id', i.id, 'connection_id', i.connection_id, 'source', i.source, 'external_id', i.external_id,
                'username', i.username, 'display_name', i.display_name, 'email', i.email, 'url', i.url,
                'status', l.status, 'confidence', l.confidence, 'rule', l.rule, 'trace', l.trace
            ) order by i.source, i.external_id, i.id
        )
        from person_identity_links l
        join identities i on i.id = l.identity_id and i.deleted_at is null
        where l.org_id = p.org_id and l.person_id = p.id and l.status in ('auto', 'confirmed')
    ), '[]') as "identities!: Json<Vec<PersonIdentityRow>>"
from people p
where p.org_id = $1 and p.retired_at is null
    and (
        $2::text is null or p.display_name ilike $2 or p.primary_email ilike $2
        or exists (
            select 1
            from person_identity_links l
            join identities i on i.id = l.identity_id and i.deleted_at is null
            where l.org_id = p.org_id and l.person_id = p.id and l.status in ('auto', 'confirmed')
                and (i.username ilike $2 or i.display_name ilike $2 or i.email ilike $2)
        )
    )
    and ($3::bool is null or p.is_bot = $3)
    and ($4::text is null or (p.display_name, p.id) > ($4, $5::uuid))
order by p.display_name, p.id
limit $6
