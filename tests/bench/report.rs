//! The table `make bench` ends with.

pub struct Figure {
    name: String,
    value: String,
    target: String,
}

impl Figure {
    pub fn rows(name: &str, rows: u64, seconds: f64) -> Self {
        let value = format!("{:>9.0} rows/s   ({rows} rows in {seconds:.2} s)", rows as f64 / seconds);
        Self { name: name.into(), value, target: String::new() }
    }

    pub fn value(name: &str, value: f64, unit: &str) -> Self {
        Self { name: name.into(), value: format!("{value:>9.1} {unit}"), target: String::new() }
    }

    pub fn with_target(self, target: &str) -> Self {
        Self { target: target.into(), ..self }
    }

    /// `of` says what the share is made of.
    pub fn share(name: &str, percent: f64, of: &str, target: &str) -> Self {
        Self { name: name.into(), value: format!("{percent:>9.2} %   ({of})"), target: target.into() }
    }

    pub fn ratio(name: &str, value: f64, target: &str) -> Self {
        Self { name: name.into(), value: format!("{value:>9.2} ×"), target: target.into() }
    }
}

/// Figures in the order they were taken; each is shown at once on stderr.
pub struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub fn new() -> Self {
        Self { figures: Vec::new() }
    }

    pub fn add(&mut self, figure: Figure) {
        eprintln!("measured: {} {}", figure.name, figure.value.trim());
        self.figures.push(figure);
    }

    pub fn print(&self) {
        let width = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        for figure in &self.figures {
            let gap = " ".repeat(width - figure.name.chars().count());
            let target = if figure.target.is_empty() { String::new() } else { format!("   (target {})", figure.target) };
            println!("{}{gap}  {}{target}", figure.name, figure.value);
        }
    }
}

/// Of values in ascending order: the one that `percent` of them do not exceed.
pub fn percentile(ascending: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
