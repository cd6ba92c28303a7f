//! What was measured, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// One load on both, in milliseconds.
#[derive(Debug)]
pub(crate) struct Ratio {
    name: &'static str,
    floor_ms: f64,
    hardcap_ms: f64,
}

impl Ratio {
    /// Compares the medians.
    pub(crate) fn of(
        name: &'static str,
        floor: &mut [Duration],
        hardcap: &mut [Duration],
    ) -> Ratio {
        Ratio { name, floor_ms: median_ms(floor), hardcap_ms: median_ms(hardcap) }
    }

    fn times(&self) -> f64 {
        self.hardcap_ms / self.floor_ms
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) copies_of_a_response: f64,
    pub(crate) copies_of_an_event: f64,
    pub(crate) started_ms: Vec<f64>,
    pub(crate) idle_bytes: u64,
    pub(crate) binary_bytes: u64,
}

impl Figures {
    /// The medians, for machines.
    pub(crate) fn json(&self) -> Value {
        let ratios: serde_json::Map<String, Value> = self
            .ratios
            .iter()
            .map(|ratio| {
                let figures = json!({
                    "floor_ms": ratio.floor_ms, "hardcap_ms": ratio.hardcap_ms,
                    "times": ratio.times(),
                });
                (ratio.name.to_owned(), figures)
            })
            .collect();
        json!({
            "invoke": ratios,
            "copies_of_a_response": self.copies_of_a_response,
            "copies_of_an_event": self.copies_of_an_event,
            "start_to_listening_ms": middle(&self.started_ms),
            "idle_bytes": self.idle_bytes,
            "binary_bytes": self.binary_bytes,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<28}{:>12}{:>12}{:>10}", "", "floor", "hardcap", "times")?;
        for ratio in &self.ratios {
            let Ratio { name, floor_ms, hardcap_ms } = ratio;
            writeln!(f, "{name:<28}{floor_ms:>9.3} ms{hardcap_ms:>9.3} ms{:>10.2}", ratio.times())?;
        }
        writeln!(f)?;
        let megabytes = |bytes: u64| Duration::from_micros(bytes).as_secs_f64();
        let rows = [
            ("copies of a 6 MB response", format!("{:.2}", self.copies_of_a_response)),
            ("copies of a 6 MB event", format!("{:.2}", self.copies_of_an_event)),
            ("start to listening", format!("{:.1} ms", middle(&self.started_ms))),
            ("idle memory", format!("{:.1} MB", megabytes(self.idle_bytes))),
            ("size of the binary", format!("{:.1} MB", megabytes(self.binary_bytes))),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<28}{value:>12}")?;
        }
        Ok(())
    }
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

fn middle(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
