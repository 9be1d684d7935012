//! Whose accounts changed, by identity epoch: what figures about people are computed again from.

use ovia_domain::{OrgId, PersonId};

use crate::{Store, StoreError};

impl Store {
    /// People whose accounts changed after identity epoch `after`, each once, with the last epoch that changed them.
    pub async fn changed_people(&self, org: OrgId, after: i64) -> Result<Vec<(PersonId, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"select person_id, max(epoch) as "epoch!" from changed_people where org_id = $1 and epoch > $2 group by person_id order by person_id"#,
            org.0,
            after
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (PersonId(row.person_id), row.epoch)).collect())
    }
}
