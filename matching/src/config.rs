//! What an organisation can set. The default is what is shipped and measured (docs/matching.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Thresholds, weights, switches and lists of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchConfig {
    pub thresholds: Thresholds,
    pub weights: Weights,
    pub switches: Switches,
    /// Domains of mail providers, beside the known ones: that two people share one says nothing.
    pub free_mail_domains: Vec<String>,
    /// The organisation's own domains: on them, two addresses are two people unless something says otherwise.
    pub corporate_domains: Vec<String>,
    /// Words (whole, in user names) that tell a service account, beside the known ones.
    pub service_account_words: Vec<String>,
}

/// Confidences, 0 to 1. At `auto` and above accounts are linked, at `conflict` and above a person is asked, below nothing is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub auto: f64,
    pub conflict: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { auto: 0.86, conflict: 0.5 }
    }
}

/// What a family's log-odds are multiplied with, 0 (ignored) to 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    pub email: f64,
    pub name: f64,
    pub account: f64,
    pub domain: f64,
    pub co_occurrence: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { email: 1.0, name: 1.0, account: 1.0, domain: 1.0, co_occurrence: 1.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// Short forms of (English) first names.
    pub nicknames: bool,
    /// User names made of names: `jdoe`.
    pub logins_from_names: bool,
    /// Tell service accounts by words and marks, not only by the source's flag.
    pub detect_service_accounts: bool,
    /// Ask, instead of linking, where two accounts of one source carry one name and different addresses of one company.
    pub ask_about_namesakes: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { nicknames: true, logins_from_names: true, detect_service_accounts: true, ask_about_namesakes: true }
    }
}

/// What is wrong with one value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// Dotted, as `thresholds.auto`.
    pub field: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What would do: the range, the form or the names, as a sentence.
    pub hint: String,
}

const MOST_ENTRIES: usize = 1_000;
const LEAST_THRESHOLD: f64 = 0.05;
const LEAST_AUTO: f64 = 0.5;
const MOST_WEIGHT: f64 = 2.0;

impl MatchConfig {
    /// A configuration as somebody wrote it; what is left out is as shipped. Every problem, with its path; of a document that cannot be
    /// read, the first.
    pub fn read(document: &Value) -> Result<Self, Vec<ConfigProblem>> {
        // a list would be read as the fields in their order
        for field in ["", "thresholds", "weights", "switches"] {
            let part = if field.is_empty() { Some(document) } else { document.get(field) };
            if part.is_some_and(Value::is_array) {
                let message = "a list is no object with named values".to_owned();
                return Err(vec![ConfigProblem { field: field.to_owned(), message, hint: allowed(field) }]);
            }
        }
        let config: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let field = error.path().to_string().trim_start_matches('.').to_owned();
            let hint = allowed(&field);
            vec![ConfigProblem { field, message: error.into_inner().to_string(), hint }]
        })?;
        config.validate().map(|()| config)
    }

    /// Every problem, in the order of the fields.
    pub fn validate(&self) -> Result<(), Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut problem =
            |field: &str, message: String| problems.push(ConfigProblem { field: field.to_owned(), message, hint: allowed(field) });
        let Thresholds { auto, conflict } = self.thresholds;
        if !(LEAST_AUTO..=1.0).contains(&auto) {
            problem("thresholds.auto", format!("{auto} is not between {LEAST_AUTO} and 1"));
        }
        if !(LEAST_THRESHOLD..=1.0).contains(&conflict) {
            problem("thresholds.conflict", format!("{conflict} is not between {LEAST_THRESHOLD} and 1"));
        } else if conflict > auto {
            problem("thresholds.conflict", format!("{conflict} is above thresholds.auto, {auto}"));
        }
        let Weights { email, name, account, domain, co_occurrence } = self.weights;
        let weights = [("email", email), ("name", name), ("account", account), ("domain", domain), ("co_occurrence", co_occurrence)];
        for (family, weight) in weights {
            if !(0.0..=MOST_WEIGHT).contains(&weight) {
                problem(&format!("weights.{family}"), format!("{weight} is not between 0 and {MOST_WEIGHT}"));
            }
        }
        let lists = [
            ("free_mail_domains", &self.free_mail_domains, true),
            ("corporate_domains", &self.corporate_domains, true),
            ("service_account_words", &self.service_account_words, false),
        ];
        for (field, list, is_domains) in lists {
            if list.len() > MOST_ENTRIES {
                problem(field, format!("{} entries are more than {MOST_ENTRIES}", list.len()));
            }
            for (index, entry) in list.iter().enumerate() {
                let field = format!("{field}[{index}]");
                if is_domains && !is_domain(entry) {
                    problem(&field, format!("`{entry}` is not a domain"));
                } else if !is_domains && !is_word(entry) {
                    problem(&field, format!("`{entry}` is not a word"));
                }
            }
        }
        for domain in self.corporate_domains.iter().filter(|domain| self.free_mail_domains.contains(domain)) {
            problem("corporate_domains", format!("`{domain}` is in free_mail_domains too"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// What may stand at `field`, or the names there are where there is no such field.
fn allowed(field: &str) -> String {
    let (section, name) = field.split_once('.').unwrap_or((field, ""));
    match (section.split('[').next().unwrap_or_default(), name) {
        ("thresholds", "auto") => format!("Give a number from {LEAST_AUTO} to 1: what is wrong more often than right is no link."),
        ("thresholds", "conflict") => format!(
            "Give a number from {LEAST_THRESHOLD} to thresholds.auto: 0.5 asks about pairs that are as likely right as wrong, and what is surer than a question is a link."
        ),
        ("thresholds", _) => format!("There are thresholds.auto, {LEAST_AUTO} to 1, and thresholds.conflict, {LEAST_THRESHOLD} to thresholds.auto."),
        ("weights", "email" | "name" | "account" | "domain" | "co_occurrence") => {
            format!("Give a number from 0 to {MOST_WEIGHT}: 1 is as shipped, 0 ignores the family.")
        }
        ("weights", _) => format!("There are weights.email, name, account, domain and co_occurrence, each from 0 to {MOST_WEIGHT}."),
        ("switches", "nicknames" | "logins_from_names" | "detect_service_accounts" | "ask_about_namesakes") => "Give true or false.".to_owned(),
        ("switches", _) => {
            "There are switches.nicknames, logins_from_names, detect_service_accounts and ask_about_namesakes, each true or false.".to_owned()
        }
        ("free_mail_domains" | "corporate_domains", _) => {
            format!("Give at most {MOST_ENTRIES} domains as `acme.test`, without `@`; a domain is in one of the two lists.")
        }
        ("service_account_words", _) => format!("Give at most {MOST_ENTRIES} words of 2 to 64 letters and digits."),
        _ => {
            "There are thresholds, weights, switches, free_mail_domains, corporate_domains and service_account_words; docs/matching.md says what each means.".to_owned()
        }
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

fn is_word(text: &str) -> bool {
    (2..=64).contains(&text.chars().count()) && text.chars().all(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(config: &MatchConfig) -> Vec<String> {
        config.validate().err().unwrap_or_default().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn the_default_is_valid_and_survives_json() {
        let config = MatchConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let json = serde_json::to_string(&config).unwrap_or_default();
        assert_eq!(serde_json::from_str::<MatchConfig>(&json).ok(), Some(config.clone()));
        assert_eq!(serde_json::from_str::<MatchConfig>("{}").ok(), Some(config));
    }

    #[test]
    fn unknown_fields_are_refused() {
        for json in [r#"{"treshold": 1}"#, r#"{"thresholds": {"reject": 0.1}}"#, r#"{"weights": {"emails": 1}}"#] {
            assert!(serde_json::from_str::<MatchConfig>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_its_path_and_what_would_do() {
        for (document, field, hint) in [
            (serde_json::json!({"weights": {"exact_email": 1}}), "weights.exact_email", "weights.email"),
            (serde_json::json!({"weights": {"email": "much"}}), "weights.email", "from 0 to 2"),
            (serde_json::json!({"thresholds": {"auto": true}}), "thresholds.auto", "from 0.5 to 1"),
            (serde_json::json!({"thresholds": {"auto": 7}}), "thresholds.auto", "from 0.5 to 1"),
            (serde_json::json!({"thresholds": {"conflict": 0.9}}), "thresholds.conflict", "to thresholds.auto"),
            (serde_json::json!({"threshold": {}}), "threshold", "thresholds, weights"),
            (serde_json::json!({"switches": {"nicknames": 1}}), "switches.nicknames", "true or false"),
            (serde_json::json!({"corporate_domains": ["acme.test", 7]}), "corporate_domains[1]", "acme.test"),
            (serde_json::json!({"service_account_words": ["two words"]}), "service_account_words[0]", "2 to 64"),
            (serde_json::json!(7), "", "thresholds, weights"),
            (serde_json::json!([]), "", "thresholds, weights"),
            (serde_json::json!({"thresholds": [0.9, 0.5]}), "thresholds", "thresholds.auto"),
        ] {
            let problems = MatchConfig::read(&document).err().unwrap_or_default();
            let [problem] = problems.as_slice() else { panic!("{document}: {problems:?}") };
            assert_eq!(problem.field, field, "{document}");
            assert!(problem.hint.contains(hint), "{document}: {}", problem.hint);
        }
        assert_eq!(MatchConfig::read(&serde_json::json!({"weights": {"name": 0.5}})).map(|config| config.weights.name), Ok(0.5));
    }

    #[test]
    fn every_problem_is_named() {
        let config = MatchConfig {
            thresholds: Thresholds { auto: 0.3, conflict: 0.9 },
            weights: Weights { name: f64::NAN, account: -1.0, domain: 3.0, ..Weights::default() },
            free_mail_domains: vec!["mail.test".to_owned(), "@mail.test".to_owned()],
            corporate_domains: vec!["acme".to_owned(), "mail.test".to_owned()],
            service_account_words: vec!["robot".to_owned(), "two words".to_owned()],
            ..MatchConfig::default()
        };
        let expected = [
            "thresholds.auto",
            "thresholds.conflict",
            "weights.name",
            "weights.account",
            "weights.domain",
            "free_mail_domains[1]",
            "corporate_domains[0]",
            "service_account_words[1]",
            "corporate_domains",
        ];
        assert_eq!(fields(&config), expected);
    }

    #[test]
    fn thresholds_must_be_numbers_in_order() {
        let with = |auto, conflict| fields(&MatchConfig { thresholds: Thresholds { auto, conflict }, ..MatchConfig::default() });
        assert!(with(0.95, 0.95).is_empty(), "nothing is asked");
        assert_eq!(with(f64::NAN, 0.5), ["thresholds.auto"]);
        assert_eq!(with(0.9, f64::NAN), ["thresholds.conflict"]);
        assert_eq!(with(0.9, 0.0), ["thresholds.conflict"]);
    }
}
