//! A run as a file: the limits in force, the sums, the newest records. Whoever has it can render the run again.

use hardcap_limits::Limits;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::report::Report;
use hardcap_core::record::{Record, Recorder, Totals};

/// A run, as `--records` writes it and `GET /_hardcap/records` answers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The version of hardcap that ran.
    pub version: String,
    /// The id of the run, which a reset changes; empty in files of versions that had none.
    #[serde(default)]
    pub run: String,
    /// The day whose limits were in force.
    pub limits: String,
    /// The numbers that were not the day's own, by row.
    pub set: IndexMap<String, u64>,
    /// The sums over everything.
    pub totals: Totals,
    /// The newest records, oldest first.
    pub records: Vec<Record>,
}

/// Why a file is no run.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is not the JSON that `--records` writes.
    #[error("it is no file that `--records` writes: {0}")]
    Shape(#[from] serde_json::Error),
    /// It names a day that is none, or a limit that this version does not know.
    #[error("it names limits that this version of hardcap does not know: {0}")]
    Limits(String),
}

impl Saved {
    /// What a recorder has, under the limits in force.
    #[must_use]
    pub fn new(limits: &Limits, recorder: &Recorder) -> Saved {
        Saved {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: recorder.run().id.to_string(),
            limits: limits.date().to_string(),
            set: limits.overridden().map(|(row, max)| (row.name.to_owned(), max)).collect(),
            totals: recorder.totals(),
            records: recorder.newest(),
        }
    }

    /// Reads what was written.
    ///
    /// # Errors
    ///
    /// [`SavedError`] when it is something else, or of a version that had other limits.
    pub fn read(text: &[u8]) -> Result<Saved, SavedError> {
        let saved: Saved = serde_json::from_slice(text)?;
        saved.limits_in_force()?;
        Ok(saved)
    }

    /// The limits that were in force.
    ///
    /// # Errors
    ///
    /// [`SavedError::Limits`] for a day or a row that does not exist.
    pub fn limits_in_force(&self) -> Result<Limits, SavedError> {
        let date = self.limits.parse();
        let date = date
            .map_err(|error: hardcap_limits::InvalidDate| SavedError::Limits(error.to_string()))?;
        let mut limits = Limits::at(date);
        for (row, max) in &self.set {
            limits.set(row, *max).map_err(|error| SavedError::Limits(error.to_string()))?;
        }
        Ok(limits)
    }

    /// The run folded by limit.
    ///
    /// # Errors
    ///
    /// As [`Saved::limits_in_force`].
    pub fn report(&self) -> Result<Report, SavedError> {
        Ok(Report::new(&self.limits_in_force()?, &self.totals))
    }
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Bytes;

    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::{Condition, What};

    fn recorder(limits: &Limits) -> Recorder {
        let recorder = Recorder::new(Clock::default());
        recorder.admit("a", &limits.lambda_sync_response, Bytes(10)).expect("it fits");
        recorder.admit("b", &limits.lambda_sync_response, Bytes(1_001)).expect_err("one over");
        let function = || "f".to_owned();
        for what in [
            What::ColdStart { function: function(), millis: 3 },
            What::EventEnded { function: function(), condition: Condition::Success, attempts: 1 },
            What::Answered {
                api: "Api".to_owned(),
                method: "GET".to_owned(),
                path: "/".to_owned(),
                status: 502,
                millis: 1,
            },
        ] {
            recorder.record("b", what);
        }
        recorder
    }

    #[test]
    fn a_run_that_was_written_and_read_again_has_the_same_report() {
        let mut limits = Limits::at("2018-01-01".parse().expect("a day"));
        limits.set("lambda_sync_response", 1_000).expect("the row exists");
        let recorder = recorder(&limits);
        let text = serde_json::to_vec(&Saved::new(&limits, &recorder)).expect("JSON");
        let saved = Saved::read(&text).expect("it was written by the same version");
        let report = Report::new(&limits, &recorder.totals());
        assert_eq!(saved.report().expect("known limits").to_table(), report.to_table());
        assert_eq!(saved.records.len(), 5);
        assert_eq!(
            serde_json::to_vec(&saved).expect("JSON"),
            text,
            "and is written the same again"
        );
    }

    #[test]
    fn what_is_no_run_is_refused_with_the_reason() {
        let mut limits = Limits::classic();
        limits.set("lambda_sync_response", 1_000).expect("the row exists");
        let text = serde_json::to_string(&Saved::new(&limits, &recorder(&limits))).expect("JSON");
        for (from, to, said) in [
            ("{", "[", "no file that `--records` writes"),
            ("2022-04-22", "yesterday", "yesterday"),
            (
                "lambda_sync_response",
                "lambda_sync_respond",
                "no limit called `lambda_sync_respond`",
            ),
            ("\"Success\"", "\"Sucess\"", "unknown variant `Sucess`"),
        ] {
            let error = Saved::read(text.replacen(from, to, 1).as_bytes()).expect_err(to);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
