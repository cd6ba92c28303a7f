//! A run as a file: the limits in force, the sums and the newest records. `hardcap report` renders it again.

use hardcap_limits::Limits;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Report;
use hardcap_core::record::{Record, Recorder, Totals};

/// A run, as `--records` writes it and `GET /_hardcap/records` returns it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedRun {
    /// The version of hardcap that ran.
    pub version: String,
    /// The id of the run; a reset begins another run. Empty in files of versions without run ids.
    #[serde(default)]
    pub run: String,
    /// The date of the limits in force.
    pub limits: String,
    /// The overridden limits by row.
    pub set: IndexMap<String, u64>,
    /// The sums over the whole run.
    pub totals: Totals,
    /// The newest records, oldest first.
    pub records: Vec<Record>,
}

/// The error of a file that is not a run.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file is not the JSON that `--records` writes.
    #[error("not a file written by `--records`: {0}")]
    Shape(#[from] serde_json::Error),
    /// The file has an invalid date, or a limit that this version does not have.
    #[error("the file has limits that this version of hardcap does not know: {0}")]
    Limits(String),
}

impl SavedRun {
    /// The run of a recorder, with the limits in force.
    #[must_use]
    pub fn new(limits: &Limits, recorder: &Recorder) -> SavedRun {
        SavedRun {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: recorder.run().id.to_string(),
            limits: limits.date().to_string(),
            set: limits.overridden().map(|(row, max)| (row.name.to_owned(), max)).collect(),
            totals: recorder.totals(),
            records: recorder.newest(),
        }
    }

    /// Parses a file that `--records` wrote.
    ///
    /// # Errors
    ///
    /// [`SavedError`] if it is another file, or if it has limits that this version does not know.
    pub fn read(text: &[u8]) -> Result<SavedRun, SavedError> {
        let saved: SavedRun = serde_json::from_slice(text)?;
        saved.limits_in_force()?;
        Ok(saved)
    }

    /// The limits in force.
    ///
    /// # Errors
    ///
    /// [`SavedError::Limits`] for an invalid date or an unknown row.
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

    /// The run summed by limit.
    ///
    /// # Errors
    ///
    /// As [`SavedRun::limits_in_force`].
    pub fn report(&self) -> Result<Report, SavedError> {
        Ok(Report::new(&self.limits_in_force()?, &self.totals))
    }
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Bytes;

    use super::*;
    use hardcap_core::clock::Clock;
    use hardcap_core::record::{Condition, Observation};

    fn recorder(limits: &Limits) -> Recorder {
        let recorder = Recorder::new(Clock::default());
        recorder.admit("a", &limits.lambda_sync_response, Bytes(10)).expect("it fits");
        recorder.admit("b", &limits.lambda_sync_response, Bytes(1_001)).expect_err("one over");
        let function = || "f".to_owned();
        for what in [
            Observation::ColdStart { function: function(), millis: 3 },
            Observation::EventEnded {
                function: function(),
                condition: Condition::Success,
                attempts: 1,
            },
            Observation::Answered {
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
        let text = serde_json::to_vec(&SavedRun::new(&limits, &recorder)).expect("JSON");
        let saved = SavedRun::read(&text).expect("a file of the same version");
        let report = Report::new(&limits, &recorder.totals());
        assert_eq!(saved.report().expect("known limits").to_table(), report.to_table());
        assert_eq!(saved.records.len(), 5);
        assert_eq!(
            serde_json::to_vec(&saved).expect("JSON"),
            text,
            "the second file differs from the first"
        );
    }

    #[test]
    fn a_file_that_is_not_a_run_is_refused_with_the_reason() {
        let mut limits = Limits::classic();
        limits.set("lambda_sync_response", 1_000).expect("the row exists");
        let text =
            serde_json::to_string(&SavedRun::new(&limits, &recorder(&limits))).expect("JSON");
        for (from, to, said) in [
            ("{", "[", "not a file written by `--records`"),
            ("2022-04-22", "yesterday", "yesterday"),
            (
                "lambda_sync_response",
                "lambda_sync_respond",
                "no limit called `lambda_sync_respond`",
            ),
            ("\"Success\"", "\"Sucess\"", "unknown variant `Sucess`"),
        ] {
            let error = SavedRun::read(text.replacen(from, to, 1).as_bytes()).expect_err(to);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
