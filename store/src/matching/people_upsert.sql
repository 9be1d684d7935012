insert into people (id, org_id, display_name, primary_email, is_bot)
select r.id, $1, r.display_name, r.primary_email, r.is_bot
from jsonb_to_recordset($2) as r (id uuid, display_name text, primary_email text, is_bot boolean)
order by r.id
on conflict (id) do update
-- what was imported is somebody's word
set display_name = case when people.imported_at is null then excluded.display_name else people.display_name end,
    primary_email = case when people.imported_at is null then excluded.primary_email else people.primary_email end,
    is_bot = excluded.is_bot, updated_at = now()
where people.org_id = excluded.org_id
    and (
        people.is_bot <> excluded.is_bot
        or people.imported_at is null
            and (people.display_name, people.primary_email) is distinct from (excluded.display_name, excluded.primary_email)
    )
