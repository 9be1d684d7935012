//! What the engine wants the tables to say.

use ovia_domain::IdentityId;
use ovia_matching::{IdentityIn, Link, LinkClass, MatchOutput};
use ovia_store::{
    StoreError,
    links::{LinkCandidate, LinkStatus, LinkWrite},
    matching::{MatchingRead, PersonWrite},
};
use serde_json::json;
use uuid::Uuid;

use super::{inputs, matchers::SharedMatcher, persons, refused};

/// People and links as they are to be. Clusters without a person have a new one.
pub(super) struct Desired {
    /// By cluster.
    pub people: Vec<PersonWrite>,
    /// One per account, in the order of their ids.
    pub links: Vec<Link>,
}

impl Desired {
    fn new(output: MatchOutput, read: &MatchingRead) -> Self {
        let persons = persons::persons(&output, read);
        let people = output.clusters.iter().zip(persons).map(|(cluster, id)| PersonWrite {
            id,
            display_name: read.named.get(&id).unwrap_or(&cluster.display_name).clone(),
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

/// Computations until what was refused about people and who they are then agree. Two do, unless a refusal moves accounts.
const ROUNDS: usize = 4;

/// Off the async threads: a large organisation takes a while, and heartbeats must go on.
pub(super) async fn compute(matcher: SharedMatcher, read: MatchingRead) -> (Desired, MatchingRead) {
    let computed = tokio::task::spawn_blocking(move || {
        let identities = inputs::identities(&read);
        let mut refused = refused::present(&read);
        let mut desired = run(&matcher, &read, &identities, &refused);
        for _ in 1..ROUNDS {
            let then = refused::pairs(&read, desired.links.iter().map(|link| (link.identity.0, desired.person_of(link))));
            if then == refused {
                break;
            }
            refused = then;
            desired = run(&matcher, &read, &identities, &refused);
        }
        (desired, read)
    });
    match computed.await {
        Ok(computed) => computed,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn run(matcher: &SharedMatcher, read: &MatchingRead, identities: &[IdentityIn], refused: &refused::Pairs) -> Desired {
    let mut inputs = inputs::inputs(read);
    inputs.decisions.never_together.extend(refused.iter().map(|(a, b)| (IdentityId(*a), IdentityId(*b))));
    let output = match matcher.lock() {
        Ok(mut matcher) => matcher.run(identities, &inputs),
        // another run panicked with it, and it holds half of that
        Err(poisoned) => ovia_matching::match_identities(identities, &inputs, poisoned.get_ref().config()),
    };
    Desired::new(output, read)
}
