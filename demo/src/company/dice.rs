//! The only source of chance. Wraps one seeded generator, so that a company is a pure function of (seed, as_of).
//!
//! Durations come from a table of quantiles rather than from `exp`/`ln`: those differ in the last bit between platforms.

use chrono::{DateTime, Datelike, Duration, Timelike, Utc, Weekday};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// A long-tailed spread around 1, as waiting times have it.
const SPREAD: [f64; 11] = [0.02, 0.08, 0.2, 0.4, 0.7, 1.0, 1.5, 2.4, 4.5, 11.0, 30.0];

pub(crate) struct Dice(StdRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    /// In [low, high), `low` if the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low { low } else { self.0.random_range(low..high) }
    }

    /// An index below `len`, which must not be 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.random_range(0..len)
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// An index drawn by weight.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut left = self.0.random_range(0..total.max(1));
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// A long-tailed duration whose median is `hours`; to the millisecond.
    pub(crate) fn about_hours(&mut self, hours: f64) -> Duration {
        let position = self.unit() * (SPREAD.len() - 1) as f64;
        let low = position as usize;
        let factor = SPREAD[low] + (SPREAD[low + 1] - SPREAD[low]) * (position - low as f64);
        Duration::milliseconds((hours * factor * 3_600_000.0) as i64 + 1)
    }

    pub(crate) fn millis(&mut self, low: i64, high: i64) -> Duration {
        Duration::milliseconds(self.between(low, high))
    }

    /// A moment in [start, end), mostly on working days and in working hours.
    pub(crate) fn working_time(&mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> DateTime<Utc> {
        for _ in 0..4 {
            let time = start + self.millis(0, (end - start).num_milliseconds());
            let weekend = matches!(time.weekday(), Weekday::Sat | Weekday::Sun);
            let night = !(6..20).contains(&time.hour());
            if (weekend && self.chance(0.9)) || (night && self.chance(0.85)) {
                continue;
            }
            return time;
        }
        start + self.millis(0, (end - start).num_milliseconds())
    }
}

/// A well-mixed number made of two (SplitMix64's finaliser); for shas and hashes, which need no generator state.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(b).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 40 hex digits that look like a commit id.
pub(crate) fn sha(kind: u64, n: u64) -> String {
    format!("{:016x}{:016x}{:08x}", mix(kind, n), mix(kind ^ 0xabcd, n), mix(kind ^ 0x1234, n) as u32)
}
