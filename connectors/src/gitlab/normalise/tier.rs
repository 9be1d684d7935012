//! An environment's tier from its name, for servers and rows that do not say it.
//!
//! The patterns and their order are GitLab's own (`Environment#guess_tier`), so that a tier guessed here is the one GitLab would show;
//! hence "preprod" is staging and "print-server" is testing (it contains `int`).

const PATTERNS: [(&str, &[&str]); 4] = [
    ("development", &["dev", "review", "trunk"]),
    ("testing", &["test", "tst", "int", "accept", "acpt", "qa", "qc", "control", "quality"]),
    ("staging", &["stag", "stg", "model", "modl", "pre", "demo", "non"]),
    ("production", &["prod", "prd", "live"]),
];

pub fn tier(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let found = PATTERNS.iter().find(|(_, patterns)| patterns.iter().any(|pattern| name.contains(pattern)));
    found.map_or("other", |(tier, _)| tier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_gitlab_reads_them() {
        for (name, expected) in [
            ("production", "production"),
            ("Prod/eu-1", "production"),
            ("live", "production"),
            ("prd", "production"),
            ("staging", "staging"),
            ("preprod", "staging"),
            ("non-prod", "staging"),
            ("demo", "staging"),
            ("test", "testing"),
            ("QA", "testing"),
            ("review/feature-1", "development"),
            ("dev", "development"),
            ("gprd-canary", "production"),
            ("pages", "other"),
        ] {
            assert_eq!(tier(name), expected, "{name}");
        }
    }
}
