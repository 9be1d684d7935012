//! Team memberships that follow a person's accounts to another person, and their way back.

use chrono::NaiveDate;
use ovia_domain::OrgId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StoreError, audit::audit_in_txn};

/// A membership as it was.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MembershipBefore {
    pub id: i64,
    /// Whose it was; `None`: it was not there.
    pub person: Option<Uuid>,
    /// The whole row; decisions of earlier versions do not have it.
    #[serde(default)]
    row: Option<Value>,
    /// What follows takes it away: it is made again, and not only changed back.
    #[serde(default)]
    taken_away: bool,
}

/// Days in a team: the first, and the first that is not; `None` is until further notice.
type Stretch = (NaiveDate, Option<NaiveDate>);

/// Gives the memberships of `from` to `into`, but for the days on which `into` is in the team anyway: a stretch that overlaps in part is cut
/// to the parts that do not, and one that overlaps as a whole stays where it is. Answers what changed as it was.
pub(crate) async fn memberships_move_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    actor: &str,
    from: Uuid,
    into: Uuid,
) -> Result<Vec<MembershipBefore>, StoreError> {
    let theirs = sqlx::query!(
        r#"select m.id, m.team_id, m.from_date, m.until_date, to_jsonb(m) as "row!" from team_memberships m
        where m.org_id = $1 and m.person_id = $2 order by m.team_id, m.from_date"#,
        org.0,
        from
    );
    let theirs = theirs.fetch_all(&mut *tx).await?;
    if theirs.is_empty() {
        return Ok(Vec::new());
    }
    let ours = sqlx::query!(
        "select team_id, from_date, until_date from team_memberships where org_id = $1 and person_id = $2 order by team_id, from_date",
        org.0,
        into
    );
    let ours = ours.fetch_all(&mut *tx).await?;
    let mut before = Vec::new();
    for row in theirs {
        let taken = ours.iter().filter(|our| our.team_id == row.team_id).map(|our| (our.from_date, our.until_date));
        let parts = free((row.from_date, row.until_date), taken);
        let Some((&(first, until), rest)) = parts.split_first() else { continue };
        sqlx::query!(
            "update team_memberships set person_id = $3, from_date = $4, until_date = $5, updated_at = now() where org_id = $1 and id = $2",
            org.0,
            row.id,
            into,
            first,
            until
        )
        .execute(&mut *tx)
        .await?;
        before.push(MembershipBefore { id: row.id, person: Some(from), row: Some(row.row), taken_away: false });
        for (first, until) in rest {
            let added = sqlx::query_scalar!(
                "insert into team_memberships (org_id, team_id, person_id, role, from_date, until_date, created_by)
                select org_id, team_id, person_id, role, $3, $4, created_by from team_memberships where org_id = $1 and id = $2 returning id",
                org.0,
                row.id,
                *first,
                *until
            );
            let id = added.fetch_one(&mut *tx).await?;
            before.push(MembershipBefore { id, person: None, row: None, taken_away: false });
        }
    }
    if !before.is_empty() {
        let data = json!({"to": into, "memberships": before.iter().map(|one| one.id).collect::<Vec<_>>()});
        audit_in_txn(tx, org, actor, "team.members_move", ("person", &from.to_string()), data).await?;
    }
    Ok(before)
}

/// What of a stretch is not in `taken`, which is in the order of its days and does not overlap itself.
fn free((from, until): Stretch, taken: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut parts = Vec::new();
    let mut start = Some(from);
    for (taken_from, taken_until) in taken {
        let Some(at) = start else { break };
        if taken_until.is_some_and(|end| end <= at) {
            continue;
        }
        if until.is_some_and(|until| taken_from >= until) {
            break;
        }
        if taken_from > at {
            parts.push((at, Some(taken_from)));
        }
        start = taken_until.filter(|end| until.is_none_or(|until| *end < until));
    }
    parts.extend(start.map(|at| (at, until)));
    parts
}

/// These memberships as they are, before `memberships_restore_in_txn` brings `restore` back. One that somebody has deleted is left out.
pub(crate) async fn memberships_now_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    restore: &[MembershipBefore],
) -> Result<Vec<MembershipBefore>, StoreError> {
    let ids: Vec<i64> = restore.iter().map(|one| one.id).collect();
    let rows = sqlx::query!(
        r#"select m.id, m.person_id, to_jsonb(m) as "row!" from team_memberships m where m.org_id = $1 and m.id = any($2)"#,
        org.0,
        &ids
    );
    let rows = rows.fetch_all(tx).await?;
    let now = restore.iter().filter_map(|one| {
        let found = rows.iter().find(|row| row.id == one.id).map(|row| MembershipBefore {
            id: row.id,
            person: Some(row.person_id),
            row: Some(row.row.clone()),
            taken_away: one.person.is_none(),
        });
        found.or_else(|| one.taken_away.then_some(MembershipBefore { id: one.id, person: None, row: None, taken_away: false }))
    });
    Ok(now.collect())
}

/// Makes memberships what they were. One that was entered meanwhile for the same time stays, and the older one with whom it is.
pub(crate) async fn memberships_restore_in_txn(tx: &mut PgConnection, org: OrgId, before: &[MembershipBefore]) -> Result<(), StoreError> {
    let added: Vec<i64> = before.iter().filter(|one| one.person.is_none()).map(|one| one.id).collect();
    sqlx::query!("delete from team_memberships where org_id = $1 and id = any($2)", org.0, &added).execute(&mut *tx).await?;
    for one in before {
        let Some(person) = one.person else { continue };
        sqlx::query!(
            "update team_memberships m
            set person_id = $3, from_date = coalesce(r.from_date, m.from_date), until_date = case when r.id is null then m.until_date else r.until_date end,
                updated_at = now()
            from jsonb_populate_record(null::team_memberships, coalesce($4::jsonb, '{}')) r
            where m.org_id = $1 and m.id = $2 and not exists (
                select from team_memberships o where o.team_id = m.team_id and o.person_id = $3 and o.id <> m.id
                    and daterange(o.from_date, o.until_date)
                        && daterange(coalesce(r.from_date, m.from_date), case when r.id is null then m.until_date else r.until_date end))",
            org.0,
            one.id,
            person,
            one.row
        )
        .execute(&mut *tx)
        .await?;
        if one.taken_away {
            sqlx::query!(
                "insert into team_memberships overriding system value
                select r.* from jsonb_populate_record(null::team_memberships, $2::jsonb) r
                where r.org_id = $1 and not exists (select from team_memberships m where m.id = r.id) and not exists (
                    select from team_memberships o where o.team_id = r.team_id and o.person_id = r.person_id
                        and daterange(o.from_date, o.until_date) && daterange(r.from_date, r.until_date))",
                org.0,
                one.row
            )
            .execute(&mut *tx)
            .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stretch_is_what_is_not_taken() {
        let day = |month: u32| NaiveDate::from_ymd_opt(2026, month, 1).unwrap_or_else(|| panic!("a month"));
        let of = |from: u32, until: Option<u32>| (day(from), until.map(day));
        for (stretch, taken, left) in [
            (of(1, Some(12)), vec![], vec![of(1, Some(12))]),
            (of(1, Some(12)), vec![of(6, Some(12))], vec![of(1, Some(6))]),
            (of(1, None), vec![of(6, Some(8))], vec![of(1, Some(6)), of(8, None)]),
            (of(3, Some(9)), vec![of(1, Some(4)), of(6, Some(7))], vec![of(4, Some(6)), of(7, Some(9))]),
            (of(3, Some(9)), vec![of(1, None)], vec![]),
            (of(3, Some(9)), vec![of(3, Some(9))], vec![]),
            (of(3, Some(9)), vec![of(1, Some(3)), of(9, None)], vec![of(3, Some(9))]),
            (of(1, None), vec![of(6, None)], vec![of(1, Some(6))]),
        ] {
            assert_eq!(free(stretch, taken.clone().into_iter()), left, "{stretch:?} without {taken:?}");
        }
    }
}
