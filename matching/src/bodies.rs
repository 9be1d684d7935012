//! What is said about each account of a clustered set: class, confidence, and why.

use rustc_hash::FxHashMap;

use crate::{
    cluster::{Clustered, Edge, EdgeKind, Refusal},
    compare::Comparison,
    explain::{self, Party},
    matcher::Matcher,
    outcome::{Candidate, Evidence, LinkClass, Rule, Shared},
    table,
    types::IdentityIn,
};

/// A link without its place in the output.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The place of the first account of the cluster.
    pub(crate) head: u32,
    pub(crate) class: LinkClass,
    pub(crate) confidence: f64,
    pub(crate) rule: Rule,
    pub(crate) trace: Shared<Evidence>,
    pub(crate) candidates: Shared<Candidate>,
    pub(crate) nearly: Option<String>,
    pub(crate) contradicts: Shared<Evidence>,
}

/// Candidates named in a link; a queue of hundreds helps nobody.
const MOST_CANDIDATES: usize = 5;
/// A link that scores within this much of the threshold was a near thing.
const NEARLY: f64 = 0.5;
/// No score is certainty.
const MOST_SURE: f64 = 0.999;

struct Writer<'a> {
    matcher: &'a Matcher,
    identities: &'a [IdentityIn],
    members: &'a [u32],
    edges: &'a [Edge],
    clustered: &'a Clustered,
    /// For each member, its edges.
    edges_of: Vec<Vec<usize>>,
    /// Pairs of labels that people keep apart.
    apart: Vec<(usize, usize)>,
    sizes: Vec<usize>,
    auto: f64,
}

pub(crate) fn write(
    matcher: &Matcher,
    identities: &[IdentityIn],
    members: &[u32],
    edges: &[Edge],
    apart: &[(usize, usize)],
    clustered: &Clustered,
) -> Vec<Body> {
    let label = &clustered.label;
    let mut sizes = vec![0; members.len()];
    label.iter().for_each(|label| sizes[*label] += 1);
    let mut edges_of = vec![Vec::new(); members.len()];
    for (index, edge) in edges.iter().enumerate() {
        edges_of[edge.a].push(index);
        edges_of[edge.b].push(index);
    }
    let apart = apart.iter().map(|(a, b)| ordered(label[*a], label[*b])).filter(|(a, b)| a != b).collect();
    let auto = table::logit(matcher.config().thresholds.auto);
    let writer = Writer { matcher, identities, members, edges, clustered, edges_of, apart, sizes, auto };
    let asked = writer.asked();
    (0..members.len()).map(|member| writer.body(member, &asked)).collect()
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// Log-odds as a probability, never certainty.
pub(crate) fn probability(log_odds: f64) -> f64 {
    let probability = 1.0 / (1.0 + (-log_odds).exp());
    // four digits: more say nothing
    ((probability * 1e4).round() / 1e4).min(MOST_SURE)
}

impl Writer<'_> {
    fn identity(&self, member: usize) -> &IdentityIn {
        &self.identities[self.matcher.places[self.members[member] as usize].input as usize]
    }

    fn label(&self, member: usize) -> usize {
        self.clustered.label[member]
    }

    /// Whom to ask about each pair of clusters that may be one: the lone account, or, of two groups, the closest account of each.
    fn asked(&self) -> Vec<bool> {
        let mut questions: FxHashMap<(usize, usize), &Edge> = FxHashMap::default();
        for edge in self.edges.iter().filter(|edge| self.is_open(edge)) {
            // edges come strongest first
            questions.entry(ordered(self.label(edge.a), self.label(edge.b))).or_insert(edge);
        }
        let mut asked = vec![false; self.members.len()];
        for edge in questions.into_values() {
            let ends = [edge.a, edge.b];
            let is_alone = |member: usize| self.sizes[self.label(member)] == 1 && self.identity(member).confirmed_person.is_none();
            let any_alone = ends.into_iter().any(is_alone);
            for member in ends.into_iter().filter(|member| !any_alone || is_alone(*member)) {
                asked[member] = true;
            }
        }
        asked
    }

    /// Whether the edge leads to another cluster and nobody decided about it.
    fn is_open(&self, edge: &Edge) -> bool {
        let labels = ordered(self.label(edge.a), self.label(edge.b));
        labels.0 != labels.1 && edge.kind != EdgeKind::Confirmed && !self.apart.contains(&labels)
    }

    fn body(&self, member: usize, asked: &[bool]) -> Body {
        let identity = self.identity(member);
        let (mut rule, mut confidence, mut trace, log_odds) = self.held_by(member);
        if let Some(sign) = self.bot_sign(member) {
            trace.push(explain::certainty(Rule::ServiceAccount, format!("a service account: {sign}"), None));
        }
        trace.extend(self.decided_apart(member));
        let candidates = self.candidates(member);
        let mut nearly = None;
        let class = if identity.confirmed_person.is_some() {
            (rule, confidence) = (Rule::HumanDecision, 1.0);
            LinkClass::Confirmed
        } else if asked[member] && !candidates.is_empty() {
            let (best, refusal) = &candidates[0];
            rule = leading_rule(&best.trace);
            confidence = best.confidence;
            nearly = refusal.map(|refusal| why(refusal).to_owned()).or_else(|| self.what_is_missing(best));
            LinkClass::Conflict
        } else {
            if log_odds.is_some_and(|log_odds| log_odds - self.auto < NEARLY) {
                nearly = Some("with a little less it would have been left for a person to decide".to_owned());
            }
            LinkClass::Auto
        };
        if trace.is_empty() {
            trace.push(explain::certainty(Rule::OnlyAccount, "no other account is linked with it".to_owned(), None));
        }
        Body {
            head: self.members[self.label(member)],
            class,
            confidence,
            rule,
            trace: trace.into(),
            candidates: candidates.into_iter().map(|(candidate, _)| candidate).collect::<Vec<_>>().into(),
            nearly,
            contradicts: self.contradictions(member).into(),
        }
    }

    /// The strongest evidence that holds the account in its cluster; log-odds where it was weighed.
    fn held_by(&self, member: usize) -> (Rule, f64, Vec<Evidence>, Option<f64>) {
        let inside = self.edges_of[member].iter().map(|index| &self.edges[*index]);
        let inside = inside.filter(|edge| self.label(edge.a) == self.label(edge.b) && edge.kind != EdgeKind::Namesakes);
        // strongest first among equals of a kind, as they are sorted
        let Some(edge) = inside.min_by_key(|edge| edge.kind.min(EdgeKind::Email)) else {
            let is_confirmed = self.identity(member).confirmed_person.is_some();
            let rule = if is_confirmed { Rule::HumanDecision } else { Rule::OnlyAccount };
            let mut trace = Vec::new();
            if is_confirmed {
                trace.push(explain::certainty(rule, "confirmed by a person".to_owned(), None));
            }
            return (rule, 1.0, trace, None);
        };
        let other = if edge.a == member { edge.b } else { edge.a };
        let sure = |rule: Rule, detail: String| (rule, 1.0, vec![explain::certainty(rule, detail, Some(self.identity(other)))], None);
        match edge.kind {
            EdgeKind::Confirmed => sure(Rule::HumanDecision, "confirmed to be the same person".to_owned()),
            EdgeKind::Decided => sure(Rule::HumanDecision, "decided to be the same person".to_owned()),
            EdgeKind::SharedAccount => {
                let IdentityIn { source, host, external_id, .. } = self.identity(member);
                sure(Rule::SharedAccountId, format!("account `{external_id}` of {source} at {host} in several connections"))
            }
            _ => {
                let trace = self.trace(member, other);
                (leading_rule(&trace), probability(edge.log_odds), trace, Some(edge.log_odds))
            }
        }
    }

    /// The accounts it would be likely to belong with, were it not decided otherwise.
    fn decided_apart(&self, member: usize) -> Vec<Evidence> {
        let edges = self.edges_of[member].iter().map(|index| &self.edges[*index]);
        let apart = edges.filter(|edge| self.apart.contains(&ordered(self.label(edge.a), self.label(edge.b))));
        let others = apart.map(|edge| if edge.a == member { edge.b } else { edge.a }).take(MOST_CANDIDATES);
        others
            .map(|other| explain::certainty(Rule::HumanDecision, "decided to be somebody else".to_owned(), Some(self.identity(other))))
            .collect()
    }

    fn bot_sign(&self, member: usize) -> Option<String> {
        let place = &self.matcher.places[self.members[member] as usize];
        let sign = || place.features.as_ref().and_then(|features| features.bot_sign.clone());
        place.is_bot.then(|| match self.identity(member).is_bot {
            Some(true) => "the source says so".to_owned(),
            _ => sign().unwrap_or_else(|| "another account of it is one".to_owned()),
        })
    }

    fn comparison(&self, member: usize, other: usize) -> Option<(Comparison, bool)> {
        let (first, second) = ordered(member, other);
        Some((self.matcher.comparison(self.members[first], self.members[second])?, other < member))
    }

    fn trace(&self, member: usize, other: usize) -> Vec<Evidence> {
        let party = |member: usize| {
            let features = self.matcher.places[self.members[member] as usize].features.as_ref()?;
            Some(Party { identity: self.identity(member), features })
        };
        match (self.comparison(member, other), party(member), party(other)) {
            (Some((comparison, is_turned)), Some(me), Some(other)) => explain::trace(&comparison, me, other, is_turned),
            _ => Vec::new(),
        }
    }

    /// The closest account of each other cluster, likeliest first, with the reason why it was not joined though likely enough.
    fn candidates(&self, member: usize) -> Vec<(Candidate, Option<Refusal>)> {
        let mut clusters: Vec<usize> = Vec::new();
        let mut candidates: Vec<(Candidate, Option<Refusal>)> = Vec::new();
        for edge in self.edges_of[member].iter().map(|index| &self.edges[*index]).filter(|edge| self.is_open(edge)) {
            let other = if edge.a == member { edge.b } else { edge.a };
            if clusters.contains(&self.label(other)) || candidates.len() == MOST_CANDIDATES {
                continue;
            }
            clusters.push(self.label(other));
            let refusal = self.clustered.refused.get(&(edge.a, edge.b)).copied();
            let mut trace = self.trace(member, other);
            if edge.kind == EdgeKind::SharedAccount || edge.kind == EdgeKind::Decided {
                let rule = if edge.kind == EdgeKind::Decided { Rule::HumanDecision } else { Rule::SharedAccountId };
                trace.insert(0, explain::certainty(rule, rule.as_str().to_owned(), Some(self.identity(other))));
            }
            let most = match refusal {
                Some(Refusal::Ambiguous) => 0.5,
                _ => 0.8,
            };
            let confidence = probability(edge.log_odds);
            let confidence = if edge.log_odds >= self.auto { confidence.min(most) } else { confidence };
            candidates.push((Candidate { identity: self.identity(other).id, confidence, trace }, refusal));
        }
        candidates.sort_by(|(a, _), (b, _)| b.confidence.total_cmp(&a.confidence).then(a.identity.cmp(&b.identity)));
        candidates
    }

    /// The strongest thing against a question's best candidate, if it alone kept the two apart.
    fn what_is_missing(&self, candidate: &Candidate) -> Option<String> {
        let total: f64 = candidate.trace.iter().map(|evidence| evidence.log_odds).sum();
        let worst = candidate.trace.iter().filter(|evidence| evidence.log_odds < 0.0).min_by(|a, b| a.log_odds.total_cmp(&b.log_odds));
        match worst {
            Some(worst) if total - worst.log_odds >= self.auto => Some(format!("it would have been linked but that {}", worst.detail)),
            _ if self.auto - total < NEARLY => Some("with a little more it would have been linked".to_owned()),
            _ => None,
        }
    }

    /// What speaks strongly against the decisions about the account.
    fn contradictions(&self, member: usize) -> Vec<Evidence> {
        let mut found = Vec::new();
        for edge in self.edges_of[member].iter().map(|index| &self.edges[*index]) {
            let other = if edge.a == member { edge.b } else { edge.a };
            let labels = ordered(self.label(member), self.label(other));
            if labels.0 != labels.1 && self.apart.contains(&labels) && edge.log_odds >= self.auto && edge.kind != EdgeKind::Namesakes {
                if edge.kind == EdgeKind::SharedAccount {
                    found.push(explain::certainty(Rule::SharedAccountId, "one account seen twice".to_owned(), Some(self.identity(other))));
                }
                found.extend(self.trace(member, other).into_iter().filter(|evidence| evidence.log_odds > 0.0));
            } else if labels.0 == labels.1 && matches!(edge.kind, EdgeKind::Confirmed | EdgeKind::Decided) {
                found.extend(self.against(member, other));
            }
            if found.len() >= MOST_CANDIDATES {
                break;
            }
        }
        found
    }

    fn against(&self, member: usize, other: usize) -> Vec<Evidence> {
        let flags = [member, other].map(|member| self.identity(member).is_bot == Some(true));
        if flags[0] != flags[1] {
            let detail = "one of the two is a service account".to_owned();
            return vec![explain::certainty(Rule::ServiceAccount, detail, Some(self.identity(other)))];
        }
        match self.comparison(member, other) {
            Some((comparison, _)) if comparison.total < 0.0 => {
                self.trace(member, other).into_iter().filter(|evidence| evidence.rule == Rule::OtherName).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn leading_rule(trace: &[Evidence]) -> Rule {
    trace.first().map_or(Rule::OnlyAccount, |evidence| evidence.rule)
}

fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Apart => "people decided that they are different",
        Refusal::Namesakes => "several people seem to have this name",
        Refusal::Ambiguous => "another person is as likely",
        Refusal::OtherNames => "most other accounts of the two have different names",
        Refusal::TooMany => "the person would have more accounts than is likely",
    }
}
