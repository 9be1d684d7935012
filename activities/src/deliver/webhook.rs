//! Deliveries by webhook, signed as Standard Webhooks has it: id, time and body, with HMAC-SHA256.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use ovia_connectors::http::{PostClient, PostError};
use ovia_domain::{HookUrl, OrgId};
use ovia_store::outbox::{Attempt, DueDelivery};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;

use crate::Activities;

/// For one delivery. A claim lasts longer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What a secret begins with whose rest is base64. Those that were given before it was asked for are keys as they are.
const SIGNING: &str = "whsec_";

pub async fn send(activities: &Activities, org: OrgId, due: &DueDelivery) -> Attempt {
    let Some(sealer) = &activities.sealer else {
        return Attempt::NotYet("the worker has no sealing key, so it cannot open the webhook's secret".to_owned());
    };
    let to = match activities.store.outbox_webhook(org, due, sealer) {
        Ok(Some(to)) => to,
        Ok(None) => return Attempt::Refused("the webhook has no secret".to_owned()),
        Err(error) => return Attempt::NotYet(format!("the webhook's secret cannot be opened: {error}")),
    };
    // looked at again: what is allowed may have changed since it was stored
    let url = match HookUrl::parse(to.url.expose_secret(), activities.allow_private_addresses) {
        Ok(url) => url,
        Err(error) => return Attempt::Refused(format!("the webhook's address cannot be used: {error}")),
    };
    let client = match PostClient::new(TIMEOUT, activities.allow_private_addresses) {
        Ok(client) => client,
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    let (id, body, time) = (due.id.to_string(), body(due), Utc::now().timestamp().to_string());
    let Some(signature) = signature(&to.secret, &id, &time, &body) else {
        return Attempt::Refused("the webhook's secret is not a signing secret".to_owned());
    };
    let headers = [("webhook-id", id.clone()), ("idempotency-key", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    verdict(client.post(url.as_url(), &headers, body).await)
}

fn verdict(answered: Result<u16, PostError>) -> Attempt {
    match answered {
        Ok(200..=299) => Attempt::Delivered,
        Ok(410) => Attempt::Refused("the receiver is gone (410)".to_owned()),
        Ok(status @ 300..=399) => Attempt::Failed(format!("the receiver redirects ({status}), which is not followed")),
        Ok(status) => Attempt::Failed(format!("the receiver answered {status}")),
        Err(error @ PostError::PrivateAddress(_)) => Attempt::Refused(error.to_string()),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

/// The same for every attempt.
fn body(due: &DueDelivery) -> Vec<u8> {
    let report = json!({
        "id": due.report_id,
        "kind": due.report_kind,
        "period": {"start": due.period_start, "end": due.period_end},
        "title": due.title,
        "markdown": due.markdown,
        "html": due.html,
    });
    json!({"type": "report.created", "timestamp": due.created_at, "data": report}).to_string().into_bytes()
}

/// `v1,<base64>` over `id.time.body`. `None` where the secret cannot be a key.
fn signature(secret: &SecretString, id: &str, time: &str, body: &[u8]) -> Option<String> {
    let text = secret.expose_secret();
    let key = match text.strip_prefix(SIGNING) {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => text.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok().filter(|_| !key.is_empty())?;
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn signs_as_the_standard_says() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_ne!(signature(&secret, "other", "1614265330", body), signed);
        assert_eq!(signature(&SecretString::from("whsec_%%"), "i", "1", body), None);
        assert_eq!(signature(&SecretString::from("whsec_"), "i", "1", body), None);
    }

    #[test]
    fn only_what_cannot_get_better_is_given_up() {
        assert_eq!([200, 204].map(|status| verdict(Ok(status))), [Attempt::Delivered, Attempt::Delivered]);
        assert!([301, 400, 401, 404, 429, 500, 503].into_iter().all(|status| matches!(verdict(Ok(status)), Attempt::Failed(_))));
        assert!(matches!(verdict(Ok(410)), Attempt::Refused(_)));
        assert!(matches!(verdict(Err(PostError::PrivateAddress("x".into()))), Attempt::Refused(_)));
        assert!(matches!(verdict(Err(PostError::Failed("connection refused".into()))), Attempt::Failed(_)));
    }
}
