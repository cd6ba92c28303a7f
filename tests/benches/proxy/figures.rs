//! What was measured, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// One load, straight and through the proxy, in milliseconds.
#[derive(Debug)]
pub(crate) struct Own {
    name: &'static str,
    straight_ms: f64,
    proxied_ms: f64,
}

impl Own {
    /// Compares the medians.
    pub(crate) fn of(
        name: &'static str,
        straight: &mut [Duration],
        proxied: &mut [Duration],
    ) -> Own {
        Own { name, straight_ms: median_ms(straight), proxied_ms: median_ms(proxied) }
    }

    fn own_ms(&self) -> f64 {
        self.proxied_ms - self.straight_ms
    }

    fn times(&self) -> f64 {
        self.proxied_ms / self.straight_ms
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) own: Vec<Own>,
    pub(crate) first_answer: Vec<Duration>,
    pub(crate) peak_bytes: u64,
}

impl Figures {
    /// The medians, for machines.
    pub(crate) fn json(&self) -> Value {
        let own: serde_json::Map<String, Value> = self
            .own
            .iter()
            .map(|own| {
                let figures = json!({
                    "straight_ms": own.straight_ms, "proxied_ms": own.proxied_ms,
                    "own_ms": own.own_ms(), "times": own.times(),
                });
                (own.name.to_owned(), figures)
            })
            .collect();
        json!({
            "proxy": own,
            "start_to_first_answer_ms": median_ms(&mut self.first_answer.clone()),
            "peak_bytes_while_1_gib_overflows": self.peak_bytes,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<28}{:>13}{:>13}{:>12}{:>8}", "", "straight", "proxied", "own", "times")?;
        for own in &self.own {
            let Own { name, straight_ms, proxied_ms } = own;
            let (own_ms, times) = (own.own_ms(), own.times());
            writeln!(
                f,
                "{name:<28}{straight_ms:>10.2} ms{proxied_ms:>10.2} ms{own_ms:>9.2} ms{times:>8.2}"
            )?;
        }
        let first = median_ms(&mut self.first_answer.clone());
        let peak = Duration::from_micros(self.peak_bytes).as_secs_f64();
        writeln!(f, "\n{:<28}{first:>10.2} ms", "start to first answer")?;
        writeln!(f, "{:<28}{peak:>10.2} MB", "peak while 1 GiB overflows")
    }
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}
