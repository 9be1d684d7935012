//! Reports by e-mail through a real SMTP server: sent once, tried again where that helps, given up where it does not.

use ovia_tests::{TestApp, TestOptions};
use ovia_worker::Mailer;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::mail_server::{MailServer, Next};

/// An app that sends through `server`, with one recipient.
async fn app(server: &MailServer, query: &str) -> TestApp {
    let mailer = Mailer::new(&SecretString::from(server.url(query)), "Ovia <ovia@acme.example>").unwrap_or_else(|error| panic!("{error}"));
    let app = TestApp::start_with(TestOptions { mailer: Some(mailer), ..TestOptions::default() }).await;
    let body = json!({"kind": "email", "name": "team", "recipients": ["team@acme.example"], "reports": ["weekly"]});
    let (status, made) = app.http.post("/report-destinations", body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    app
}

async fn run(app: &TestApp) -> Value {
    let body = json!({"kind": "report", "period": "weekly", "as_of": "2026-01-14T00:00:00Z"});
    let (status, run) = app.http.post("/runs", body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 120).await
}

async fn delivery(app: &TestApp) -> Value {
    let mut all = app.http.get_all("/report-deliveries").await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The values of a header, over all messages.
fn headers<'a>(messages: &'a [String], name: &str) -> Vec<&'a str> {
    let of =
        |message: &'a String| message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {message}"));
    messages.iter().map(of).collect()
}

#[tokio::test]
async fn a_temporary_failure_is_tried_again_and_what_was_sent_is_not() {
    for first in [Next::Recipient(451), Next::Message(451)] {
        let server = MailServer::start(std::slice::from_ref(&first));
        let app = app(&server, "").await;
        let ended = run(&app).await;
        assert_eq!(ended["status"], "succeeded", "{first:?}: {ended}");
        let sent = delivery(&app).await;
        assert_eq!((&sent["status"], &sent["attempts"]), (&json!("delivered"), &json!(2)), "{first:?}: {sent}");
        let messages = server.messages();
        assert_eq!((messages.len(), server.connections()), (1, 2), "{first:?}");
        assert_eq!(headers(&messages, "To: "), ["team@acme.example"]);
        assert_eq!(headers(&messages, "Message-ID: "), [format!("<{}@ovia>", sent["id"].as_str().unwrap())]);
        assert_eq!(headers(&messages, "Subject: "), ["Weekly report of test, 2026-01-05 to 2026-01-11 (UTC)"]);
        assert!(messages[0].contains("text/plain") && messages[0].contains("text/html"), "{}", messages[0]);
        // again, and once more as if it were a day later: nothing is sent twice
        assert_eq!(run(&app).await["status"], "succeeded");
        assert_eq!((server.messages().len(), server.connections()), (1, 2), "{first:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_until_somebody_asks_again() {
    for first in [Next::Recipient(550), Next::Message(554)] {
        let server = MailServer::start(std::slice::from_ref(&first));
        let app = app(&server, "").await;
        let ended = run(&app).await;
        assert_eq!(ended["status"], "succeeded", "there is nothing left to do: {ended}");
        let refused = delivery(&app).await;
        assert_eq!((&refused["status"], &refused["attempts"]), (&json!("failed"), &json!(1)), "{first:?}: {refused}");
        let why = refused["last_error"].as_str().unwrap();
        assert!(why.starts_with("the SMTP server refused it (55") && !why.contains("hunter2"), "{first:?}: {why}");
        run(&app).await;
        assert_eq!((server.messages().len(), server.connections()), (0, 1), "{first:?}: it is not tried again");

        let path = format!("/report-deliveries/{}/retry", refused["id"].as_str().unwrap());
        app.http.send(Method::POST, &path, None).await;
        run(&app).await;
        assert_eq!((server.messages().len(), &delivery(&app).await["status"]), (1, &json!("delivered")), "{first:?}");
    }
}

/// SMTP cannot tell whether a message that was not answered was taken: it is sent again, as the same message.
#[tokio::test]
async fn what_was_not_answered_is_sent_again_under_the_same_id() {
    let server = MailServer::start(&[Next::Vanish]);
    let app = app(&server, "").await;
    assert_eq!(run(&app).await["status"], "succeeded");
    let messages = server.messages();
    let ids = headers(&messages, "Message-ID: ");
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
    assert_eq!(delivery(&app).await["attempts"], 2);
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_required() {
    let server = MailServer::start(&[]);
    let app = app(&server, "?tls=required").await;
    let body = json!({"kind": "report", "period": "weekly", "as_of": "2026-01-14T00:00:00Z"});
    let (_, begun) = app.http.post("/runs", body).await;
    let tried = "select count(*) from outbox where status = 'pending' and attempts >= 1";
    ovia_tests::eventually("a first attempt", 60, async || (ovia_tests::state::count(&app.store, tried).await == 1).then_some(())).await;
    crate::cancel::cancel(&app, begun["id"].as_str().unwrap()).await;
    app.run_end(begun["id"].as_str().unwrap(), 30).await;
    let waiting = delivery(&app).await;
    assert_eq!(waiting["last_error"], "the SMTP server cannot be reached, or does not speak TLS");
    assert!(server.messages().is_empty() && server.connections() >= 1);
}
