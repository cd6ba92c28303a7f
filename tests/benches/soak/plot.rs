//! The samples as a picture: three panels over one axis of time.

use super::sample::Sample;

/// What a panel shows of a sample.
type Figure = fn(&Sample) -> f64;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 150.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 40.0;

#[expect(clippy::cast_precision_loss, reason = "a picture has fewer digits")]
pub(crate) fn svg(samples: &[Sample]) -> String {
    let end = samples.last().map_or(1.0, |sample| sample.seconds.max(1.0));
    let panels: [(&str, Figure); 3] = [
        ("resident memory, MB", |sample| sample.memory_kib as f64 * 1024.0 / 1e6),
        ("file descriptors", |sample| sample.descriptors as f64),
        ("threads", |sample| sample.threads as f64),
    ];
    // Room for half of the last label.
    let page = WIDTH + 20.0;
    let height = TOP + 3.0 * (PANEL + 50.0) + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {page} {height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><text x=\"{LEFT}\" y=\"20\" font-size=\"16\">\
         hardcap under mixed traffic with faults, {:.0} minutes</text>\n",
        end / 60.0
    );
    for (at, (name, of)) in panels.into_iter().enumerate() {
        svg += &panel(samples, end, TOP + at as f64 * (PANEL + 50.0), name, of);
    }
    svg + "</svg>\n"
}

fn panel(samples: &[Sample], end: f64, top: f64, name: &str, of: Figure) -> String {
    let most = samples.iter().map(of).fold(1.0, f64::max) * 1.1;
    let width = WIDTH - LEFT - 20.0;
    let bottom = top + PANEL;
    let x = |seconds: f64| LEFT + seconds / end * width;
    let y = |value: f64| bottom - value / most * PANEL;
    let points: Vec<String> = samples
        .iter()
        .map(|sample| format!("{:.1},{:.1}", x(sample.seconds), y(of(sample))))
        .collect();
    let mut svg = format!("<text x=\"{LEFT}\" y=\"{:.0}\">{name}</text>\n", top - 4.0);
    for part in 0..=4 {
        let value = most / 4.0 * f64::from(part);
        let y = y(value);
        svg += &format!(
            "<path d=\"M{LEFT} {y:.1}h{width:.0}\" stroke=\"#ddd\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" \
             fill=\"#555\">{value:.0}</text>\n",
            LEFT - 8.0,
            y + 4.0
        );
    }
    for part in 0..=6 {
        let seconds = end / 6.0 * f64::from(part);
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{:.0} min</text>\n",
            x(seconds),
            bottom + 16.0,
            seconds / 60.0
        );
    }
    svg + &format!(
        "<polyline fill=\"none\" stroke=\"#0b57d0\" stroke-width=\"1.5\" points=\"{}\"/>\n",
        points.join(" ")
    )
}
