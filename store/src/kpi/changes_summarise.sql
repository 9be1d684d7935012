do $$
declare
    summaries oid;
begin
    -- a table that is being vacuumed or altered is left for the next time
    perform set_config('lock_timeout', '50ms', true);
    for summaries in
        select i.oid from pg_class i join pg_am a on a.oid = i.relam
        where a.amname = 'brin' and i.relkind = 'i' and i.relnamespace = (select oid from pg_namespace where nspname = current_schema())
            and pg_has_role(i.relowner, 'usage')
    loop
        begin
            perform brin_summarize_new_values(summaries);
        exception when lock_not_available then null;
        end;
    end loop;
end $$
