//! What the engine wants the tables to say.

use std::sync::PoisonError;

use ovia_domain::PersonId;
use ovia_matching::{Link, LinkClass, MatchOutput};
use ovia_store::{
    StoreError,
    links::{LinkCandidate, LinkStatus, LinkWrite},
    matching::{MatchingRead, PersonWrite},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    inputs,
    matchers::{Matchers, SharedMatcher},
};

/// People and links as they are to be. Clusters without a person have a new one.
pub(super) struct Desired {
    /// By cluster.
    pub people: Vec<PersonWrite>,
    /// One per account, in the order of their ids.
    pub links: Vec<Link>,
}

impl Desired {
    fn new(output: MatchOutput) -> Self {
        let people = output.clusters.iter().map(|cluster| PersonWrite {
            id: cluster.person.unwrap_or_else(PersonId::generate).0,
            display_name: cluster.display_name.clone(),
            primary_email: cluster.primary_email.clone(),
            is_bot: cluster.is_bot,
        });
        Self { people: people.collect(), links: output.links }
    }

    pub fn conflicts(&self) -> usize {
        self.links.iter().filter(|link| link.class == LinkClass::Conflict).count()
    }

    pub fn person_of(&self, link: &Link) -> Uuid {
        self.people[link.cluster].id
    }

    pub fn link_write(&self, link: &Link) -> Result<LinkWrite, StoreError> {
        let candidates = link.candidates.iter().map(|candidate| LinkCandidate {
            identity: candidate.identity.0,
            confidence: candidate.confidence,
            trace: json!(candidate.trace),
        });
        Ok(LinkWrite {
            identity_id: link.identity.0,
            person_id: self.person_of(link),
            status: status(link.class),
            confidence: link.confidence,
            rule: link.rule.as_str().to_owned(),
            trace: serde_json::to_value(&link.trace)?,
            sentence: ovia_matching::sentence(link),
            candidates: candidates.collect(),
            nearly: link.nearly.clone(),
            contradicts: serde_json::to_value(&link.contradicts)?,
        })
    }
}

pub(super) fn status(class: LinkClass) -> LinkStatus {
    match class {
        LinkClass::Auto => LinkStatus::Auto,
        LinkClass::Conflict => LinkStatus::Conflict,
        LinkClass::Confirmed => LinkStatus::Confirmed,
    }
}

/// Off the async threads: a large organisation takes a while, and heartbeats must go on.
pub(super) async fn compute(matcher: SharedMatcher, read: MatchingRead) -> (Desired, MatchingRead) {
    let computed = tokio::task::spawn_blocking(move || {
        let (identities, inputs) = (inputs::identities(&read), inputs::inputs(&read));
        let output = if Matchers::is_sound(&matcher) {
            matcher.lock().unwrap_or_else(PoisonError::into_inner).run(&identities, &inputs)
        } else {
            let config = matcher.lock().unwrap_or_else(PoisonError::into_inner).config().clone();
            ovia_matching::match_identities(&identities, &inputs, &config)
        };
        (Desired::new(output), read)
    });
    match computed.await {
        Ok(computed) => computed,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
