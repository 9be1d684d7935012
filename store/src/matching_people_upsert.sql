insert into people (id, org_id, display_name, primary_email, is_bot)
select r.id, $1, r.display_name, r.primary_email, r.is_bot
from jsonb_to_recordset($2) as r (id uuid, display_name text, primary_email text, is_bot boolean)
on conflict (id) do update
set display_name = excluded.display_name, primary_email = excluded.primary_email, is_bot = excluded.is_bot, updated_at = now()
where people.org_id = excluded.org_id
    and (people.display_name, people.primary_email, people.is_bot) is distinct from (excluded.display_name, excluded.primary_email, excluded.is_bot)
