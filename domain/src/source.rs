//! The sources Ovia can connect to, and what a connection to each needs.

use std::fmt;

use serde::{Deserialize, Serialize};

mod atlassian;
mod gitlab;

use atlassian::{CONFLUENCE, JIRA};
use gitlab::GITLAB;

/// A kind of source system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Gitlab,
    Jira,
    Confluence,
}

impl Source {
    pub const ALL: [Source; 3] = [Source::Gitlab, Source::Jira, Source::Confluence];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Jira => "jira",
            Self::Confluence => "confluence",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }

    pub fn descriptor(self) -> &'static SourceDescriptor {
        match self {
            Self::Gitlab => &GITLAB,
            Self::Jira => &JIRA,
            Self::Confluence => &CONFLUENCE,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a source is called and what a connection to it needs; `GET /connectors` is made of it.
#[derive(Debug)]
pub struct SourceDescriptor {
    pub source: Source,
    pub title: &'static str,
    pub description: &'static str,
    pub base_url_example: &'static str,
    /// Fields of `credentials`.
    pub credentials: &'static [FieldSpec],
    /// Which of those fields are enough, each alternative by itself.
    pub credential_sets: &'static [&'static [&'static str]],
    /// Fields of `settings`.
    pub settings: &'static [FieldSpec],
    pub docs_url: &'static str,
}

/// One field a user fills in.
#[derive(Debug)]
pub struct FieldSpec {
    pub name: &'static str,
    /// JSON type: `string`, `boolean`, `integer`, `array of strings`, `object`.
    pub json_type: &'static str,
    pub required: bool,
    pub secret: bool,
    pub description: &'static str,
}
