#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn load(pairs: &[(&str, &str)], needs: Needs) -> Result<Settings, Problems> {
    Settings::from_environment(Environment::of(pairs), needs, || TemporalSettings::local("127.0.0.1:7233"))
}

fn good() -> Vec<(&'static str, String)> {
    vec![("OVIA_DATABASE_URL", "postgres://o:p@db.example/ovia".into()), ("OVIA_SEALING_KEY", Sealer::generate_key())]
}

#[test]
fn the_defaults_need_nothing_for_dev() {
    let settings = load(&[], Needs::Nothing).unwrap();
    assert_eq!(settings.api_listen.to_string(), "127.0.0.1:8080");
    assert!(!settings.allow_private_addresses);
    assert!(settings.database_url.is_none() && settings.temporal_ui_url.is_none());
    assert_eq!((settings.task_queue.as_str(), settings.log.as_str(), settings.log_format), ("ovia", "info", LogFormat::Human));
}

#[test]
fn the_environment_wins() {
    let good = good();
    let mut pairs: Vec<(&str, &str)> = good.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend([
        ("OVIA_API_LISTEN", "0.0.0.0:9000"),
        ("OVIA_ALLOW_PRIVATE_ADDRESSES", "yes"),
        ("OVIA_METRICS_LISTEN", ""),
        ("OVIA_LOG_FORMAT", "json"),
        ("OVIA_SMTP_URL", "smtps://ovia:hunter2@mail.example"),
        ("OVIA_SMTP_FROM", "Ovia <ovia@acme.example>"),
    ]);
    let settings = load(&pairs, Needs::Everything).unwrap();
    assert_eq!(settings.api_listen.to_string(), "0.0.0.0:9000");
    assert!(settings.allow_private_addresses && settings.metrics_listen.is_none() && settings.sealer.is_some());
    assert_eq!(settings.log_format, LogFormat::Json);
    assert!(settings.mailer.is_some() && !format!("{settings:?}").contains("hunter2"));
}

#[test]
fn all_problems_are_reported_together() {
    let pairs = [
        ("OVIA_DATABASE_URL", "mysql://root:hunter2@db"),
        ("OVIA_SEALING_KEY", "k1:c2hvcnQ="),
        ("OVIA_API_LISTEN", "here"),
        ("OVIA_DATABASE_MAX_CONNECTIONS", "0"),
        ("OVIA_ALLOW_PRIVATE_ADDRESSES", "perhaps"),
        ("OVIA_TASK_QUEUE", " "),
        ("OVIA_TEMPORAL_UI_URL", "temporal"),
        ("OVIA_LOG", "ovia_api=loud"),
        ("OVIA_LOG_FORMAT", "xml"),
    ];
    let problems = Settings::from_environment(Environment::of(&pairs), Needs::Everything, || Err("bad profile".into())).unwrap_err();
    let named: Vec<&str> = problems.0.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    let mut expected: Vec<&str> = pairs.iter().map(|(name, _)| *name).chain(["Temporal's settings"]).collect();
    expected.sort_unstable();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{problems}");
    assert!(!problems.to_string().contains("hunter2") && !problems.to_string().contains("c2hvcnQ"), "{problems}");
}

#[test]
fn what_is_needed_and_missing_is_named() {
    assert_eq!(load(&[], Needs::Database).unwrap_err().0, ["OVIA_DATABASE_URL: it is not set"]);
    assert_eq!(load(&[], Needs::Everything).unwrap_err().0.len(), 2);
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let defaults: toml::Table = include_str!("default.toml").parse().unwrap();
    for (name, value) in &defaults {
        let shown = match value {
            toml::Value::String(text) if text.is_empty() => " ".to_owned(),
            toml::Value::String(text) => format!(" `{text}` "),
            other => format!(" `{other}` "),
        };
        let row = format!("| `OVIA_{}` |{shown}|", name.to_ascii_uppercase());
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_exit_codes_are_in_the_manual() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md")).unwrap();
    for line in crate::exit::EXIT_CODES_HELP.lines().skip(1) {
        let code = line.split_whitespace().next().unwrap();
        assert!(manual.contains(&format!("| {code} | ")), "{code}");
    }
}
