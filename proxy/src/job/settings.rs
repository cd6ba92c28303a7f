//! The settings of jobs, and the variables that set them.

use std::time::Duration;

use crate::environment::{Reader, VariableError, values};
use crate::metrics::MetricsConfig;

/// The resources of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResources {
    /// The DynamoDB table.
    pub table: String,
    /// The name or ARN of the job function.
    pub function: String,
    /// The first part of every key in the bucket, without a slash at either end.
    pub prefix: String,
}

/// The configuration of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsConfig {
    /// The resources.
    pub place: JobResources,
    /// The limits.
    pub settings: JobSettings,
    /// The minimum size of a part of an export, in bytes.
    pub part_bytes: usize,
}

impl JobsConfig {
    /// The metrics of jobs. Their dimension is the job function, whichever function ends a job.
    #[must_use]
    pub fn metrics(&self, metrics: &MetricsConfig) -> MetricsConfig {
        MetricsConfig { function: self.place.function.clone(), enabled: metrics.enabled }
    }
}

/// The default size of a part, in bytes; S3 requires 5 MiB. A few are in memory at a time.
const PART_BYTES: &str = "8388608";

/// The limits of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// `false` refuses new jobs and ends existing ones.
    pub enabled: bool,
    /// The largest payload of an asynchronous invocation, in bytes: `lambda_async_request` of the date in force.
    pub event_max: u64,
    /// The largest state, in bytes.
    pub state_max: u64,
    /// The maximum number of generations.
    pub generations_max: u64,
    /// The maximum age of a job.
    pub age_max: Duration,
    /// The maximum number of steps of a generation, even if time is left.
    pub steps_max: u64,
    /// The number of times that a generation is started.
    pub attempts_max: u32,
    /// The number of times that a sweeper invokes a generation again.
    pub revivals_max: u32,
    /// The maximum number of unfinished jobs of an owner.
    pub per_owner_max: usize,
    /// The time for which a result is kept.
    pub retention: Duration,
    /// With less time left than this, no step begins and the state is handed over.
    pub soft_margin: Duration,
    /// With less time left than this, a step is cut off.
    pub hard_margin: Duration,
    /// The time that a queued generation may wait until Lambda accepts its event.
    pub handover_patience: Duration,
    /// The time that Lambda may take to start a generation after it accepted the event.
    pub queue_patience: Duration,
    /// The time after its deadline for which a run counts as running, because clocks differ.
    pub grace: Duration,
    /// The minimum interval between writes of progress.
    pub progress_every: Duration,
    /// The interval at which a run checks, during a step, whether it still holds the job.
    pub watch_every: Duration,
}

impl JobSettings {
    /// The defaults; `event_max` is the limit in force.
    #[must_use]
    pub fn new(event_max: u64) -> JobSettings {
        JobSettings {
            enabled: true,
            event_max,
            state_max: 16_777_216,
            generations_max: 500,
            age_max: Duration::from_secs(24 * 3600),
            steps_max: u64::MAX,
            attempts_max: 3,
            revivals_max: 10,
            per_owner_max: 10,
            retention: Duration::from_secs(24 * 3600),
            soft_margin: Duration::from_secs(60),
            hard_margin: Duration::from_secs(15),
            handover_patience: Duration::from_secs(60),
            queue_patience: Duration::from_secs(600),
            grace: Duration::from_secs(30),
            progress_every: Duration::from_secs(5),
            watch_every: Duration::from_secs(5),
        }
    }
}

/// Reads the configuration of jobs: none, or both table and function.
pub(crate) fn read(reader: &mut Reader<'_>, event_max: u64) -> Option<JobsConfig> {
    let table = reader.given("JOBS_TABLE", values::text);
    let own_name = reader.given("AWS_LAMBDA_FUNCTION_NAME", values::text);
    let function = reader.given("JOB_FUNCTION", values::text);
    // A template cannot refer to a function in its own environment, so `self` stands for it.
    let function = if function.as_deref() == Some("self") { own_name } else { function };
    let settings = bounds(reader, JobSettings::new(event_max));
    let prefix = reader.optional("JOBS_PREFIX", "jobs", values::key_prefix);
    let part_bytes = reader.optional("JOB_PART_BYTES", PART_BYTES, values::positive);
    match (table, function) {
        (Some(table), Some(function)) => {
            let place = JobResources { table, function, prefix };
            let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
            Some(JobsConfig { place, settings, part_bytes })
        }
        (None, None) => None,
        (table, _) => {
            let (name, other) = if table.is_none() {
                ("JOBS_TABLE", "JOB_FUNCTION")
            } else {
                ("JOB_FUNCTION", "JOBS_TABLE")
            };
            let problem = format!("is not set, but {other} is; set both or neither");
            reader.errors.push(VariableError { name, problem });
            None
        }
    }
}

fn bounds(reader: &mut Reader<'_>, usual: JobSettings) -> JobSettings {
    let mut millis = |name, usual: Duration| {
        reader.given(name, values::positive).map_or(usual, Duration::from_millis)
    };
    let soft_margin = millis("JOB_SOFT_MARGIN_MS", usual.soft_margin);
    let hard_margin = millis("JOB_HARD_MARGIN_MS", usual.hard_margin);
    let queue_patience = millis("JOB_QUEUE_PATIENCE_MS", usual.queue_patience);
    let handover_patience = millis("JOB_HANDOVER_PATIENCE_MS", usual.handover_patience);
    let grace = millis("JOB_GRACE_MS", usual.grace);
    let mut seconds = |name, usual: Duration| {
        reader.given(name, values::positive).map_or(usual, Duration::from_secs)
    };
    let age_max = seconds("JOB_MAX_AGE_SECONDS", usual.age_max);
    let retention = seconds("JOB_RETENTION_SECONDS", usual.retention);
    let mut count = |name, usual: u64| reader.given(name, values::positive).unwrap_or(usual);
    let generations_max = count("JOB_MAX_GENERATIONS", usual.generations_max);
    let steps_max = count("JOB_STEPS_PER_GENERATION", usual.steps_max);
    let attempts = count("JOB_ATTEMPTS", u64::from(usual.attempts_max));
    let per_owner = count("JOBS_PER_OWNER", usual.per_owner_max as u64);
    JobSettings {
        enabled: reader.optional("JOBS", "on", values::on_or_off),
        soft_margin,
        hard_margin,
        queue_patience,
        handover_patience,
        grace,
        age_max,
        retention,
        generations_max,
        steps_max,
        attempts_max: u32::try_from(attempts).unwrap_or(u32::MAX),
        // More jobs would not be listed.
        per_owner_max: usize::try_from(per_owner).unwrap_or(usize::MAX).min(50),
        ..usual
    }
}
