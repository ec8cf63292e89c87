//! The trend chart and the small trend lines: geometry only, the templates draw it. Values in units that cannot be
//! compared exactly with the latest one's are left out and counted; the page draws them apart.

use jiff::{Timestamp, ToSpan, civil::Date};
use record::{
    sections::{
        Tone,
        results::{Course, Reading},
    },
    unit,
    voice::Voice,
    when,
};

/// A trend chart.
#[derive(Debug)]
pub struct Chart {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// The plot's edges.
    pub left: f64,
    /// See `left`.
    pub right: f64,
    /// See `left`.
    pub top: f64,
    /// See `left`.
    pub bottom: f64,
    /// Lines: class suffix and points.
    pub lines: Vec<(&'static str, String)>,
    /// Points.
    pub dots: Vec<Dot>,
    /// Position and label.
    pub y_ticks: Vec<(f64, String)>,
    /// Position and label.
    pub x_ticks: Vec<(f64, String)>,
    /// The reference range: top and height.
    pub band: Option<(f64, f64)>,
    /// Its words.
    pub range: Option<String>,
    /// The unit of the axis.
    pub unit: String,
    /// Values that could not be drawn.
    pub left_out: usize,
    /// The chart in a sentence, for those who do not see it.
    pub summary: String,
}

/// A point.
#[derive(Debug)]
pub struct Dot {
    /// Across.
    pub x: String,
    /// Down.
    pub y: String,
    /// What it says when pointed at.
    pub text: String,
    /// Class suffix.
    pub class: &'static str,
}

/// A small trend line.
#[derive(Debug)]
pub struct Spark {
    /// Its points.
    pub points: String,
    /// The last point.
    pub x: String,
    /// The last point.
    pub y: String,
}

struct Point<'a> {
    at: Timestamp,
    value: f64,
    second: Option<f64>,
    reading: &'a Reading,
}

/// The size of a drawing, so that its letters have the size of the page's on a desk and on a telephone.
#[derive(Clone, Copy)]
pub struct Shape {
    width: f64,
    height: f64,
    ticks: usize,
}

/// For a desk.
pub const WIDE: Shape = Shape { width: 900.0, height: 300.0, ticks: 8 };
/// For a telephone.
pub const NARROW: Shape = Shape { width: 330.0, height: 240.0, ticks: 4 };

const LEFT: f64 = 48.0;
const TOP: f64 = 12.0;

/// Draw a course of readings, newest first as given. None when fewer than two can be drawn.
pub fn chart(readings: &[Reading], shape: Shape, voice: Voice) -> Option<Chart> {
    let (right, floor_line) = (shape.width - 14.0, shape.height - 32.0);
    let latest = readings.iter().find(|reading| !reading.numbers.is_empty())?;
    let mut points: Vec<Point> = readings
        .iter()
        .filter_map(|reading| {
            let when = reading.when.as_ref()?;
            let value = unit::convert(*reading.numbers.first()?, &reading.axis, &latest.axis)?;
            let second = reading.numbers.get(1).and_then(|value| unit::convert(*value, &reading.axis, &latest.axis));
            Some(Point { at: when.at, value, second, reading })
        })
        .collect();
    points.reverse();
    if points.len() < 2 {
        return None;
    }
    let (low, high) = latest.limits;
    let values = || points.iter().flat_map(|point| std::iter::once(point.value).chain(point.second));
    let (mut bottom, mut top) =
        values().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    // The range is drawn where it helps to read the values, not where it would flatten them.
    let spread = (top - bottom).max(top.abs() * 0.1).max(f64::MIN_POSITIVE);
    for limit in [low, high].into_iter().flatten() {
        if limit > bottom - spread * 1.5 && limit < top + spread * 1.5 {
            bottom = bottom.min(limit);
            top = top.max(limit);
        }
    }
    let ticks = nice_ticks(bottom, top);
    let (floor, ceiling) = (ticks.first().copied()?.min(bottom), ticks.last().copied()?.max(top));
    let y = |value: f64| floor_line - (value - floor) / (ceiling - floor).max(f64::MIN_POSITIVE) * (floor_line - TOP);
    let (first, last) = (points.first()?.at, points.last()?.at);
    let seconds = seconds_between(first, last).max(1.0);
    let x = |at: Timestamp| LEFT + 10.0 + seconds_between(first, at) / seconds * (right - LEFT - 20.0);
    let mut dots = Vec::new();
    for point in &points {
        dots.push(dot(point, &latest.axis, x(point.at), y(point.value), "", voice));
        if let Some(second) = point.second {
            dots.push(dot(point, &latest.axis, x(point.at), y(second), " trend__dot--second", voice));
        }
    }
    let path = |value: &dyn Fn(&Point) -> Option<f64>| {
        let drawn = points.iter().filter_map(|point| Some(format!("{:.1},{:.1}", x(point.at), y(value(point)?))));
        drawn.collect::<Vec<_>>().join(" ")
    };
    let mut lines = vec![("", path(&|point| Some(point.value)))];
    if points.iter().any(|point| point.second.is_some()) {
        lines.push((" trend__line--second", path(&|point| point.second)));
    }
    let single = latest.numbers.len() == 1;
    let band = (single && (low.is_some() || high.is_some())).then(|| {
        let upper = y(high.unwrap_or(ceiling)).clamp(TOP, floor_line);
        let lower = y(low.unwrap_or(floor)).clamp(TOP, floor_line);
        (upper, (lower - upper).max(0.0))
    });
    let decimals = decimals(&ticks);
    Some(Chart {
        width: shape.width,
        height: shape.height,
        left: LEFT,
        right,
        top: TOP,
        bottom: floor_line,
        lines,
        dots,
        y_ticks: ticks.iter().map(|value| (y(*value), format!("{value:.decimals$}"))).collect(),
        x_ticks: thinned(time_ticks(first, last), shape.ticks).into_iter().map(|(at, label)| (x(at), label)).collect(),
        band: band.filter(|(_, height)| *height > 0.5),
        range: latest.range.clone(),
        unit: if latest.axis.is_empty() { "no unit".into() } else { unit::shown(&latest.axis) },
        left_out: readings.len() - points.len(),
        summary: summary(&points, latest),
    })
}

fn seconds_between(a: Timestamp, b: Timestamp) -> f64 {
    b.duration_since(a).as_secs_f64()
}

fn dot(point: &Point, axis: &str, x: f64, y: f64, class: &'static str, voice: Voice) -> Dot {
    let reading = point.reading;
    let flag = reading.flag.as_ref();
    let when = reading.when.as_ref().map(|when| when.text.clone()).unwrap_or_default();
    let flagged = flag.map(|flag| format!(", {}", voice.says(&flag.text).to_lowercase())).unwrap_or_default();
    let drawn = unit::converted(&reading.value, &reading.axis, axis)
        .map(|value| format!(", drawn as {value} {}", unit::shown(axis)))
        .unwrap_or_default();
    let (value, source) = (&reading.value, &reading.origin.source.name);
    let text = format!("{when}: {value} {}{drawn}{flagged} ({source})", unit::shown(&reading.unit));
    let class = if class.is_empty() && flag.is_some_and(|flag| flag.tone >= Tone::Caution) {
        " trend__dot--flagged"
    } else {
        class
    };
    Dot { x: format!("{x:.1}"), y: format!("{y:.1}"), text, class }
}

fn summary(points: &[Point], latest: &Reading) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let text = |point: &Point| point.reading.when.as_ref().map(|when| when.day_text()).unwrap_or_default();
    format!(
        "{} values of {} from {} ({} {}) to {} ({} {}).",
        points.len(),
        latest.title,
        text(first),
        first.reading.value,
        unit::shown(&first.reading.unit),
        text(last),
        last.reading.value,
        unit::shown(&last.reading.unit)
    )
}

/// Round values from below the lowest to above the highest, at most seven.
fn nice_ticks(low: f64, high: f64) -> Vec<f64> {
    let spread = (high - low).max(high.abs() * 0.02).max(1e-9);
    let raw = spread / 4.0;
    let magnitude = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= raw)
        .unwrap_or(magnitude * 10.0);
    let start = (low / step).floor() * step;
    let mut ticks = vec![start];
    while let Some(last) = ticks.last().copied()
        && (last < high || ticks.len() < 2)
        && ticks.len() < 12
    {
        ticks.push(last + step);
    }
    ticks
}

fn decimals(ticks: &[f64]) -> usize {
    (0..4)
        .find(|places| {
            ticks.iter().all(|tick| {
                let scaled = tick * 10f64.powi(i32::try_from(*places).unwrap_or(0));
                (scaled - scaled.round()).abs() < 1e-6
            })
        })
        .unwrap_or(4)
}

/// Up to seven round dates with labels: days, months or years, as the length of time asks.
fn time_ticks(first: Timestamp, last: Timestamp) -> Vec<(Timestamp, String)> {
    let (start, end) = (when::london(first).date(), when::london(last).date());
    let days = start.until(end).map(|span| span.get_days()).unwrap_or(0);
    let first_of_month = start.first_of_month();
    let new_year = Date::new(start.year(), 1, 1).unwrap_or(start);
    let (from, step, form) = match days {
        ..=6 => (start, 1.day(), Form::Day),
        7..=45 => (start, 7.days(), Form::Day),
        46..=220 => (first_of_month, 1.month(), Form::Month),
        221..=500 => (first_of_month, 3.months(), Form::Month),
        501..=2200 => (new_year, 1.year(), Form::Year),
        2201..=5000 => (new_year, 2.years(), Form::Year),
        5001..=12000 => (new_year, 5.years(), Form::Year),
        _ => (new_year, 10.years(), Form::Year),
    };
    let mut ticks = Vec::new();
    let mut day = from;
    while day <= end && ticks.len() < 12 {
        if day >= start
            && let Some(tick) = when::When::parse(&day.to_string())
        {
            let label = match form {
                Form::Day => tick.text.chars().take(6).collect(),
                Form::Month => tick.text.chars().skip(3).collect(),
                Form::Year => tick.text.chars().skip(7).collect(),
            };
            ticks.push((tick.at, label));
        }
        let Ok(next) = day.checked_add(step) else { break };
        day = next;
    }
    ticks
}

/// Every second or third tick, so that no more than `most` are left.
fn thinned<T>(ticks: Vec<T>, most: usize) -> Vec<T> {
    let step = ticks.len().div_ceil(most.max(1)).max(1);
    ticks.into_iter().rev().step_by(step).collect()
}

enum Form {
    Day,
    Month,
    Year,
}

/// The small trend line of a course.
pub fn spark(course: &Course) -> Option<Spark> {
    let points = &course.spark;
    let (first, last) = (points.first()?.0, points.last()?.0);
    let seconds = seconds_between(first, last).max(1.0);
    let (low, high) =
        points.iter().fold((f64::MAX, f64::MIN), |(low, high), (_, value)| (low.min(*value), high.max(*value)));
    let spread = (high - low).max(f64::MIN_POSITIVE);
    let place = |(at, value): &(Timestamp, f64)| {
        let x = 3.0 + seconds_between(first, *at) / seconds * 98.0;
        let y = if high > low { 22.0 - (value - low) / spread * 18.0 } else { 13.0 };
        (format!("{x:.1}"), format!("{y:.1}"))
    };
    let drawn: Vec<(String, String)> = points.iter().map(place).collect();
    let (x, y) = drawn.last()?.clone();
    let joined = drawn.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
    Some(Spark { points: joined, x, y })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        assert_eq!(nice_ticks(31.0, 58.0), [30.0, 40.0, 50.0, 60.0]);
        assert_eq!(decimals(&nice_ticks(7.31, 7.44)), 2);
        let flat = nice_ticks(5.0, 5.0);
        assert!(flat.len() >= 2 && flat[0] <= 5.0);
    }

    #[test]
    fn dates_along_the_axis_suit_the_length_of_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let years: Vec<String> = time_ticks(at("2021-03-01T00:00:00Z"), at("2026-03-01T00:00:00Z"))
            .into_iter()
            .map(|(_, label)| label)
            .collect();
        assert_eq!(years, ["2022", "2023", "2024", "2025", "2026"]);
        let days: Vec<String> = time_ticks(at("2026-03-01T10:00:00Z"), at("2026-03-03T10:00:00Z"))
            .into_iter()
            .map(|(_, label)| label)
            .collect();
        assert_eq!(days, ["01-Mar", "02-Mar", "03-Mar"]);
    }
}
