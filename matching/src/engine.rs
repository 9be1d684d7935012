//! The run: rules in the order of their strength, each over the groups the stronger ones made.
//!
//! A rule joins a whole component (all groups its blocks connect) or leaves it alone and asks. Joining pair by pair would let the first
//! pair win, and the answer would hang on the order of ids.

use std::collections::HashSet;

use petgraph::unionfind::UnionFind;

use crate::{
    accounts::{self, Account},
    blocks::{self, Block},
    config::MatchConfig,
    groups::{self, Apart, Labels},
    outcome::{Evidence, Family, MatchOutput, Rule},
    output,
    types::{Decisions, IdentityIn, Inputs},
};

/// Candidates named in a trace; a queue of hundreds helps nobody.
const MOST_CANDIDATES: usize = 5;

/// What was found out about one account.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) trace: Vec<Evidence>,
    /// The strongest rule that joined it with another account.
    pub(crate) joined_by: Option<Rule>,
    /// The rule that raised a question about it. From then on no weaker rule joins it.
    pub(crate) asked_by: Option<Rule>,
}

pub(crate) struct Engine<'a> {
    pub(crate) accounts: Vec<Account<'a>>,
    decisions: &'a Decisions,
    groups: UnionFind<usize>,
    pub(crate) findings: Vec<Finding>,
}

pub(crate) fn match_all(identities: &[IdentityIn], inputs: &Inputs, _config: &MatchConfig) -> MatchOutput {
    let decisions = &inputs.decisions;
    let accounts = accounts::prepare(identities);
    let findings = accounts.iter().map(|_| Finding::default()).collect();
    let groups = UnionFind::new(accounts.len());
    let mut engine = Engine { accounts, decisions, groups, findings };
    engine.join_confirmed();
    engine.apply(Rule::SharedAccountId);
    engine.settle_bots();
    engine.apply(Rule::ExactEmail);
    engine.apply(Rule::ExactFullName);
    output::write(engine)
}

impl Engine<'_> {
    pub(crate) fn labels(&self) -> Labels {
        groups::labels(&self.groups)
    }

    /// People's word comes first and is not weighed.
    fn join_confirmed(&mut self) {
        let blocks = blocks::of(Rule::HumanDecision, &self.accounts, |_| false);
        self.join(Rule::HumanDecision, &blocks);
    }

    /// A bot's account somebody confirmed to be a human's is a human's from here on; the other bots are told apart.
    fn settle_bots(&mut self) {
        let labels = self.labels();
        let places = || self.accounts.iter().zip(&labels);
        let human: HashSet<usize> = places().filter(|(account, _)| account.bot.is_none()).map(|(_, label)| *label).collect();
        for ((account, label), finding) in self.accounts.iter_mut().zip(&labels).zip(&mut self.findings) {
            account.bot = account.bot.take().filter(|_| !human.contains(label));
            if let Some(sign) = &account.bot {
                finding.trace.push(Evidence {
                    rule: Rule::ServiceAccount,
                    family: Family::Certainty,
                    detail: format!("a service account: {sign}"),
                    with: None,
                    log_odds: 0.0,
                });
            }
        }
    }

    fn apply(&mut self, rule: Rule) {
        let blocks = blocks::of(rule, &self.accounts, |index| self.findings[index].asked_by.is_some());
        let labels = self.labels();
        let mut connected = self.groups.clone();
        groups::join(&mut connected, &blocks);
        let components = groups::labels(&connected);
        let apart = Apart::new(&self.accounts, self.decisions, &labels);
        let barred = apart.barred(rule, &self.accounts, &labels, &components);
        let component = |block: &Block| block.members.first().map(|member| components[*member]);
        let (asked, joined): (Vec<Block>, Vec<Block>) =
            blocks.into_iter().partition(|block| component(block).is_some_and(|component| barred.contains(&component)));
        self.join(rule, &joined);
        let sizes = groups::sizes(&labels);
        for block in &asked {
            self.ask(rule, block, &labels, &sizes, &apart);
        }
    }

    fn join(&mut self, rule: Rule, blocks: &[Block]) {
        groups::join(&mut self.groups, blocks);
        for block in blocks {
            for member in &block.members {
                let other = block.members.iter().find(|other| *other != member).map(|other| self.accounts[*other].identity.id);
                let finding = &mut self.findings[*member];
                finding.joined_by = finding.joined_by.or(Some(rule));
                finding.trace.push(Evidence { rule, family: Family::Certainty, detail: block.detail.clone(), with: other, log_odds: 0.0 });
            }
        }
    }

    /// Evidence that must not join: whoever could belong to another group becomes a question. An account that stronger evidence holds
    /// keeps its place and only notes the candidate, unless there is no lone account to put the question to.
    fn ask(&mut self, rule: Rule, block: &Block, labels: &Labels, sizes: &[usize], apart: &Apart) {
        let firsts = first_of_each_group(block, labels);
        let mut questions: Vec<usize> = Vec::new();
        for member in &block.members {
            let is_open = self.note_candidates(rule, block, *member, &firsts, labels, apart);
            if is_open && self.accounts[*member].identity.confirmed_person.is_none() {
                questions.push(*member);
            }
        }
        let is_alone = |member: &usize| sizes[labels[*member]] == 1;
        if questions.iter().any(is_alone) {
            questions.retain(is_alone);
        } else {
            let firsts: HashSet<usize> = firsts.into_iter().collect();
            questions.retain(|member| firsts.contains(member));
        }
        for member in questions {
            self.findings[member].asked_by = Some(rule);
        }
    }

    /// Writes the groups the member could belong to into its trace, and on the way those it was decided not to; whether there is any of
    /// the first kind. Stops at a handful: a name of thousands must not cost millions of pairs.
    fn note_candidates(&mut self, rule: Rule, block: &Block, member: usize, firsts: &[usize], labels: &Labels, apart: &Apart) -> bool {
        let label = labels[member];
        let (mut candidates, mut decided) = (0, 0);
        for first in firsts.iter().copied().filter(|first| labels[*first] != label) {
            if candidates == MOST_CANDIDATES {
                break;
            }
            if !apart.decided(label, labels[first]) {
                candidates += 1;
                let evidence = self.candidate(rule, block, member, first);
                self.findings[member].trace.push(evidence);
            } else if decided < MOST_CANDIDATES {
                decided += 1;
                let detail = format!("{}, but decided to be somebody else", block.detail);
                let with = Some(self.accounts[first].identity.id);
                self.findings[member].trace.push(Evidence {
                    rule: Rule::HumanDecision,
                    family: Family::Certainty,
                    detail,
                    with,
                    log_odds: 0.0,
                });
            }
        }
        candidates > 0
    }

    fn candidate(&self, rule: Rule, block: &Block, member: usize, candidate: usize) -> Evidence {
        let (mine, theirs) = (&self.accounts[member].email, &self.accounts[candidate].email);
        let detail = match (rule, mine, theirs) {
            (Rule::ExactFullName, Some(mine), Some(theirs)) if mine != theirs => {
                format!("{}, but e-mail `{mine}` here and `{theirs}` there", block.detail)
            }
            _ => format!("{}, but several people answer to it", block.detail),
        };
        Evidence { rule, family: Family::Certainty, detail, with: Some(self.accounts[candidate].identity.id), log_odds: 0.0 }
    }
}

fn first_of_each_group(block: &Block, labels: &Labels) -> Vec<usize> {
    let mut seen = HashSet::new();
    block.members.iter().copied().filter(|member| seen.insert(labels[*member])).collect()
}
