//! Pictures of series as SVG: a line with its points. They hold no text, so nothing in them has to be escaped.

use plotters::prelude::*;

const SIZE: (u32, u32) = (240, 56);
const LINE: RGBColor = RGBColor(31, 96, 196);

/// A line over the values, oldest first. Where there is no data, the line breaks. Empty where there is nothing to show, or nothing can be
/// drawn.
pub fn line(values: &[Option<f64>]) -> String {
    let known: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    let (Some(low), Some(high)) = (known.iter().copied().reduce(f64::min), known.iter().copied().reduce(f64::max)) else {
        return String::new();
    };
    let mut svg = String::new();
    match draw(&mut svg, values, low, high) {
        Ok(()) => svg,
        Err(error) => {
            tracing::warn!(%error, "failed to draw a series");
            String::new()
        }
    }
}

fn draw(svg: &mut String, values: &[Option<f64>], low: f64, high: f64) -> Result<(), Box<dyn std::error::Error>> {
    // a flat line goes through the middle
    let room = if high > low { 0.0 } else { low.abs().max(1.0) };
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let last = (values.len().max(2) - 1) as f64;
    let mut chart = ChartBuilder::on(&area).margin(6).build_cartesian_2d(0.0..last, (low - room)..(high + room))?;
    for part in parts(values) {
        chart.draw_series(LineSeries::new(part.iter().copied(), LINE.stroke_width(2)))?;
        chart.draw_series(part.iter().map(|point| Circle::new(*point, 2, LINE.filled())))?;
    }
    area.present()?;
    Ok(())
}

/// The points between the gaps, with their places.
fn parts(values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let mut parts = vec![Vec::new()];
    for (place, value) in values.iter().enumerate() {
        match (value.filter(|value| value.is_finite()), parts.last_mut()) {
            (Some(value), Some(part)) => part.push((place as f64, value)),
            _ => parts.push(Vec::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_becomes_a_line_with_its_points() {
        let svg = line(&[Some(1.0), Some(3.0), Some(2.0)]);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 3), "{svg}");
        assert!(!svg.contains("<text"), "{svg}");
    }

    #[test]
    fn where_there_is_no_data_the_line_breaks() {
        let svg = line(&[Some(1.0), Some(1.0), None, Some(2.0), Some(2.0)]);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 4), "{svg}");
        assert_eq!((line(&[]), line(&[None, None]), line(&[Some(f64::NAN)])), (String::new(), String::new(), String::new()));
    }

    #[test]
    fn one_value_and_equal_values_can_be_drawn() {
        assert_eq!(line(&[Some(5.0)]).matches("<circle").count(), 1);
        assert_eq!(line(&[Some(0.0), Some(0.0)]).matches("<circle").count(), 2);
    }
}
