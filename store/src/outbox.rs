//! Where reports are sent, and what is to be sent: one row per report and receiver (a webhook, or one recipient of an e-mail destination),
//! written with the report. A row is claimed, sent and settled. Whoever dies in between leaves it pending, and it is due again when the
//! claim is over: a receiver may get it twice, under one id.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, HookUrl, OrgId,
    report::{DELIVERY_ATTEMPTS_MAX, DELIVERY_NOT_YET_SECONDS, DeliveryStatus, DestinationKind, ReportKind, delivery_wait_seconds},
};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::{PageOf, PageToken, Sealer, Store, StoreError, audit::audit_in_txn, seal::Sealed};

const DESTINATIONS: &str = "report_destinations";
const DELIVERIES: &str = "report_deliveries";
/// What secrets of destinations are sealed for.
const PURPOSE: &str = "report_destination";
/// What addresses of webhooks are sealed for: they may hold a secret, too.
const URL_PURPOSE: &str = "report_destination_url";
/// Longest error that is kept, in characters.
const ERROR_MAX: usize = 500;
/// Nobody else takes a claimed delivery for so long: longer than any attempt may take.
const CLAIM_SECONDS: f64 = 60.0;

/// A destination to be.
#[derive(Clone, Debug)]
pub struct NewDestination {
    pub name: String,
    pub report_kinds: Vec<ReportKind>,
    pub to: DestinationTo,
}

/// How it is reached.
#[derive(Clone, Debug)]
pub enum DestinationTo {
    Webhook { url: HookUrl, secret: SecretString },
    Email { recipients: Vec<String> },
}

/// A destination; its secret and its whole address are never read here.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationRow {
    pub id: Uuid,
    pub kind: String,
    pub name: String,
    pub report_kinds: Vec<String>,
    /// Scheme and host of a webhook; of one made before addresses were sealed, all of it.
    pub url: Option<String>,
    pub recipients: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
}

/// One report for one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    pub id: Uuid,
    pub report_id: Uuid,
    pub report_kind: String,
    pub period_start: DateTime<Utc>,
    pub destination_id: Uuid,
    pub destination_name: String,
    /// Of an e-mail, while its destination is there.
    pub recipient: Option<String>,
    pub status: String,
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
}

/// A delivery that was claimed, with all that is needed to send it.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    /// The idempotency key.
    pub id: Uuid,
    pub destination_id: Uuid,
    /// `webhook` or `email`.
    pub kind: String,
    /// As [`DestinationRow::url`].
    pub url: Option<String>,
    pub url_sealed: Option<Vec<u8>>,
    pub secret_sealed: Option<Vec<u8>>,
    pub secret_key_id: Option<String>,
    /// Of an e-mail.
    pub recipient: Option<String>,
    pub report_id: Uuid,
    pub report_kind: String,
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    pub title: String,
    pub markdown: String,
    pub html: String,
    pub created_at: DateTime<Utc>,
}

/// How a webhook is reached.
#[derive(Clone, Debug)]
pub struct WebhookTo {
    pub url: SecretString,
    pub secret: SecretString,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    Delivered,
    /// Worth another try. The words never hold a secret.
    Failed(String),
    /// This worker cannot send it as it is set up: nothing was tried and nothing is counted, it waits until one can.
    NotYet(String),
    /// Trying again will not help.
    Refused(String),
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub status: Option<DeliveryStatus>,
    pub report_id: Option<Uuid>,
    pub destination_id: Option<Uuid>,
}

impl Store {
    /// Adds a destination; its secret and address are sealed. A unique violation on `report_destinations_name` means that the name is taken.
    pub async fn destination_create(&self, org: OrgId, new: &NewDestination, sealer: &Sealer, actor: &str) -> Result<Uuid, StoreError> {
        let id = Uuid::now_v7();
        let (kind, url, sealed, recipients) = match &new.to {
            DestinationTo::Webhook { url, secret } => {
                // bound to this destination, as credentials are to their connection
                let secret = sealer.seal_as(PURPOSE, org, ConnectionId(id), secret)?;
                let address = sealer.seal_as(URL_PURPOSE, org, ConnectionId(id), &SecretString::from(url.as_str()))?;
                (DestinationKind::Webhook, Some(url.masked()), Some((secret, address)), &[][..])
            }
            DestinationTo::Email { recipients } => (DestinationKind::Email, None, None, &recipients[..]),
        };
        // both under the current key
        let (key, sealed) = sealed.map(|(secret, address)| (secret.key_id, (secret.bytes, address.bytes))).unzip();
        let (bytes, url_bytes) = sealed.unzip();
        let kinds: Vec<String> = new.report_kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into report_destinations (id, org_id, kind, name, report_kinds, url, secret_sealed, secret_key_id, recipients, created_by, url_sealed)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            id,
            org.0,
            kind.as_str(),
            new.name,
            &kinds,
            url,
            bytes,
            key,
            recipients,
            actor,
            url_bytes
        )
        .execute(&mut *tx)
        .await?;
        let data = json!({"name": new.name, "kind": kind.as_str(), "report_kinds": kinds});
        audit_in_txn(&mut tx, org, actor, "report_destination.create", ("report_destination", &id.to_string()), data).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Destinations, the oldest first.
    pub async fn destinations_list(&self, org: OrgId, page: &PageToken) -> Result<PageOf<DestinationRow>, StoreError> {
        let rows = self.destinations_select(org, None, page.key(DESTINATIONS)?, page.fetch()).await?;
        page.page(DESTINATIONS, rows, |row| row.id)
    }

    pub async fn destination_fetch(&self, org: OrgId, id: Uuid) -> Result<Option<DestinationRow>, StoreError> {
        Ok(self.destinations_select(org, Some(id), None, 1).await?.pop())
    }

    async fn destinations_select(
        &self,
        org: OrgId,
        id: Option<Uuid>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<DestinationRow>, StoreError> {
        let rows = sqlx::query_as!(
            DestinationRow,
            "select id, kind, name, report_kinds, url, recipients, created_at, created_by from report_destinations
            where org_id = $1 and deleted_at is null and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
            order by id limit $4",
            org.0,
            id,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Forgets a destination and its secret. What was still to be sent to it has failed. False if there is none.
    pub async fn destination_delete(&self, org: OrgId, id: Uuid, actor: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let removed = sqlx::query!(
            "update report_destinations set deleted_at = now(), secret_sealed = null, secret_key_id = null, url = null, url_sealed = null,
                recipients = '{}'
            where org_id = $1 and id = $2 and deleted_at is null",
            org.0,
            id
        );
        if removed.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!(
            "update outbox set status = 'failed', last_error = 'the destination was removed'
            where org_id = $1 and destination_id = $2 and status = 'pending'",
            org.0,
            id
        )
        .execute(&mut *tx)
        .await?;
        audit_in_txn(&mut tx, org, actor, "report_destination.delete", ("report_destination", &id.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes the delivery that has been due for longest; nobody else gets it for a minute. `None` if nothing is due.
    pub async fn outbox_claim(&self, org: OrgId) -> Result<Option<DueDelivery>, StoreError> {
        let row = sqlx::query_as!(
            DueDelivery,
            r#"with due as (
                select o.id from outbox o
                join report_destinations d on d.id = o.destination_id and d.deleted_at is null
                where o.org_id = $1 and o.status = 'pending' and o.next_attempt_at <= now()
                order by o.next_attempt_at, o.id limit 1
                for update of o skip locked
            )
            update outbox o set next_attempt_at = now() + make_interval(secs => $2)
            from due, report_destinations d, reports r
            where o.id = due.id and d.id = o.destination_id and r.id = o.report_id
            returning o.id, o.destination_id, d.kind, d.url, d.url_sealed, d.secret_sealed, d.secret_key_id, d.recipients[o.recipient] as recipient,
                o.report_id, r.kind as report_kind, r.period_start, r.period_end, r.title, r.markdown, r.html, r.created_at"#,
            org.0,
            CLAIM_SECONDS
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// Where a due delivery goes, opened; `None` of an e-mail.
    pub fn outbox_webhook(&self, org: OrgId, due: &DueDelivery, sealer: &Sealer) -> Result<Option<WebhookTo>, StoreError> {
        let (Some(bytes), Some(key_id)) = (due.secret_sealed.clone(), due.secret_key_id.clone()) else { return Ok(None) };
        let open =
            |purpose, bytes| sealer.open_as(purpose, org, ConnectionId(due.destination_id), &Sealed { key_id: key_id.clone(), bytes });
        let secret = open(PURPOSE, bytes)?;
        let url = match due.url_sealed.clone() {
            Some(bytes) => open(URL_PURPOSE, bytes)?,
            None => SecretString::from(due.url.clone().unwrap_or_default()),
        };
        Ok(Some(WebhookTo { url, secret }))
    }

    /// Keeps what an attempt came to, and when the next one is due. A delivery that is settled already stays so.
    pub async fn outbox_settle(&self, org: OrgId, id: Uuid, attempt: &Attempt) -> Result<(), StoreError> {
        let (outcome, error) = match attempt {
            Attempt::Delivered => ("delivered", None),
            Attempt::Failed(error) => ("failed", Some(error)),
            Attempt::NotYet(error) => ("not_yet", Some(error)),
            Attempt::Refused(error) => ("refused", Some(error)),
        };
        let error: Option<String> = error.map(|error| error.chars().take(ERROR_MAX).collect());
        // after the first attempt, the second …
        let waits: Vec<f64> = (1..=DELIVERY_ATTEMPTS_MAX).map(|attempts| delivery_wait_seconds(attempts) as f64).collect();
        sqlx::query!(
            "update outbox set last_error = $4, delivered_at = case when $3 = 'delivered' then now() end,
                attempts = attempts + case when $3 = 'not_yet' then 0 else 1 end,
                status = case
                    when $3 = 'delivered' then 'delivered'
                    when $3 = 'refused' or $3 = 'failed' and attempts + 1 >= cardinality($5::float8[]) then 'failed'
                    else 'pending'
                end,
                next_attempt_at = now() + make_interval(secs => case when $3 = 'not_yet' then $6::float8 else ($5::float8[])[attempts + 1] end)
            where org_id = $1 and id = $2 and status = 'pending'",
            org.0,
            id,
            outcome,
            error,
            &waits,
            DELIVERY_NOT_YET_SECONDS as f64
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How many deliveries are pending, and in how many milliseconds the next one is due (0: now).
    pub async fn outbox_pending(&self, org: OrgId) -> Result<Option<(i64, i64)>, StoreError> {
        let row = sqlx::query!(
            r#"select count(*) as "pending!", (extract(epoch from min(o.next_attempt_at) - now()) * 1000)::bigint as wait
               from outbox o join report_destinations d on d.id = o.destination_id and d.deleted_at is null
               where o.org_id = $1 and o.status = 'pending'"#,
            org.0
        );
        let row = row.fetch_one(&self.pool).await?;
        Ok(row.wait.map(|wait| (row.pending, wait.max(0))))
    }

    /// Deliveries, newest first.
    pub async fn outbox_list(&self, org: OrgId, filter: &DeliveryFilter, page: &PageToken) -> Result<PageOf<DeliveryRow>, StoreError> {
        let key: Option<(crate::page::CursorTime, Uuid)> = page.key(DELIVERIES)?;
        let rows = self.outbox_select(org, filter, None, key.map(|(at, id)| (at.0, id)), page.fetch()).await?;
        page.page(DELIVERIES, rows, |row| (crate::page::CursorTime(row.created_at), row.id))
    }

    pub async fn outbox_fetch(&self, org: OrgId, id: Uuid) -> Result<Option<DeliveryRow>, StoreError> {
        Ok(self.outbox_select(org, &DeliveryFilter::default(), Some(id), None, 1).await?.pop())
    }

    async fn outbox_select(
        &self,
        org: OrgId,
        filter: &DeliveryFilter,
        id: Option<Uuid>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let (at, after) = after.unzip();
        let rows = sqlx::query_as!(
            DeliveryRow,
            "select o.id, o.report_id, r.kind as report_kind, r.period_start, o.destination_id, d.name as destination_name,
                d.recipients[o.recipient] as recipient, o.status,
                o.attempts, o.next_attempt_at, o.last_error, o.created_at, o.delivered_at
            from outbox o join reports r on r.id = o.report_id join report_destinations d on d.id = o.destination_id
            where o.org_id = $1 and ($2::uuid is null or o.id = $2) and ($3::text is null or o.status = $3)
                and ($4::uuid is null or o.report_id = $4) and ($5::uuid is null or o.destination_id = $5)
                and ($6::timestamptz is null or (o.created_at, o.id) < ($6, $7::uuid))
            order by o.created_at desc, o.id desc limit $8",
            org.0,
            id,
            filter.status.map(DeliveryStatus::as_str),
            filter.report_id,
            filter.destination_id,
            at,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// A failed delivery is to be tried again, from the beginning; the next report run does it. False if there is none that has failed
    /// and whose destination is still there.
    pub async fn outbox_retry(&self, org: OrgId, id: Uuid, actor: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let retried = sqlx::query!(
            // whoever removes the destination waits, and then finds the row
            "with there as (
                select d.id from outbox o join report_destinations d on d.id = o.destination_id
                where o.org_id = $1 and o.id = $2 and d.deleted_at is null
                for share of d
            )
            update outbox o set status = 'pending', attempts = 0, next_attempt_at = now()
            from there where o.org_id = $1 and o.id = $2 and o.status = 'failed' and o.destination_id = there.id",
            org.0,
            id
        );
        if retried.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        audit_in_txn(&mut tx, org, actor, "report_delivery.retry", ("report_delivery", &id.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(true)
    }
}
