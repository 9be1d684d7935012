//! Percentiles by linear interpolation between closest ranks (position (n−1)·p): R's type 7, numpy's and Excel's default, so that people
//! can check a figure in a spreadsheet.

/// The `p`-quantile (`0 ≤ p ≤ 1`) of `values`, in whatever order; they are in another one then. `None` for no values: there is no number for
/// nothing.
pub fn percentile(values: &mut [f64], p: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let position = last as f64 * p.clamp(0.0, 1.0);
    let below = position.floor();
    // found, not sorted for: it is asked of a million values
    let (_, low, above) = values.select_nth_unstable_by(below as usize, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*low);
    Some(*low + (high - *low) * (position - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn interpolates_between_neighbours() {
        assert_eq!(percentile(&mut [5.0], 0.9), Some(5.0));
        assert_eq!(percentile(&mut [1.0, 3.0], 0.5), Some(2.0));
        assert_eq!(percentile(&mut [1.0, 2.0, 10.0], 0.5), Some(2.0));
        assert_eq!(percentile(&mut [1.0, 2.0, 3.0, 4.0], 0.75), Some(3.25));
        assert_eq!(percentile(&mut [0.0, 10.0], 0.9), Some(9.0));
        assert_eq!(percentile(&mut [2.0, 2.0, 2.0], 0.75), Some(2.0));
        assert_eq!(percentile(&mut [10.0, 1.0, 4.0, 3.0, 2.0], 0.875), Some(7.0), "in whatever order");
        assert_eq!((percentile(&mut [1.0, 9.0], 0.0), percentile(&mut [1.0, 9.0], 1.0)), (Some(1.0), Some(9.0)));
    }
}
