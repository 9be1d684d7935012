-- accounts that are to be taken as changed: those of changed people, whatever their links say now, and those whose own row changed
with accounts as materialized (
    select distinct i.connection_id, i.external_id
    from person_identity_links l join identities i on i.id = l.identity_id
    where l.org_id = $1 and l.person_id = any($4::uuid[])
    union
    -- a new account changes nothing unless it is a bot's: unknown accounts count as human
    select i.connection_id, i.external_id from identities i
    where i.org_id = $1 and i.changed_at >= $2 and (i.is_bot or i.ingested_at < $2)
),
merge_request_ids as materialized (
    select m.id, false as moved from merge_requests m where m.org_id = $1 and m.changed_at >= $2
    union
    select m.id, false as moved from merge_request_notes n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    select m.id, false as moved from merge_request_approvals n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    select m.id, false as moved from merge_request_commits n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    select m.id, true from accounts a join merge_requests m on m.connection_id = a.connection_id and m.author_external_id = a.external_id
    where m.org_id = $1
    union
    select m.id, false from accounts a
    join merge_request_notes n on n.connection_id = a.connection_id and n.author_external_id = a.external_id
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1
    union
    select m.id, false from accounts a
    join merge_request_approvals n on n.connection_id = a.connection_id and n.identity_external_id = a.external_id
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1
),
spans as (
    -- a row that was there before may have been open until now, as far as the figures knew; and what goes to another person or team may be
    -- their first, or have been: from then on they have 0 where they had no data
    select m.created_at as "from",
           greatest(case when c.moved or m.changed_at >= $2 and m.ingested_at < $2 then $3 else coalesce(least(m.merged_at, m.closed_at), $3) end,
                    m.merged_at, e.at) as "to"
    from merge_request_ids c
    join merge_requests m on m.id = c.id
    left join lateral (
        select max(n.created_at) as at from merge_request_notes n
        where n.connection_id = m.connection_id and n.merge_request_external_id = m.external_id
    ) e on true
    union all
    -- the deployments that merge requests go out with; the next ones of the project tell which
    select d.at, d.at
    from merge_request_ids c
    join merge_requests m on m.id = c.id and m.merged_at is not null
    cross join lateral (
        (select coalesce(d.finished_at, d.updated_at, d.created_at) as at from deployments d
         where d.connection_id = m.connection_id and d.project_external_id = m.project_external_id
             and coalesce(d.finished_at, d.updated_at, d.created_at) >= m.merged_at
         order by coalesce(d.finished_at, d.updated_at, d.created_at) limit 20)
        union all
        select coalesce(d.finished_at, d.updated_at, d.created_at) from deployments d
        where d.connection_id = m.connection_id and d.project_external_id = m.project_external_id
            and d.sha in (m.merge_commit_sha, m.squash_commit_sha, m.head_sha)
    ) d
    union all
    select least(p.created_at, p.finished_at, p.updated_at), greatest(p.finished_at, p.updated_at, p.created_at)
    from pipelines p
    where p.org_id = $1 and p.changed_at >= $2 and coalesce(p.finished_at, p.updated_at, p.created_at) is not null
    union all
    select coalesce(p.finished_at, p.updated_at), coalesce(p.finished_at, p.updated_at)
    from accounts a join pipelines p on p.connection_id = a.connection_id and p.identity_external_id = a.external_id
    where p.org_id = $1 and coalesce(p.finished_at, p.updated_at) is not null
    union all
    -- what it contains, those after it do not
    select d.created_at, $3 from deployments d where d.org_id = $1 and d.changed_at >= $2
    union all
    select coalesce(d.finished_at, d.updated_at, d.created_at), $3
    from accounts a join deployments d on d.connection_id = a.connection_id and d.identity_external_id = a.external_id
    where d.org_id = $1
    union all
    select w.created_at,
           case when w.changed_at >= $2 and w.ingested_at < $2 or w.status_category is distinct from 'done' or w.changed_at < $2 then $3
                else greatest(w.resolved_at, w.updated_at, w.created_at) end
    from (
        select id from work_items where org_id = $1 and changed_at >= $2
        union
        select w2.id from work_item_changes h
        join work_items w2 on w2.connection_id = h.connection_id and w2.external_id = h.work_item_external_id
        where h.org_id = $1 and h.changed_at >= $2
        union
        select w3.id from accounts a
        join work_items w3 on w3.connection_id = a.connection_id and w3.assignee_external_id = a.external_id
        where w3.org_id = $1
    ) c
    join work_items w on w.id = c.id
    union all
    -- an incident counts where its deployment does
    select coalesce(d.finished_at, d.updated_at, d.created_at), coalesce(d.finished_at, d.updated_at, d.created_at)
    from kpi_incident_attributions a
    join deployments d on d.org_id = $1 and d.id = a.deployment_id
    left join work_items w on a.incident_table = 'work_items' and w.org_id = $1 and w.id = a.incident_id
    left join issues s on a.incident_table = 'issues' and s.org_id = $1 and s.id = a.incident_id
    where a.org_id = $1 and (
        w.changed_at >= $2 or s.changed_at >= $2
        or exists (
            select from work_item_changes h
            where h.connection_id = w.connection_id and h.work_item_external_id = w.external_id and h.changed_at >= $2
        )
    )
    union all
    select s.created_at, $3 from issues s where s.org_id = $1 and s.changed_at >= $2 and ('incident' = lower(s.issue_type) or cardinality(s.labels) > 0)
    union all
    select coalesce(v.start_on::timestamptz, v.ingested_at, v.changed_at), $3 from versions v where v.org_id = $1 and v.changed_at >= $2
)
select date_trunc('hour', "from") as "from", max("to") as "to"
from spans
where "from" is not null and "to" is not null
group by 1
order by 1
