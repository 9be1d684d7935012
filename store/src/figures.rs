//! Figures of all organisations, for metrics: what is open, what is held, what waits for somebody.

use std::collections::HashMap;

use ovia_domain::{RunKind, RunStatus};

use crate::{Store, StoreError, run_health::RunHealth};

/// Dead letters are counted up to this.
const DEAD_LETTERS_MAX: i64 = 1_000_000;

/// How things stand now.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub runs_open: HashMap<(RunKind, RunStatus), i64>,
    /// Open runs by health: every state, also those of no run.
    pub runs_by_health: Vec<(RunHealth, i64)>,
    pub dead_letters_open: i64,
    /// Connections somebody ingests into now.
    pub leases_held: i64,
    /// Results of the newest quality runs: check, status, how many.
    pub quality: Vec<(String, String, i64)>,
}

impl Store {
    /// Costs as much as there are open runs and open dead letters, not what there ever was.
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let signs = self.runs_open_signs().await?;
        let mut runs_open = HashMap::new();
        for sign in &signs {
            *runs_open.entry((sign.kind, sign.status)).or_default() += 1;
        }
        let count = |health: RunHealth| signs.iter().filter(|sign| sign.health() == Some(health)).count() as i64;
        let row = sqlx::query!(
            r#"select (select count(*) from (select from dead_letters where status = 'open' limit $1) d) as "dead_letters!",
                      (select count(*) from connection_leases where expires_at > now()) as "leases!""#,
            DEAD_LETTERS_MAX
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Figures {
            runs_open,
            runs_by_health: RunHealth::ALL.into_iter().map(|health| (health, count(health))).collect(),
            dead_letters_open: row.dead_letters,
            leases_held: row.leases,
            quality: self.quality_counts().await?,
        })
    }
}
