//! Deliveries by e-mail: Markdown and HTML in one message. Its Message-ID is the delivery's id, so that a message that is sent twice can be
//! told to be one.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
};
use ovia_store::outbox::{Attempt, DueDelivery};
use secrecy::{ExposeSecret, SecretString};

use super::TIMEOUT;

/// For one message, from the greeting to the answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends through one SMTP server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // the transport holds the password
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Why a mailer cannot be made. The words never hold the URL, which has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error("it is not a URL as smtps://user:password@mail.example.com")]
    Url,
    #[error("the sender is not an address as ovia@example.com")]
    From,
}

impl Mailer {
    /// `url` as `smtps://user:password@host` (TLS), `smtp://host:587?tls=required` (STARTTLS) or `smtp://host` (neither).
    pub fn new(url: &SecretString, from: &str) -> Result<Self, MailerError> {
        let from = from.parse().map_err(|_| MailerError::From)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).map_err(|_| MailerError::Url)?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    pub async fn send(&self, due: &DueDelivery) -> Attempt {
        let message = match self.message(due) {
            Ok(message) => message,
            Err(why) => return Attempt::Refused(why),
        };
        // the transport's own timeout is of connecting only
        let Ok(sent) = tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message)).await else {
            return Attempt::Failed("the SMTP server did not answer in time".to_owned());
        };
        match sent {
            Ok(_) => Attempt::Delivered,
            Err(error) => match error.status() {
                Some(code) => answered(code.into()),
                None if error.is_timeout() => Attempt::Failed("the SMTP server did not answer in time".to_owned()),
                None => Attempt::Failed("the SMTP server cannot be reached, or does not speak TLS".to_owned()),
            },
        }
    }

    fn message(&self, due: &DueDelivery) -> Result<Message, String> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{}@ovia>", due.id)))
            .date(due.created_at.into())
            .subject(&due.title);
        for recipient in &due.recipients {
            message = message.to(recipient.parse().map_err(|_| "a recipient is not an address".to_owned())?);
        }
        let parts = MultiPart::alternative_plain_html(due.markdown.clone(), due.html.clone());
        message.multipart(parts).map_err(|_| "the message cannot be written".to_owned())
    }
}

/// What a code that is no success comes to. A server's words may repeat what it was sent: only its code is kept.
fn answered(code: u16) -> Attempt {
    match code {
        // the login: the operator will see to it
        530 | 534 | 535 | 538 => Attempt::Failed(format!("the SMTP server did not take the login ({code})")),
        // of the recipient or the message: it would be the same again
        500..=599 => Attempt::Refused(format!("the SMTP server refused it ({code})")),
        _ => Attempt::Failed(format!("the SMTP server answered {code}")),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn mailer(url: &str, from: &str) -> Result<Mailer, MailerError> {
        Mailer::new(&SecretString::from(url), from)
    }

    #[tokio::test]
    async fn a_message_has_both_forms_and_one_id() {
        let mailer = mailer("smtp://127.0.0.1:1", "Ovia <ovia@acme.example>").unwrap_or_else(|error| panic!("{error}"));
        let now = chrono::Utc::now();
        let due = DueDelivery {
            id: Uuid::nil(),
            destination_id: Uuid::nil(),
            kind: "email".into(),
            url: None,
            secret_sealed: None,
            secret_key_id: None,
            recipients: vec!["ada@acme.example".into(), "Eve <eve@acme.example>".into()],
            report_id: Uuid::nil(),
            report_kind: "weekly".into(),
            period_start: now,
            period_end: now,
            title: "Weekly report\r\nBcc: x@y.example".into(),
            markdown: "# Weekly".into(),
            html: "<h1>Weekly</h1>".into(),
            created_at: now,
        };
        let message = mailer.message(&due).unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8_lossy(&message.formatted()).into_owned();
        assert!(text.contains("Message-ID: <00000000-0000-0000-0000-000000000000@ovia>"), "{text}");
        assert!(text.contains("text/plain") && text.contains("text/html") && text.contains("# Weekly"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "a title adds no header: {text}");
        let nobody = DueDelivery { recipients: vec!["nonsense".into()], ..due };
        assert_eq!(mailer.send(&nobody).await, Attempt::Refused("a recipient is not an address".into()));
        let unreachable = DueDelivery { recipients: vec!["ada@acme.example".into()], ..nobody };
        assert!(matches!(mailer.send(&unreachable).await, Attempt::Failed(_)));
    }

    #[test]
    fn only_what_would_be_refused_again_is_given_up() {
        assert!([550, 551, 552, 553, 554].into_iter().all(|code| matches!(answered(code), Attempt::Refused(_))));
        assert!([421, 450, 451, 452, 454, 530, 535].into_iter().all(|code| matches!(answered(code), Attempt::Failed(_))));
        assert_eq!(answered(550), Attempt::Refused("the SMTP server refused it (550)".into()));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, from) in [("mail.example", "ovia@acme.example"), ("http://u:hunter2@mail.example", "ovia@acme.example")] {
            let error = mailer(url, from).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("it is not a URL") && !error.contains("hunter2"), "{error}");
        }
        assert!(matches!(mailer("smtps://mail.example", "nobody"), Err(MailerError::From)));
    }
}
