//! Percentiles by linear interpolation between closest ranks (position (n−1)·p): R's type 7, numpy's and Excel's default, so that people
//! can check a figure in a spreadsheet.

/// The `p`-quantile (`0 ≤ p ≤ 1`) of ascending `sorted`. `None` for no values: there is no number for nothing.
pub fn percentile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * p.clamp(0.0, 1.0);
    let below = position.floor();
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get((below as usize + 1).min(last))?;
    Some(low + (high - low) * (position - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn interpolates_between_neighbours() {
        assert_eq!(percentile(&[5.0], 0.9), Some(5.0));
        assert_eq!(percentile(&[1.0, 3.0], 0.5), Some(2.0));
        assert_eq!(percentile(&[1.0, 2.0, 10.0], 0.5), Some(2.0));
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 0.75), Some(3.25));
        assert_eq!(percentile(&[0.0, 10.0], 0.9), Some(9.0));
        assert_eq!(percentile(&[2.0, 2.0, 2.0], 0.75), Some(2.0));
        assert_eq!((percentile(&[1.0, 9.0], 0.0), percentile(&[1.0, 9.0], 1.0)), (Some(1.0), Some(9.0)));
    }
}
