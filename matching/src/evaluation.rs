//! How good the engine is on labelled accounts: the arithmetic of `ovia match-eval`.

use std::collections::{BTreeMap, HashMap};

use ovia_domain::IdentityId;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    outcome::{LinkClass, MatchOutput},
    text::{fold, known},
    types::IdentityIn,
};

pub use crate::labelled::{LabelledRow, RowId};

/// The rows as accounts of one host, in their order. The account's id is made of the row's id: the order of rows makes no difference.
pub fn identities(rows: &[LabelledRow]) -> Vec<IdentityIn> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let identity = |row: &LabelledRow| IdentityIn {
        id: identity_id(&row.id),
        source: row.source.clone(),
        host: String::new(),
        external_id: row.id.to_string(),
        username: text(&row.username),
        display_name: text(&row.display_name),
        email: text(&row.email),
        is_bot: row.bot.filter(|bot| *bot),
        current_person: None,
        confirmed_person: None,
        activity: None,
        weight: row.n,
    };
    rows.iter().map(identity).collect()
}

fn identity_id(id: &RowId) -> IdentityId {
    IdentityId(Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_str().as_bytes()))
}

/// Shares of 1. `None` where there is nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
}

impl Quality {
    fn new(precision: Option<f64>, recall: Option<f64>) -> Self {
        let f1 = precision.zip(recall).map(|(p, r)| if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 });
        Self { precision, recall, f1 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    pub identities: usize,
    /// Persons in truth.
    pub people: usize,
    pub clusters: usize,
    pub largest_cluster: usize,
    /// Pairs of one person in truth, pairs linked, and pairs both.
    pub true_pairs: u64,
    pub linked_pairs: u64,
    pub right_pairs: u64,
    /// Over pairs of accounts in one cluster: the transitive closure of automatic links.
    pub pairwise: Quality,
    /// Over accounts: the share of an account's cluster that is the same person, and of the person that is in the cluster.
    pub b_cubed: Quality,
    /// Pairs of one person that share neither e-mail nor display name, and the share of them that is linked.
    pub hard_pairs: u64,
    pub hard_recall: Option<f64>,
    /// Accounts left for a person to decide, and how many of these have a candidate that is the same person.
    pub conflicts: usize,
    pub conflicts_right: usize,
    /// Distinct pairs with a confidence: each link's strongest partner and its candidates.
    pub scored_pairs: usize,
    /// Mean squared difference between confidence and truth.
    pub brier: Option<f64>,
    /// Expected calibration error: the mean over ten equal ranges of confidence of |mean confidence − share right|, weighted by pairs.
    pub ece: Option<f64>,
}

/// A pair the engine put a confidence on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredPair {
    pub a: RowId,
    pub b: RowId,
    pub confidence: f64,
    pub class: LinkClass,
}

/// `output` must be of [`identities`] of the same rows.
pub fn evaluate(rows: &[LabelledRow], output: &MatchOutput) -> Evaluation {
    let truth: HashMap<IdentityId, &LabelledRow> = rows.iter().map(|row| (identity_id(&row.id), row)).collect();
    let person = |id: &IdentityId| truth.get(id).map(|row| row.truth_person.as_str()).unwrap_or_default();
    let people = counts(rows.iter().map(|row| row.truth_person.as_str()));
    let found = counts(output.links.iter().map(|link| link.cluster));
    let both = counts(output.links.iter().map(|link| (link.cluster, person(&link.identity))));
    let (true_pairs, linked_pairs, right_pairs) = (pairs(people.values()), pairs(found.values()), pairs(both.values()));

    let mean = |of: &dyn Fn(&(usize, &str), usize) -> f64| {
        let sum: f64 = both.iter().map(|(key, size)| *size as f64 * of(key, *size)).sum();
        share_of(sum, rows.len() as f64)
    };
    let b_cubed = Quality::new(
        mean(&|(cluster, _), size| size as f64 / found[cluster] as f64),
        mean(&|(_, person), size| size as f64 / people[person] as f64),
    );

    let cluster_of: HashMap<IdentityId, usize> = output.links.iter().map(|link| (link.identity, link.cluster)).collect();
    let (hard_pairs, hard_found) = hard(rows, &cluster_of);
    let is_right = |pair: &ScoredPair| person(&identity_id(&pair.a)) == person(&identity_id(&pair.b));
    let scored = scored_pairs(rows, output);
    let conflicts: Vec<_> = output.links.iter().filter(|link| link.class == LinkClass::Conflict).collect();
    let conflicts_right = conflicts
        .iter()
        .filter(|link| link.candidates.iter().any(|candidate| person(&candidate.identity) == person(&link.identity)))
        .count();
    let calibration: Vec<(f64, bool)> = scored.iter().map(|pair| (pair.confidence, is_right(pair))).collect();
    Evaluation {
        identities: rows.len(),
        people: people.len(),
        clusters: output.clusters.len(),
        largest_cluster: found.values().copied().max().unwrap_or_default(),
        true_pairs,
        linked_pairs,
        right_pairs,
        pairwise: Quality::new(share(right_pairs, linked_pairs), share(right_pairs, true_pairs)),
        b_cubed,
        hard_pairs,
        hard_recall: share(hard_found, hard_pairs),
        conflicts: conflicts.len(),
        conflicts_right,
        scored_pairs: scored.len(),
        brier: brier(&calibration),
        ece: ece(&calibration),
    }
}

/// (row id, cluster) in the order of the rows; clusters are numbered from 1 in the order of the output.
pub fn predictions<'a>(rows: &'a [LabelledRow], output: &MatchOutput) -> Vec<(&'a str, usize)> {
    let cluster_of: HashMap<IdentityId, usize> = output.links.iter().map(|link| (link.identity, link.cluster)).collect();
    rows.iter().map(|row| (row.id.as_str(), cluster_of.get(&identity_id(&row.id)).copied().unwrap_or_default() + 1)).collect()
}

/// Each pair once, ordered by ids: of an account and the one that holds it in its cluster, and of an account and each candidate.
pub fn scored_pairs(rows: &[LabelledRow], output: &MatchOutput) -> Vec<ScoredPair> {
    let names: HashMap<IdentityId, &RowId> = rows.iter().map(|row| (identity_id(&row.id), &row.id)).collect();
    let mut found: BTreeMap<(&RowId, &RowId), (f64, LinkClass)> = BTreeMap::new();
    let mut note = |a: &IdentityId, b: &IdentityId, confidence: f64, class: LinkClass| {
        if let (Some(a), Some(b)) = (names.get(a).copied(), names.get(b).copied()) {
            let known = found.entry((a.min(b), a.max(b))).or_insert((confidence, class));
            known.0 = known.0.max(confidence);
        }
    };
    for link in &output.links {
        let partner = link.trace.iter().find_map(|evidence| evidence.with);
        if let (Some(partner), true) = (partner, link.class != LinkClass::Conflict) {
            note(&link.identity, &partner, link.confidence, link.class);
        }
        for candidate in &link.candidates {
            note(&link.identity, &candidate.identity, candidate.confidence, LinkClass::Conflict);
        }
    }
    let pair = |((a, b), (confidence, class)): ((&RowId, &RowId), _)| ScoredPair { a: a.clone(), b: b.clone(), confidence, class };
    found.into_iter().map(pair).collect()
}

/// Pairs of one person that share neither e-mail nor display name, and those of them that are in one cluster.
fn hard(rows: &[LabelledRow], cluster_of: &HashMap<IdentityId, usize>) -> (u64, u64) {
    let text = |text: &Option<String>| known(text.as_deref()).map(fold);
    type Account = (IdentityId, Option<String>, Option<String>);
    let mut people: HashMap<&str, Vec<Account>> = HashMap::new();
    for row in rows {
        people.entry(&row.truth_person).or_default().push((identity_id(&row.id), text(&row.email), text(&row.display_name)));
    }
    let shares = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let (mut all, mut found) = (0, 0);
    for accounts in people.values() {
        for (index, (a, email, name)) in accounts.iter().enumerate() {
            for (b, other_email, other_name) in &accounts[index + 1..] {
                if !shares(email, other_email) && !shares(name, other_name) {
                    all += 1;
                    found += u64::from(cluster_of.get(a) == cluster_of.get(b));
                }
            }
        }
    }
    (all, found)
}

fn counts<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn pairs<'a>(sizes: impl Iterator<Item = &'a usize>) -> u64 {
    sizes.map(|size| (*size as u64) * (*size as u64).saturating_sub(1) / 2).sum()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    share_of(part as f64, whole as f64)
}

fn share_of(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn brier(pairs: &[(f64, bool)]) -> Option<f64> {
    let sum: f64 = pairs.iter().map(|(confidence, right)| (confidence - f64::from(u8::from(*right))).powi(2)).sum();
    share_of(sum, pairs.len() as f64)
}

fn ece(pairs: &[(f64, bool)]) -> Option<f64> {
    let mut ranges = [(0.0, 0.0, 0.0); 10];
    for (confidence, right) in pairs {
        let range = &mut ranges[((confidence * 10.0) as usize).min(9)];
        range.0 += confidence;
        range.1 += f64::from(u8::from(*right));
        range.2 += 1.0;
    }
    let sum: f64 = ranges.iter().map(|(confidence, right, _)| (confidence - right).abs()).sum();
    share_of(sum, pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::MatchConfig, matcher::match_identities, types::Inputs};

    fn row(id: &str, name: &str, email: &str, person: &str) -> LabelledRow {
        let json = serde_json::json!({"id": id, "source": "git", "display_name": name, "email": email, "truth_person": person, "more": 1});
        serde_json::from_value(json).unwrap_or_else(|e| panic!("{e}"))
    }

    fn rows() -> Vec<LabelledRow> {
        vec![
            row("1", "Mina Holt", "mina@acme.test", "p1"),
            row("2", "Mina Holt", "mina@acme.test", "p1"),
            row("3", "Mina Holt", "mina@acme.test", "p2"),
            row("4", "Odd Lund", "odd@acme.test", "p1"),
            row("5", "Siv Fjell", "siv@acme.test", "p3"),
        ]
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn pairs_and_shares_are_counted() {
        let rows = rows();
        let output = match_identities(&identities(&rows), &Inputs::default(), &MatchConfig::default());
        let evaluation = evaluate(&rows, &output);
        assert_eq!((evaluation.identities, evaluation.people, evaluation.clusters, evaluation.largest_cluster), (5, 3, 3, 3));
        assert_eq!((evaluation.true_pairs, evaluation.linked_pairs, evaluation.right_pairs), (3, 3, 1));
        assert!(close(evaluation.pairwise.precision, 1.0 / 3.0) && close(evaluation.pairwise.recall, 1.0 / 3.0));
        // accounts 1, 2: 2/3 of the cluster; 3: 1/3; 4, 5: whole
        assert!(close(evaluation.b_cubed.precision, (2.0 / 3.0 * 2.0 + 1.0 / 3.0 + 2.0) / 5.0));
        assert!(close(evaluation.b_cubed.recall, (2.0 / 3.0 * 2.0 + 1.0 + 1.0 / 3.0 + 1.0) / 5.0));
        assert_eq!(evaluation.hard_pairs, 2, "4 with 1 and 2");
        assert!(close(evaluation.hard_recall, 0.0));
    }

    #[test]
    fn nothing_divides_by_nothing() {
        let output = match_identities(&[], &Inputs::default(), &MatchConfig::default());
        let evaluation = evaluate(&[], &output);
        assert_eq!(evaluation.pairwise, Quality::default());
        assert_eq!((evaluation.brier, evaluation.ece, evaluation.hard_recall), (None, None, None));
    }

    #[test]
    fn calibration_is_the_textbooks() {
        let pairs = [(0.95, true), (0.95, true), (0.95, false), (0.15, false)];
        assert!(close(brier(&pairs), (0.0025 + 0.0025 + 0.9025 + 0.0225) / 4.0));
        assert!(close(ece(&pairs), ((2.85 - 2.0) + 0.15) / 4.0));
    }

    #[test]
    fn predictions_name_every_row() {
        let rows = rows();
        let output = match_identities(&identities(&rows), &Inputs::default(), &MatchConfig::default());
        let predictions = predictions(&rows, &output);
        assert_eq!(predictions.len(), 5);
        assert!(predictions[0].1 == predictions[1].1 && predictions[0].1 != predictions[3].1);
        let scored = scored_pairs(&rows, &output);
        assert!(scored.iter().all(|pair| pair.a < pair.b && pair.class == LinkClass::Auto));
        assert_eq!(scored.len(), 2, "1 and 2, 3 with the first of them");
    }
}
