//! A series as one line of blocks.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The course of `values`, from the lowest to the highest of them; a dot where there is no data.
pub fn line(values: &[Option<f64>]) -> String {
    let known = || values.iter().copied().flatten().filter(|value| value.is_finite());
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    values
        .iter()
        .map(|value| match value {
            Some(value) if value.is_finite() && high > low => {
                let step = ((value - low) / (high - low) * (BLOCKS.len() - 1) as f64).round();
                BLOCKS[(step as usize).min(BLOCKS.len() - 1)]
            }
            // all the same
            Some(value) if value.is_finite() => BLOCKS[3],
            _ => '·',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_series_becomes_blocks_and_no_data_a_dot() {
        assert_eq!(line(&[Some(0.0), Some(50.0), None, Some(100.0)]), "▁▅·█");
        assert_eq!(line(&[Some(7.0), Some(7.0)]), "▄▄");
        assert_eq!(line(&[None, Some(f64::NAN)]), "··");
        assert_eq!(line(&[]), "");
    }
}
