//! Line charts over epochs.

use super::write::Html;

/// One line of a chart.
pub(super) struct Line {
    /// The line's name, shown with each dot.
    pub(super) name: String,
    /// Index of its colour in the style sheet.
    pub(super) colour: usize,
    /// Whether it is dashed, as the lines of training images are.
    pub(super) broken: bool,
    /// Epochs and values; values that are not finite are omitted.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point is drawn as a dot.
    pub(super) dots: bool,
}

/// A line chart over epochs, with axes.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) lines: Vec<Line>,
    /// Whether the value axis starts at 0.
    pub(super) from_zero: bool,
    /// Formats a value.
    pub(super) words: fn(f64) -> String,
}

/// The number of line colours in the style sheet.
pub(super) const COLOURS: usize = 8;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 348.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 186.0;

/// Returns the CSS class of a line and its dots.
pub(super) fn class(colour: usize, broken: bool) -> String {
    format!("c{}{}", colour % COLOURS, if broken { " broken" } else { "" })
}

/// Returns a step of 1, 2 or 5 times a power of ten that divides `low..high` into about `count` parts.
fn step(low: f64, high: f64, count: f64) -> f64 {
    let raw = (high - low).max(f64::MIN_POSITIVE) / count;
    let power = 10f64.powf(raw.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= raw * 0.999).unwrap_or(10.0);
    times * power
}

/// Returns a tick's label, with the decimals that its step needs.
fn tick(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

impl Chart<'_> {
    /// Writes the chart as a figure, or nothing if there are no points.
    pub(super) fn write(&self, html: &mut Html) {
        let points = || {
            let all = self.lines.iter().flat_map(|line| line.points.iter().copied());
            all.filter(|(_, value)| value.is_finite())
        };
        if points().next().is_none() {
            return;
        }
        let last = points().fold(1.0, |most: f64, (epoch, _)| most.max(epoch));
        let (low, high) = points()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| (low.min(value), high.max(value)));
        let low = if self.from_zero { low.min(0.0) } else { low };
        let high = if high > low { high } else { low + low.abs().max(1e-3) };
        let each = step(low, high, 4.0);
        let (low, high) = ((low / each + 1e-9).floor() * each, (high / each - 1e-9).ceil() * each);
        let x = move |epoch: f64| LEFT + (RIGHT - LEFT) * epoch / last;
        let y = move |value: f64| BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low);

        html.tag("figure", &[("class", "chart")], |html| {
            html.leaf("figcaption", &[], self.title);
            let view = format!("0 0 {WIDTH} {HEIGHT}");
            let label = format!("{} over epochs", self.title);
            html.tag("svg", &[("viewBox", &view), ("role", "img"), ("aria-label", &label)], |html| {
                for i in 0..=((high - low) / each).round() as usize {
                    let value = low + i as f64 * each;
                    let at = format!("{:.1}", y(value));
                    let (left, right) = (LEFT.to_string(), RIGHT.to_string());
                    html.void("line", &[("x1", &left), ("x2", &right), ("y1", &at), ("y2", &at), ("class", "grid")]);
                    let (end, below) = (format!("{:.1}", LEFT - 6.0), format!("{:.1}", y(value) + 4.0));
                    html.leaf("text", &[("x", &end), ("y", &below), ("class", "end")], &tick(value, each));
                }
                let each = step(0.0, last, 6.0).max(1.0);
                for i in 0..=(last / each + 1e-9) as usize {
                    let epoch = i as f64 * each;
                    let (at, below) = (format!("{:.1}", x(epoch)), format!("{:.1}", BOTTOM + 16.0));
                    html.leaf("text", &[("x", &at), ("y", &below), ("class", "middle")], &tick(epoch, each));
                }
                let (middle, below) = (format!("{:.1}", (LEFT + RIGHT) / 2.0), format!("{:.1}", HEIGHT - 4.0));
                html.leaf("text", &[("x", &middle), ("y", &below), ("class", "middle")], "epoch");
                for line in &self.lines {
                    self.line(html, line, x, y);
                }
            });
            html.line();
        });
    }

    fn line(&self, html: &mut Html, line: &Line, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
        let class = class(line.colour, line.broken);
        let points: Vec<_> = line.points.iter().filter(|(_, value)| value.is_finite()).collect();
        let path: Vec<_> = points.iter().map(|(epoch, value)| format!("{:.1},{:.1}", x(*epoch), y(*value))).collect();
        html.void("polyline", &[("points", &path.join(" ")), ("class", &class)]);
        for (epoch, value) in points.into_iter().filter(|_| line.dots) {
            let (x, y) = (format!("{:.1}", x(*epoch)), format!("{:.1}", y(*value)));
            html.tag("circle", &[("cx", &x), ("cy", &y), ("r", "2.5"), ("class", &class)], |html| {
                let epoch = (100.0 * epoch).round() / 100.0;
                html.leaf("title", &[], &format!("{}, epoch {epoch}: {}", line.name, (self.words)(*value)));
            });
        }
    }
}

/// Writes the legend of the lines.
pub(super) fn legend<'a>(html: &mut Html, entries: impl Iterator<Item = (usize, bool, &'a str)>) {
    html.tag("ul", &[("class", "legend")], |html| {
        for (colour, broken, name) in entries {
            html.tag("li", &[], |html| {
                html.tag("svg", &[("viewBox", "0 0 28 10"), ("aria-hidden", "true")], |html| {
                    html.void("polyline", &[("points", "1,5 27,5"), ("class", &class(colour, broken))]);
                });
                html.text(name);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{step, tick};

    #[test]
    fn steps_are_round() {
        assert_eq!(step(0.0, 0.47, 4.0), 0.2);
        assert_eq!(step(82.0, 91.0, 4.0), 5.0);
        assert_eq!(step(0.0, 4.0, 4.0), 1.0);
        assert_eq!((tick(0.30000000000000004, 0.1), tick(85.0, 5.0)), ("0.3".to_owned(), "85".to_owned()));
        assert_eq!(tick(0.0005, 0.0005), "0.0005");
    }
}
