select
    i.id, i.connection_id, i.source, i.external_id, i.username, i.display_name, i.email, i.is_bot, i.bot_reason, i.state, i.url,
    i.source_created_at,
    l.status as "link_status?", l.confidence as "link_confidence?", l.rule as "link_rule?", l.trace as "link_trace?",
    l.rule_set_version as "link_rule_set_version?",
    p.id as "person_id?", p.display_name as "person_name?"
from identities i
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
left join people p on p.id = l.person_id and l.status in ('auto', 'confirmed')
where i.org_id = $1 and i.deleted_at is null
    and ($2::text is null or i.username ilike $2 or i.display_name ilike $2 or i.email ilike $2)
    and ($3::bool is null or coalesce(i.is_bot, false) = $3)
    and ($4::text is null or i.state = $4)
    and ($5::uuid is null or i.connection_id = $5)
    and ($6::uuid is null or p.id = $6)
    and ($7::bool is null or (p.id is not null) = $7)
    and ($8::text is null or l.status = $8)
    and ($9::uuid is null or i.id > $9)
order by i.id
limit $10
