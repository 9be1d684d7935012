//! `/report-destinations` and `/report-deliveries`: where reports are sent, and what became of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ovia_domain::{
    HookUrl,
    report::{DeliveryStatus, DestinationKind, ReportKind},
};
use ovia_store::{
    outbox::{DeliveryFilter, DeliveryRow, DestinationRow, DestinationTo, NewDestination},
    webhooks::webhook_secret_generate,
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// Longest name and address, in characters.
const TEXT_MAX: usize = 200;
const RECIPIENTS_MAX: usize = 50;
/// What a webhook's secret begins with; what follows is base64 of a key of so many bytes, as Standard Webhooks has it.
const SIGNING: &str = "whsec_";
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A destination to be: of a webhook `url`, of e-mail `recipients`.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ReportDestinationIn")]
struct DestinationIn {
    kind: Name<DestinationKind>,
    /// Unique among the organisation's destinations.
    name: String,
    /// Which reports it gets; all, if not given.
    #[serde(default)]
    reports: Option<Vec<Name<ReportKind>>>,
    /// Of a webhook: an http or https address, used as it is.
    #[serde(default)]
    url: Option<String>,
    /// Of a webhook: `whsec_` and base64 of 24 to 64 bytes. If not given, one is made.
    #[serde(default)]
    #[oai(write_only)]
    secret: Option<String>,
    /// Of e-mail: 1 to 50 addresses, each once. Each gets a message of its own.
    #[serde(default)]
    recipients: Option<Vec<String>>,
}

/// Where reports are sent.
#[derive(Object)]
#[oai(rename = "ReportDestination")]
struct DestinationOut {
    id: Uuid,
    kind: Name<DestinationKind>,
    name: String,
    reports: Vec<Name<ReportKind>>,
    /// Of a webhook: scheme and host; `…` stands for path and query, which may hold a secret.
    url: Option<String>,
    recipients: Vec<String>,
    created_at: Time,
    /// `token:<name>`.
    created_by: String,
    /// The secret that was made, this once; null if it was given, and of e-mail.
    secret: Option<String>,
}

/// One report for one receiver: a webhook, or one recipient of an e-mail destination.
#[derive(Object)]
#[oai(rename = "ReportDelivery")]
struct DeliveryOut {
    /// Sent as `webhook-id` and `idempotency-key`.
    id: Uuid,
    report_id: Uuid,
    report_kind: Name<ReportKind>,
    period_start: Time,
    destination_id: Uuid,
    destination_name: String,
    /// Of an e-mail, while its destination is there.
    recipient: Option<String>,
    status: Name<DeliveryStatus>,
    attempts: i32,
    /// Of a pending one: the report run that is under way then tries it. One that is being sent is not tried by others before.
    next_attempt_at: Option<Time>,
    last_error: Option<String>,
    created_at: Time,
    delivered_at: Option<Time>,
}

#[derive(ApiResponse)]
enum Created {
    #[oai(status = 201)]
    Created(Json<DestinationOut>),
}

#[derive(ApiResponse)]
enum Removed {
    /// It and its secret are forgotten.
    #[oai(status = 204)]
    Removed,
}

pub(crate) struct ReportDeliveriesApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl ReportDeliveriesApi {
    /// Send reports somewhere
    ///
    /// Reports written from now on are sent there, each once or, if an answer is lost, again under the same id. docs/reports.md says how a
    /// webhook's signature is checked.
    #[oai(path = "/report-destinations", method = "post", operation_id = "report_destination_create")]
    async fn create(&self, caller: Caller, body: Body<DestinationIn>) -> Result<Created, Problem> {
        let (store, sealer) = (&self.0.config.store, self.0.sealer()?);
        let (new, made) = parse(body.0, self.0.config.allow_private_addresses)?;
        let created = store.destination_create(caller.org_id(), &new, sealer, &caller.requested_by()).await;
        let id = created.map_err(|error| match error.is_unique_violation("report_destinations_name") {
            true => Problem::conflict(format!("There is a destination `{}`.", new.name), "Choose another name, or remove that one."),
            false => error.into(),
        })?;
        let row = store.destination_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("report destination", id))?;
        let secret = made.map(|secret| secret.expose_secret().to_owned());
        Ok(Created::Created(Json(DestinationOut { secret, ..row.into() })))
    }

    /// List destinations of reports, the oldest first
    #[oai(path = "/report-destinations", method = "get", operation_id = "report_destinations_list")]
    async fn list(
        &self,
        caller: Caller,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<DestinationOut>>, Problem> {
        let rows = self.0.config.store.destinations_list(caller.org_id(), &page(limit.0, cursor.0)).await?;
        Ok(list(rows, DestinationOut::from))
    }

    /// Send no more reports there
    ///
    /// What was still to be sent has failed.
    #[oai(path = "/report-destinations/:id", method = "delete", operation_id = "report_destination_delete")]
    async fn delete(&self, caller: Caller, id: Path<Uuid>) -> Result<Removed, Problem> {
        match self.0.config.store.destination_delete(caller.org_id(), id.0, &caller.requested_by()).await? {
            true => Ok(Removed::Removed),
            false => Err(Problem::not_found("report destination", id.0)),
        }
    }

    /// List deliveries of reports, newest first
    #[oai(path = "/report-deliveries", method = "get", operation_id = "report_deliveries_list")]
    async fn deliveries(
        &self,
        caller: Caller,
        status: Query<Option<Name<DeliveryStatus>>>,
        /// A report's id.
        report: Query<Option<Uuid>>,
        /// A destination's id.
        destination: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<DeliveryOut>>, Problem> {
        let filter = DeliveryFilter { status: status.0.map(|status| status.0), report_id: report.0, destination_id: destination.0 };
        let rows = self.0.config.store.outbox_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, DeliveryOut::from))
    }

    /// Try a failed delivery again
    ///
    /// The next report run sends it.
    #[oai(path = "/report-deliveries/:id/retry", method = "post", operation_id = "report_delivery_retry")]
    async fn retry(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<DeliveryOut>, Problem> {
        let store = &self.0.config.store;
        let retried = store.outbox_retry(caller.org_id(), id.0, &caller.requested_by()).await?;
        let row = store.outbox_fetch(caller.org_id(), id.0).await?.ok_or_else(|| Problem::not_found("report delivery", id.0))?;
        if !retried {
            let hint = "Only a delivery that has failed and whose destination is still there can be tried again.";
            return Err(Problem::conflict(format!("Delivery {} is {}.", id.0, row.status), hint));
        }
        Ok(Json(row.into()))
    }
}

/// The destination, and its secret where it was made.
fn parse(body: DestinationIn, allow_private: bool) -> Result<(NewDestination, Option<SecretString>), Problem> {
    let name = body.name.trim().to_owned();
    if !(1..=TEXT_MAX).contains(&name.chars().count()) {
        return Err(Problem::field("name", format!("it is not 1 to {TEXT_MAX} characters")));
    }
    let report_kinds: Vec<ReportKind> =
        body.reports.map_or_else(|| ReportKind::ALL.to_vec(), |kinds| kinds.into_iter().map(|kind| kind.0).collect());
    if report_kinds.is_empty() {
        return Err(Problem::field("reports", "it names none"));
    }
    let refuse = |field: &str, given: bool| match given {
        true => Err(Problem::field(field, format!("a destination of kind {} does not have it", body.kind.0.as_str()))),
        false => Ok(()),
    };
    match body.kind.0 {
        DestinationKind::Webhook => {
            refuse("recipients", body.recipients.is_some())?;
            let url = body.url.ok_or_else(|| Problem::field("url", "it is missing"))?;
            let url = HookUrl::parse(&url, allow_private).map_err(|error| Problem::field("url", error.to_string()))?;
            let given = body.secret.map(usable).transpose()?;
            let made = if given.is_none() { Some(webhook_secret_generate()?) } else { None };
            let Some(secret) = given.or_else(|| made.clone()) else { return Err(Problem::internal("there is no secret")) };
            let to = DestinationTo::Webhook { url, secret };
            Ok((NewDestination { name, report_kinds, to }, made))
        }
        DestinationKind::Email => {
            refuse("url", body.url.is_some())?;
            refuse("secret", body.secret.is_some())?;
            let recipients = recipients(body.recipients.unwrap_or_default())?;
            Ok((NewDestination { name, report_kinds, to: DestinationTo::Email { recipients } }, None))
        }
    }
}

/// A secret that the libraries of Standard Webhooks read as the same key.
fn usable(secret: String) -> Result<SecretString, Problem> {
    let key = secret.strip_prefix(SIGNING).and_then(|rest| STANDARD.decode(rest).ok());
    match key.is_some_and(|key| KEY_BYTES.contains(&key.len())) {
        true => Ok(SecretString::from(secret)),
        false => Err(Problem::field("secret", format!("it is not {SIGNING} and base64 of 24 to 64 bytes"))),
    }
}

/// Plain addresses, as the mailer reads them.
fn recipients(given: Vec<String>) -> Result<Vec<String>, Problem> {
    if !(1..=RECIPIENTS_MAX).contains(&given.len()) {
        return Err(Problem::field("recipients", format!("there are not 1 to {RECIPIENTS_MAX} of them")));
    }
    let mut known: Vec<String> = Vec::new();
    for (index, text) in given.iter().map(|text| text.trim()).enumerate() {
        let field = format!("recipients[{index}]");
        // without names, quotes and addresses of hosts, which it would read as well
        let plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>,;:\"()[]\\".contains(c)) && text.len() <= TEXT_MAX;
        let host = text.rsplit_once('@').is_some_and(|(_, host)| host.contains('.'));
        if !plain || !host || text.parse::<lettre::Address>().is_err() {
            return Err(Problem::field(&field, "it is not an address as ada@example.com"));
        }
        if known.iter().any(|one| one.eq_ignore_ascii_case(text)) {
            return Err(Problem::field(&field, "it is there twice"));
        }
        known.push(text.to_owned());
    }
    Ok(known)
}

impl From<DestinationRow> for DestinationOut {
    fn from(row: DestinationRow) -> Self {
        Self {
            id: row.id,
            // the table's checks hold these to the domain's names
            kind: Name(DestinationKind::parse(&row.kind).unwrap_or(DestinationKind::Webhook)),
            name: row.name,
            reports: row.report_kinds.iter().filter_map(|kind| ReportKind::parse(kind)).map(Name).collect(),
            url: row.url.map(|url| HookUrl::parse(&url, true).map_or_else(|_| "…".to_owned(), |url| url.masked())),
            recipients: row.recipients,
            created_at: row.created_at.into(),
            created_by: row.created_by,
            secret: None,
        }
    }
}

impl From<DeliveryRow> for DeliveryOut {
    fn from(row: DeliveryRow) -> Self {
        let status = DeliveryStatus::parse(&row.status).unwrap_or(DeliveryStatus::Failed);
        Self {
            id: row.id,
            report_id: row.report_id,
            report_kind: Name(ReportKind::parse(&row.report_kind).unwrap_or(ReportKind::Weekly)),
            period_start: row.period_start.into(),
            destination_id: row.destination_id,
            destination_name: row.destination_name,
            recipient: row.recipient,
            status: Name(status),
            attempts: row.attempts,
            next_attempt_at: (status == DeliveryStatus::Pending).then(|| row.next_attempt_at.into()),
            last_error: row.last_error,
            created_at: row.created_at.into(),
            delivered_at: row.delivered_at.map(Time),
        }
    }
}
