with recursive refused as (
    select r.identity_id, r.person_id from person_identity_links r where r.org_id = $1 and r.status = 'rejected'
    union
    -- whom the person was merged into is the person
    select r.identity_id, p.merged_into from refused r join people p on p.id = r.person_id and p.org_id = $1 where p.merged_into is not null
)
select identity_id as "identity_id!", person_id as "person_id!" from refused where person_id is not null order by 1, 2
