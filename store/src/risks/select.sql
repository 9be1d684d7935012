select
    r.id, r.kind, r.severity, case when r.status = 'muted' and r.muted_until <= now() then 'open' else r.status end as "status!",
    r.subject_table, r.subject_id, r.summary, r.evidence, r.connection_id as "connection_id?", c.source as "source?",
    pr.full_path as "project?", r.title, r.url, r.owner_person_id, p.display_name as "owner_person_name?",
    r.owner_identity_id, i.username as "owner_username?", i.display_name as "owner_display_name?", r.first_seen_at, r.last_seen_at,
    r.first_run_id, r.last_run_id, r.muted_at, r.muted_by, r.mute_reason, r.muted_until, r.resolved_at, r.reopened_at,
    (case r.severity when 'high' then 1 when 'medium' then 2 else 3 end) as "rank!"
from risk_items r
left join connections c on c.id = r.connection_id
left join projects pr on pr.connection_id = r.connection_id and pr.external_id = r.project_external_id
left join people p on p.id = r.owner_person_id
left join identities i on i.id = r.owner_identity_id
where r.org_id = $1
    -- what is open of a connection that was removed is resolved by the next detection
    and (c.deleted_at is null or r.status = 'resolved')
    and ($2::bigint is null or r.id = $2)
    and ($3::text is null or $3 = case when r.status = 'muted' and r.muted_until <= now() then 'open' else r.status end)
    and ($4::text is null or r.kind = $4)
    and ($5::text is null or r.severity = $5)
    and ($6::text is null or pr.full_path = $6 or r.project_external_id = $6)
    and ($7::uuid is null or r.owner_person_id = $7 or r.owner_identity_id = $7)
    and ($8::int is null or ((case r.severity when 'high' then 1 when 'medium' then 2 else 3 end), r.id) > ($8, $9::bigint))
order by (case r.severity when 'high' then 1 when 'medium' then 2 else 3 end), r.id
limit $10
