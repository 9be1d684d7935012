//! Whether a delivery is its source's. Pure; every comparison takes the same time wherever the difference is.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use ovia_domain::Source;
use poem::http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far a delivery's time may be from ours, in seconds.
const TOLERANCE: i64 = 5 * 60;
/// Signatures looked at in one delivery: a secret that is being replaced makes two.
const SIGNATURES_MAX: usize = 8;
/// What a signing token begins with.
const SIGNING: &str = "whsec_";

/// Whether `secret` proves the delivery.
pub(super) fn is_authentic(source: Source, secret: &SecretString, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> bool {
    match source {
        Source::Gitlab => gitlab(secret.expose_secret(), headers, body, now),
        Source::Jira => jira(secret.expose_secret(), headers, body),
        // sends none
        Source::Confluence => false,
    }
}

/// No connection, or no secret: never authentic, and as slow to say so.
pub(super) fn of_nobody(headers: &HeaderMap, body: &[u8]) -> bool {
    let nobody = "no secret is like this one";
    let _ = signature_is(nobody.as_bytes(), &[body], &[0; 32]) | jira(nobody, headers, body);
    false
}

/// A delivery that is signed has to be signed well; one that is not has to bring the secret itself.
fn gitlab(secret: &str, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> bool {
    match text(headers, "webhook-signature") {
        Some(signatures) => signed(secret, signatures, headers, body, now).unwrap_or(false),
        None => text(headers, "x-gitlab-token").is_some_and(|token| token.as_bytes().ct_eq(secret.as_bytes()).into()),
    }
}

/// Standard Webhooks: `v1,<base64>` over id, time and body, several separated by spaces.
fn signed(secret: &str, signatures: &str, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Option<bool> {
    let key = STANDARD.decode(secret.strip_prefix(SIGNING)?).ok()?;
    let (id, time) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
    let sent: i64 = time.parse().ok()?;
    let fresh = sent.abs_diff(now.timestamp()) <= TOLERANCE.unsigned_abs();
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let given = signatures.split_ascii_whitespace().take(SIGNATURES_MAX).filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let good = given.fold(false, |good, signature| good | signature_is(&key, &signed, &signature));
    Some(fresh && good && !key.is_empty())
}

/// `sha256=<hex>` over the body.
fn jira(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let given = text(headers, "x-hub-signature").and_then(|text| text.strip_prefix("sha256=")).and_then(|text| hex::decode(text).ok());
    given.is_some_and(|signature| signature_is(secret.as_bytes(), &[body], &signature))
}

fn signature_is(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

/// A header that is there once. Two of a kind are nobody's: proxies and we might read different ones.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() { None } else { first.to_str().ok() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The vendor's own example.
    const JIRA_SECRET: &str = "It's a Secret to Everybody";
    const JIRA_SIGNATURE: &str = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    const TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    const SIGNATURE: &str = "v1,a8ac61Jas6Pa8y0qcho+hBA3BwAKpj6mJJH3K9ZhrF0=";
    const BODY: &[u8] = br#"{"object_kind":"push"}"#;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn check(source: Source, secret: &str, pairs: &[(&'static str, &str)], body: &[u8], now: i64) -> bool {
        is_authentic(source, &SecretString::from(secret), &headers(pairs), body, DateTime::from_timestamp(now, 0).unwrap())
    }

    fn jira(secret: &str, signature: &str, body: &[u8]) -> bool {
        check(Source::Jira, secret, &[("x-hub-signature", signature)], body, 0)
    }

    fn gitlab_signed(secret: &str, id: &str, time: &str, signature: &str, body: &[u8], now: i64) -> bool {
        let pairs = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
        check(Source::Gitlab, secret, &pairs, body, now)
    }

    #[test]
    fn jiras_example_is_authentic_and_nothing_like_it() {
        assert!(jira(JIRA_SECRET, JIRA_SIGNATURE, b"Hello World!"));
        assert!(!jira("another secret altogether", JIRA_SIGNATURE, b"Hello World!"));
        assert!(!jira(JIRA_SECRET, JIRA_SIGNATURE, b"Hello World"));
        let digest = JIRA_SIGNATURE.strip_prefix("sha256=").unwrap();
        for bad in ["", "sha256=", "sha256=zz", digest, &JIRA_SIGNATURE[..70], &format!("sha1={digest}"), &format!("{JIRA_SIGNATURE}00")] {
            assert!(!jira(JIRA_SECRET, bad, b"Hello World!"), "{bad}");
        }
        assert!(!check(Source::Jira, JIRA_SECRET, &[], b"Hello World!", 0), "unsigned");
        let twice = [("x-hub-signature", JIRA_SIGNATURE), ("x-hub-signature", JIRA_SIGNATURE)];
        assert!(!check(Source::Jira, JIRA_SECRET, &twice, b"Hello World!", 0));
        // the other source's proof is none
        assert!(!check(Source::Jira, JIRA_SECRET, &[("x-gitlab-token", JIRA_SECRET)], b"Hello World!", 0));
        assert!(!check(Source::Gitlab, JIRA_SECRET, &[("x-hub-signature", JIRA_SIGNATURE)], b"Hello World!", 0));
        assert!(!check(Source::Confluence, JIRA_SECRET, &[("x-hub-signature", JIRA_SIGNATURE)], b"Hello World!", 0));
    }

    #[test]
    fn gitlabs_signature_is_over_id_time_and_body() {
        let at = 1_700_000_000;
        assert!(gitlab_signed(TOKEN, "msg_1", "1700000000", SIGNATURE, BODY, at));
        assert!(!gitlab_signed(TOKEN, "msg_2", "1700000000", SIGNATURE, BODY, at));
        assert!(!gitlab_signed(TOKEN, "msg_1", "1700000001", SIGNATURE, BODY, at));
        assert!(!gitlab_signed(TOKEN, "msg_1", "1700000000", SIGNATURE, b"{}", at));
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        for secret in [&other, "whsec_", "whsec_%%", "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="] {
            assert!(!gitlab_signed(secret, "msg_1", "1700000000", SIGNATURE, BODY, at), "{secret}");
        }
    }

    #[test]
    fn a_stale_signature_is_none() {
        let at = 1_700_000_000;
        for (now, good) in [(at + 300, true), (at - 300, true), (at + 301, false), (at - 301, false)] {
            assert_eq!(gitlab_signed(TOKEN, "msg_1", "1700000000", SIGNATURE, BODY, now), good, "{now}");
        }
        for time in ["", "now", "1700000000.0", "99999999999999999999", "-9223372036854775808"] {
            assert!(!gitlab_signed(TOKEN, "msg_1", time, SIGNATURE, BODY, at), "{time}");
        }
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let at = 1_700_000_000;
        let wrong = format!("v1,{}", STANDARD.encode([1; 32]));
        for (text, good) in [
            (format!("{wrong} {SIGNATURE}"), true),
            (format!("{SIGNATURE} {wrong}"), true),
            (format!("v1a,xxxx v2,yyyy {SIGNATURE}"), true),
            (format!("{wrong} {wrong}"), false),
            (SIGNATURE.replace("v1,", "v2,"), false),
            (format!("{}{SIGNATURE}", format!("{wrong} ").repeat(SIGNATURES_MAX)), false),
            (String::new(), false),
        ] {
            assert_eq!(gitlab_signed(TOKEN, "msg_1", "1700000000", &text, BODY, at), good, "{text}");
        }
    }

    #[test]
    fn gitlabs_token_is_compared_whole() {
        for secret in ["a plain old secret", TOKEN] {
            assert!(check(Source::Gitlab, secret, &[("x-gitlab-token", secret)], BODY, 0));
            for bad in ["", "a plain", &secret[1..], &format!("{secret}x")] {
                assert!(!check(Source::Gitlab, secret, &[("x-gitlab-token", bad)], BODY, 0), "{bad}");
            }
        }
        // a bad signature is not made good by the token beside it
        let both =
            [("x-gitlab-token", TOKEN), ("webhook-id", "msg_1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", "v1,AAAA")];
        assert!(!check(Source::Gitlab, TOKEN, &both, BODY, 1_700_000_000));
        assert!(!check(Source::Gitlab, TOKEN, &[], BODY, 0));
    }

    #[test]
    fn nobody_is_never_authentic() {
        assert!(!of_nobody(&headers(&[("x-hub-signature", JIRA_SIGNATURE)]), b"Hello World!"));
        assert!(!of_nobody(&headers(&[("x-gitlab-token", "no secret is like this one")]), b""));
    }
}
