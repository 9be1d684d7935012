//! Lasting states of rows (open, stale, in progress) and who is in them at a moment.

use chrono::{DateTime, Utc};

use crate::{
    inputs::Inputs,
    scope::{ByScope, Micros, Place, ScopeIndex, micros},
    series::Mark,
};

/// A row was in a state just before every moment of `(from, to]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    pub(crate) id: i64,
    /// When what is measured began, for ages.
    pub(crate) since: Micros,
    pub(crate) mark: Mark,
}

/// As many spans are passed over at once where all have ended.
const BLOCK: usize = 64;

pub(crate) struct States {
    spans: Vec<Span>,
    index: ByScope,
    /// Per scope and block of its spans, when the last of the block ends.
    blocks: Vec<Vec<Micros>>,
}

impl States {
    pub(crate) fn new(inputs: &Inputs<'_>, rows: Vec<(Span, Place)>) -> Self {
        let mut placed: Vec<(Span, ScopeIndex)> = Vec::with_capacity(rows.len() * 2);
        for (span, place) in rows {
            inputs.scopes.through(place, (span.from, span.to), |scope, from, to| placed.push((Span { from, to, ..span }, scope)));
        }
        placed.sort_unstable_by_key(|(span, scope)| (*scope, span.from, span.id, span.to, span.mark));
        let index = ByScope::new(inputs.scopes.len(), |note| {
            for ((_, scope), row) in placed.iter().zip(0u32..) {
                note(row, *scope);
            }
        });
        let mut spans: Vec<Span> = placed.into_iter().map(|(span, _)| span).collect();
        // collected where the spans and their scopes were, which took more
        spans.shrink_to_fit();
        let ends = |rows: &[u32]| rows.iter().map(|row| spans[*row as usize].to).max().unwrap_or(Micros::MIN);
        let scopes = (0..inputs.scopes.len()).map(|scope| index.of(ScopeIndex(u32::try_from(scope).unwrap_or(u32::MAX))));
        let blocks = scopes.map(|rows| rows.chunks(BLOCK).map(ends).collect()).collect();
        Self { spans, index, blocks }
    }

    /// The spans of a scope that hold just before `moment`, in the order they began.
    pub(crate) fn at(&self, scope: ScopeIndex, moment: DateTime<Utc>) -> impl Iterator<Item = Span> {
        let moment = micros(moment);
        let rows = self.index.of(scope);
        let begun = rows.partition_point(|row| self.spans[*row as usize].from < moment);
        let blocks = self.blocks.get(scope.0 as usize).map_or(&[][..], Vec::as_slice);
        rows[..begun]
            .chunks(BLOCK)
            .zip(blocks)
            .filter(move |(_, end)| **end >= moment)
            .flat_map(|(rows, _)| rows.iter().map(|row| self.spans[*row as usize]))
            .filter(move |span| span.to >= moment)
    }
}
