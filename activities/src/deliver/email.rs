//! Deliveries by e-mail: Markdown and HTML in one message, to one recipient. Its Message-ID is the delivery's id, so that a message that is
//! sent twice can be told to be one.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
};
use ovia_store::outbox::{Attempt, DueDelivery};
use secrecy::{ExposeSecret, SecretString};

/// For one message, from connecting to the server's last answer; some servers let strangers wait. A claim lasts longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends through one SMTP server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
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
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from, timeout: TIMEOUT })
    }

    pub async fn send(&self, due: &DueDelivery) -> Attempt {
        let message = match self.message(due) {
            Ok(message) => message,
            Err(why) => return Attempt::Refused(why),
        };
        // the transport's own limit is for connecting only
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Attempt::Delivered,
            Ok(Err(error)) => match error.status() {
                Some(code) => answered(code.into()),
                None if error.is_timeout() => late(),
                None => Attempt::Failed("the SMTP server cannot be reached, or does not speak TLS".to_owned()),
            },
            Err(_) => late(),
        }
    }

    fn message(&self, due: &DueDelivery) -> Result<Message, String> {
        let recipient = due.recipient.as_deref().unwrap_or_default();
        let message = Message::builder()
            .from(self.from.clone())
            .to(recipient.parse().map_err(|_| "the recipient is not an address".to_owned())?)
            .message_id(Some(format!("<{}@ovia>", due.id)))
            .date(due.created_at.into())
            .subject(&due.title);
        let parts = MultiPart::alternative_plain_html(due.markdown.clone(), due.html.clone());
        message.multipart(parts).map_err(|_| "the message cannot be written".to_owned())
    }
}

fn late() -> Attempt {
    Attempt::Failed("the SMTP server did not answer in time".to_owned())
}

/// What a code that is no success means for one recipient. A server's words may repeat what it was sent: only its code is kept.
fn answered(code: u16) -> Attempt {
    match code {
        // the login, as without a server: the operator will see to it
        530 | 534 | 535 | 538 => Attempt::NotYet(format!("the SMTP server did not take the login ({code})")),
        // of the recipient or the message: it would be the same again
        500..=599 => Attempt::Refused(format!("the SMTP server refused it ({code})")),
        _ => Attempt::Failed(format!("the SMTP server answered {code}")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };
    use uuid::Uuid;

    use super::*;

    fn mailer(url: &str, from: &str) -> Result<Mailer, MailerError> {
        Mailer::new(&SecretString::from(url), from)
    }

    fn due(recipient: &str) -> DueDelivery {
        let now = chrono::Utc::now();
        DueDelivery {
            id: Uuid::nil(),
            destination_id: Uuid::nil(),
            kind: "email".into(),
            url: None,
            url_sealed: None,
            secret_sealed: None,
            secret_key_id: None,
            recipient: Some(recipient.into()),
            report_id: Uuid::nil(),
            report_kind: "weekly".into(),
            period_start: now,
            period_end: now,
            title: "Weekly report\r\nBcc: x@y.example".into(),
            markdown: "# Weekly".into(),
            html: "<h1>Weekly</h1>".into(),
            created_at: now,
        }
    }

    #[tokio::test]
    async fn a_message_has_both_forms_and_one_id() {
        let mailer = mailer("smtp://127.0.0.1:1", "Ovia <ovia@acme.example>").unwrap_or_else(|error| panic!("{error}"));
        let message = mailer.message(&due("eve@acme.example")).unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8_lossy(&message.formatted()).into_owned();
        assert!(text.contains("Message-ID: <00000000-0000-0000-0000-000000000000@ovia>"), "{text}");
        assert!(text.contains("text/plain") && text.contains("text/html") && text.contains("# Weekly"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "a title adds no header: {text}");
        assert_eq!(mailer.send(&due("nonsense")).await, Attempt::Refused("the recipient is not an address".into()));
        assert!(matches!(mailer.send(&due("ada@acme.example")).await, Attempt::Failed(_)));
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
        let address = silent.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let mut mailer = mailer(&format!("smtp://{address}"), "ovia@acme.example").unwrap_or_else(|error| panic!("{error}"));
        mailer.timeout = Duration::from_millis(300);
        let sent = tokio::time::timeout(Duration::from_secs(20), mailer.send(&due("ada@acme.example"))).await;
        assert_eq!(sent, Ok(late()));
    }

    /// Says what an SMTP server says, and refuses nobody@ for good and later@ for now.
    async fn serve(listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let _ = write.write_all(b"220 mail.acme.example\r\n").await;
            let mut data = false;
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = match line.as_str() {
                    "." => {
                        data = false;
                        "250 kept"
                    }
                    _ if data => continue,
                    "DATA" => {
                        data = true;
                        "354 go on"
                    }
                    line if line.starts_with("RCPT TO:<nobody@") => "550 no such user",
                    line if line.starts_with("RCPT TO:<later@") => "451 greylisted",
                    _ => "250 ok",
                };
                if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_recipient_is_refused_by_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let server = tokio::spawn(serve(listener));
        let mailer = mailer(&format!("smtp://{address}"), "ovia@acme.example").unwrap_or_else(|error| panic!("{error}"));
        for (recipient, attempt) in [
            ("nobody@acme.example", Attempt::Refused("the SMTP server refused it (550)".into())),
            ("later@acme.example", Attempt::Failed("the SMTP server answered 451".into())),
            ("ada@acme.example", Attempt::Delivered),
        ] {
            assert_eq!(mailer.send(&due(recipient)).await, attempt, "{recipient}");
        }
        server.abort();
    }

    #[test]
    fn a_wrong_password_is_no_refusal_of_the_message() {
        assert!([530, 534, 535, 538].into_iter().all(|code| matches!(answered(code), Attempt::NotYet(_))));
        assert!([550, 551, 552, 553, 554].into_iter().all(|code| matches!(answered(code), Attempt::Refused(_))));
        assert!([421, 450, 451, 452, 454].into_iter().all(|code| matches!(answered(code), Attempt::Failed(_))));
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
