//! Real labelled accounts, where they are at hand: `../shared/matching-sets` beside the checkout. They are read in place and never copied.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::HashMap, path::PathBuf};

use ovia_domain::IdentityId;
use ovia_matching::{IdentityIn, Inputs, LinkClass, MatchConfig, match_identities};
use serde_json::Value;
use uuid::Uuid;

fn set(name: &str) -> Option<(Vec<IdentityIn>, HashMap<IdentityId, String>)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/matching-sets").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(path).ok()?;
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut truth = HashMap::new();
    let identities = (1u128..)
        .zip(rows)
        .map(|(number, row)| {
            let id = IdentityId(Uuid::from_u128(number));
            let field = |name: &str| row[name].as_str().map(str::to_owned).filter(|text| !text.is_empty());
            truth.insert(id, field("truth_person").unwrap());
            IdentityIn {
                id,
                source: field("source").unwrap(),
                host: name.to_owned(),
                external_id: field("id").unwrap(),
                username: field("username"),
                display_name: field("display_name"),
                email: field("email"),
                is_bot: None,
                current_person: None,
                confirmed_person: None,
                active: None,
                weight: None,
            }
        })
        .collect();
    Some((identities, truth))
}

fn pairs(sizes: impl Iterator<Item = usize>) -> f64 {
    sizes.map(|size| (size * size.saturating_sub(1) / 2) as f64).sum()
}

fn sizes<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut sizes = HashMap::new();
    for key in keys {
        *sizes.entry(key).or_default() += 1;
    }
    sizes
}

#[test]
fn automatic_links_are_right() {
    for name in ["conda", "gophers", "mm-astropy", "mm-zfs"] {
        let Some((identities, truth)) = set(name) else {
            eprintln!("skipped: ../shared is absent");
            return;
        };
        let output = match_identities(&identities, &Inputs::default(), &MatchConfig::default());
        let found = pairs(output.clusters.iter().map(|cluster| cluster.members.len()));
        let wanted = pairs(sizes(truth.values()).into_values());
        let right = pairs(sizes(output.links.iter().map(|link| (link.cluster, &truth[&link.identity]))).into_values());
        let (precision, recall) = (right / found, right / wanted);
        let f1 = 2.0 * precision * recall / (precision + recall);

        let conflicts: Vec<_> = output.links.iter().filter(|link| link.class == LinkClass::Conflict).collect();
        let candidates: Vec<bool> = conflicts
            .iter()
            .flat_map(|link| link.trace.iter().filter_map(|evidence| evidence.with).map(|with| truth[&with] == truth[&link.identity]))
            .collect();
        let same = candidates.iter().filter(|same| **same).count();
        eprintln!(
            "{name}: {} accounts, precision {precision:.4}, recall {recall:.4}, F1 {f1:.4}; {} conflicts, {same} of {} candidates the same person",
            identities.len(),
            conflicts.len(),
            candidates.len(),
        );
        assert!(precision >= 0.9, "{name}: {precision}");
        assert!(found > 0.0, "{name}: nothing was linked");
    }
}
