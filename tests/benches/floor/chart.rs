//! A chart of time and memory against a size, both axes logarithmic: the slope of a line is the exponent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::measure::Points;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 70.0;
const COLOURS: [&str; 4] = ["#0b57d0", "#555555", "#b3261e", "#146c2e"];

pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) unit: &'a str,
    /// By a size.
    pub(crate) points: &'a [(usize, Points)],
}

impl Chart<'_> {
    /// Two panels beside each other.
    pub(crate) fn svg(&self) -> String {
        let panel = LEFT + WIDTH + 40.0;
        let (width, height) = (2.0 * panel, TOP + HEIGHT + 60.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" \
             font-size=\"13\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{}\
             </text>\n",
            self.title
        );
        svg += &self.panel(LEFT, "milliseconds", |(time, _)| time);
        #[expect(clippy::cast_precision_loss, reason = "a picture has fewer digits")]
        let megabytes = |(_, bytes): (f64, u64)| bytes as f64 / 1e6;
        svg += &self.panel(LEFT + panel, "resident memory afterwards, MB", megabytes);
        svg + "</svg>\n"
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture has fewer digits")]
    fn panel(&self, left: f64, name: &str, of: impl Fn((f64, u64)) -> f64) -> String {
        let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for (size, row) in self.points {
            for (subject, point) in row {
                let line = lines.entry(subject).or_default();
                line.push(((*size as f64).log10(), of(*point).max(0.001).log10()));
            }
        }
        let all = || lines.values().flatten();
        let span = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| {
                (low.min(it), high.max(it))
            });
            (low.floor(), high.ceil().max(low.floor() + 1.0))
        };
        let (x0, x1) = span(&mut all().map(|(x, _)| *x));
        let (y0, y1) = span(&mut all().map(|(_, y)| *y));
        let x = |value: f64| left + (value - x0) / (x1 - x0) * WIDTH;
        let y = |value: f64| TOP + HEIGHT - (value - y0) / (y1 - y0) * HEIGHT;
        let mut svg = format!("<text x=\"{left}\" y=\"48\">{name}</text>\n");
        for power in powers(x0, x1) {
            let at = x(f64::from(power));
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}v{HEIGHT}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
                 fill=\"#555\">{}</text>",
                TOP + HEIGHT + 18.0,
                label(power)
            );
        }
        for power in powers(y0, y1) {
            let at = y(f64::from(power));
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {at:.1}h{WIDTH}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" \
                 fill=\"#555\">{}</text>",
                left - 6.0,
                at + 4.0,
                label(power)
            );
        }
        for (at, (subject, line)) in lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let points: Vec<String> =
                line.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
            let exponent = exponent(line);
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 fill=\"{colour}\">{subject}: exponent {exponent:.2}</text>",
                points.join(" "),
                left + 10.0,
                TOP + 18.0 + 18.0 * at as f64
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
            left + WIDTH / 2.0,
            TOP + HEIGHT + 40.0,
            self.unit
        );
        svg
    }
}

#[expect(clippy::cast_possible_truncation, reason = "powers of ten of small numbers")]
fn powers(low: f64, high: f64) -> std::ops::RangeInclusive<i32> {
    low as i32..=high as i32
}

fn label(power: i32) -> String {
    match power {
        0.. => format!("{}", 10_u64.pow(power.unsigned_abs())),
        _ => format!("{}", 10_f64.powi(power)),
    }
}

/// The slope of the last half of a line, where the size and not the call decides.
fn exponent(line: &[(f64, f64)]) -> f64 {
    let half = &line[line.len() / 2..];
    match (half.first(), half.last()) {
        (Some((x0, y0)), Some((x1, y1))) if x1 > x0 => (y1 - y0) / (x1 - x0),
        _ => f64::NAN,
    }
}
