//! The plans of decisions' and imports' own queries, prepared as they are.

use sqlx::Connection;

use crate::world::World;

const SIZE: u32 = 20_000;

/// An organisation where every two accounts are a person, with addresses, refusals and memberships.
async fn world() -> World {
    let world = World::new(0).await;
    world
        .db
        .sql(&format!(
            "insert into people (id, org_id, display_name, primary_email)
                select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '{org}', n::text, 'p' || n || '@acme.test'
                from generate_series(1, {half}) n;
            insert into identities (id, org_id, connection_id, source, external_id, email)
                select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, '{org}', '{connection}', 'gitlab', n::text, 'a' || n || '@acme.test'
                from generate_series(1, {SIZE}) n;
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version, contradicts)
                select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, '{org}',
                    ('00000000-0000-4000-8000-' || lpad(((n + 1) / 2)::text, 12, '0'))::uuid,
                    'auto', n / {SIZE}.0, 'exact e-mail', '[]', 2, case when n % 1000 = 0 then '[{{}}]'::jsonb else '[]' end
                from generate_series(1, {SIZE}) n;
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, '{org}', '00000000-0000-4000-8000-000000000001',
                    'rejected', 0, 'human decision', '[]', 0
                from generate_series(100, 150) n;
            analyze",
            org = world.org,
            connection = world.connection,
            half = SIZE / 2,
        ))
        .await;
    world
}

/// Plans of a file's query with these arguments, as the server makes them for these and for any.
async fn plans(world: &World, types: &str, query: &str, arguments: &str) -> Vec<String> {
    let mut connection = sqlx::PgConnection::connect(&world.db.url()).await.unwrap();
    let mut plans = Vec::new();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let statements = format!("set plan_cache_mode = {mode}; deallocate all; prepare asked ({types}) as {query}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
        let explain = format!("explain execute asked ({arguments})");
        let lines = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        let lines: Vec<String> = lines.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        plans.push(format!("{mode}\n{}", lines.join("\n")));
    }
    plans
}

#[tokio::test]
async fn a_decision_and_an_import_read_what_they_are_about_and_no_table_from_end_to_end() {
    let world = world().await;
    let org = world.org;
    let ids = "'{00000000-0000-4000-9000-000000000007,00000000-0000-4000-9000-000000000008}'";
    let people = "'{00000000-0000-4000-8000-000000000007}'";
    let accounts = include_str!("../../src/decisions/accounts.sql");
    let known = include_str!("../../src/people_import/known.sql");
    let contradicted = "select count(*) from person_identity_links
        where org_id = $1 and status in ('auto', 'conflict', 'confirmed') and contradicts <> '[]'";
    // small tables are read as a whole, these two never; a file's people are found once a file, which may read the links
    let (both, accounts_only) = (["identities", "person_identity_links"].as_slice(), ["identities"].as_slice());
    for (what, types, query, arguments, tables) in [
        ("accounts by id", "uuid, uuid[], uuid[]", accounts, format!("'{org}', {ids}, null"), both),
        ("accounts of a person", "uuid, uuid[], uuid[]", accounts, format!("'{org}', '{{}}', {people}"), both),
        (
            "people of a file",
            "uuid, uuid[], text[]",
            known,
            format!("'{org}', {people}, '{{a7@acme.test,p9@acme.test,x@acme.test}}'"),
            accounts_only,
        ),
        ("refusals", "uuid", include_str!("../../src/matching/rejected.sql"), format!("'{org}'"), both),
        ("contradicted", "uuid", contradicted, format!("'{org}'"), both),
    ] {
        for plan in plans(&world, types, query, &arguments).await {
            for table in tables {
                assert!(!plan.contains(&format!("Seq Scan on {table} ")), "{what} reads all of {table}: {plan}");
            }
        }
    }
}
