//! How well accounts are matched, and how long the queue is.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;

use crate::{Store, StoreError};

/// Figures of one organisation. Accounts are live ones; shares are left to the reader, but for the match rate.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingStats {
    /// By kind of source, in the order of its name.
    pub sources: Vec<SourceCoverage>,
    /// Not retired, without service accounts.
    pub people: i64,
    pub service_people: i64,
    /// Accounts waiting for a decision.
    pub queue: i64,
    /// When the longest waiting was first asked about.
    pub queue_oldest: Option<DateTime<Utc>>,
    /// Decisions that strong evidence speaks against.
    pub contradicted: i64,
    pub last_run_at: Option<DateTime<Utc>>,
}

/// Accounts of one kind of source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCoverage {
    pub source: String,
    pub accounts: i64,
    /// Of `accounts`: held for service accounts by matching. All below are without them.
    pub service_accounts: i64,
    pub auto: i64,
    pub confirmed: i64,
    pub conflict: i64,
    /// Matching has not seen them yet.
    pub unseen: i64,
    /// Of auto and confirmed: linked together with another account of the person.
    pub joined: i64,
}

impl SourceCoverage {
    /// Accounts that are people's.
    pub fn of_people(&self) -> i64 {
        self.accounts - self.service_accounts
    }

    /// Share of people's accounts that count for a person; `None` without accounts.
    pub fn match_rate(&self) -> Option<f64> {
        rate(self.auto + self.confirmed, self.of_people())
    }
}

fn rate(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl MappingStats {
    /// All sources together.
    pub fn total(&self) -> SourceCoverage {
        self.sources.iter().fold(SourceCoverage { source: String::new(), ..SourceCoverage::default() }, |sum, one| SourceCoverage {
            source: sum.source,
            accounts: sum.accounts + one.accounts,
            service_accounts: sum.service_accounts + one.service_accounts,
            auto: sum.auto + one.auto,
            confirmed: sum.confirmed + one.confirmed,
            conflict: sum.conflict + one.conflict,
            unseen: sum.unseen + one.unseen,
            joined: sum.joined + one.joined,
        })
    }
}

impl Store {
    pub async fn mapping_stats(&self, org: OrgId) -> Result<MappingStats, StoreError> {
        let sources = sqlx::query_file_as!(SourceCoverage, "src/mappings/coverage.sql", org.0).fetch_all(&self.pool).await?;
        let row = sqlx::query_file!("src/mappings/figures.sql", org.0).fetch_one(&self.pool).await?;
        Ok(MappingStats {
            sources,
            people: row.people,
            service_people: row.service_people,
            queue: row.queue,
            queue_oldest: row.queue_oldest,
            contradicted: row.contradicted,
            last_run_at: row.last_run_at,
        })
    }

    /// Over all organisations: how many accounts wait for a decision, and since when the longest. For gauges that name no tenant.
    pub async fn conflict_queue(&self) -> Result<(i64, Option<DateTime<Utc>>), StoreError> {
        let row = sqlx::query!(
            r#"select count(*) as "size!", min(conflict_since) as oldest from person_identity_links l
            join identities i on i.id = l.identity_id and i.deleted_at is null where l.status = 'conflict'"#
        );
        let row = row.fetch_one(&self.pool).await?;
        Ok((row.size, row.oldest))
    }
}
