//! A JSON text with holes.
//!
//! The text is a real row rendered with marker values no other field has; cutting at the markers gives the holes.

use std::ops::Range;

/// A text cut at its markers.
pub(super) struct Template {
    text: String,
    /// Literal ranges of `text`, each followed by a hole (the last by none).
    parts: Vec<(Range<usize>, Option<usize>)>,
}

impl Template {
    /// Cuts `text` at every occurrence of a marker; hole n is where marker n stood.
    pub(super) fn cut(text: String, markers: &[&str]) -> Self {
        let mut parts = Vec::new();
        let mut start = 0;
        loop {
            let next = markers.iter().enumerate().filter_map(|(hole, marker)| text[start..].find(marker).map(|at| (at, hole))).min();
            match next {
                Some((at, hole)) => {
                    parts.push((start..start + at, Some(hole)));
                    start += at + markers[hole].len();
                }
                None => {
                    parts.push((start..text.len(), None));
                    return Self { text, parts };
                }
            }
        }
    }

    /// Appends the text with its holes filled.
    pub(super) fn fill(&self, out: &mut Vec<u8>, values: &[&str]) {
        for (range, hole) in &self.parts {
            out.extend_from_slice(&self.text.as_bytes()[range.clone()]);
            if let Some(hole) = hole {
                out.extend_from_slice(values[*hole].as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_filled() {
        let template = Template::cut(r#"{"id":91,"ref":"!91","name":"N"}"#.to_owned(), &["91", "N"]);
        let mut out = Vec::new();
        template.fill(&mut out, &["7", "long name"]);
        assert_eq!(String::from_utf8_lossy(&out), r#"{"id":7,"ref":"!7","name":"long name"}"#);
    }
}
