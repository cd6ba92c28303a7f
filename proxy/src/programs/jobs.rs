//! The Lambda functions of jobs: `job`, which invokes itself, and `sweeper`, which runs on a schedule.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::aws::LazyAws;
use crate::clock;
use crate::config::Config;
use crate::job::export::{self, Export};
use crate::job::forward::{self, Forward};
use crate::job::search::UpstreamSearch;
use crate::job::settings::JobsConfig;
use crate::job::{Engine, RunOutcome, aws};
use crate::upstream::Upstream;

/// The time that a sweep reserves for reporting its result.
const SWEEP_MARGIN: Duration = Duration::from_secs(2);

/// Runs the function `job` until Lambda ends it.
pub fn run_job() -> ExitCode {
    run_job_with(|engine, _| engine)
}

/// Runs the function `job` with further kinds of job, which `register` adds to the engine, until Lambda ends it.
#[tokio::main]
pub async fn run_job_with(
    register: impl FnOnce(Engine, Arc<UpstreamSearch>) -> Engine,
) -> ExitCode {
    let Some((config, jobs)) = configured("job").await else {
        return ExitCode::FAILURE;
    };
    let (engine, search) = engine(&config, &jobs).await;
    let engine = Arc::new(register(engine, search));
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let engine = Arc::clone(&engine);
        async move {
            let payload = event.payload.get().as_bytes();
            let ran = Box::pin(engine.run(payload, event.context.deadline)).await;
            let ran = ran.inspect_err(|error| tracing::error!("the generation failed: {error}"))?;
            if let RunOutcome::Unreadable(why) = &ran {
                tracing::error!("the event is not a job event and was dropped: {why}");
            }
            Ok::<Value, Error>(json!({ "ran": format!("{ran:?}") }))
        }
    });
    ended(lambda_runtime::run(serve).await)
}

/// Runs the function `sweeper` until Lambda ends it. The record of a failed event is processed; any other event starts a sweep.
#[tokio::main]
pub async fn run_sweeper() -> ExitCode {
    let Some((config, jobs)) = configured("sweeper").await else {
        return ExitCode::FAILURE;
    };
    let engine = Arc::new(engine(&config, &jobs).await.0);
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let engine = Arc::clone(&engine);
        async move {
            if engine.event_failed(event.payload.get().as_bytes()).await? {
                return Ok::<Value, Error>(json!({ "heard": true }));
            }
            let left = clock::until_epoch_millis(event.context.deadline);
            let margin = SWEEP_MARGIN.min(left / 4);
            let deadline = event.context.deadline.saturating_sub(millis(margin));
            let swept = Box::pin(engine.sweep(deadline)).await?;
            tracing::info!(?swept);
            Ok(json!({
                "revived": swept.revived, "ended": swept.ended, "cleared": swept.cleared,
                "failed": swept.failed, "cut_short": swept.cut_short,
            }))
        }
    });
    ended(lambda_runtime::run(serve).await)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The configuration, if it is valid and includes jobs.
async fn configured(program: &str) -> Option<(Config, JobsConfig)> {
    let config = crate::configured(false).await?;
    let Some(jobs) = config.jobs.clone() else {
        tracing::error!("{program} cannot start: JOBS_TABLE and JOB_FUNCTION are not set");
        return None;
    };
    Some((config, jobs))
}

/// An engine with the proxy's kinds of job, and the search of the upstream.
async fn engine(config: &Config, jobs: &JobsConfig) -> (Engine, Arc<UpstreamSearch>) {
    let ports = aws::ports(&jobs.place, &config.overflow).await;
    let upstream = Arc::new(Upstream::new(config.upstream.clone()));
    let aws = Arc::new(LazyAws::new(config.overflow.clone()));
    let (uploads, result_max) = (config.uploads.clone(), config.max_body);
    let search = Arc::new(UpstreamSearch::new(Arc::clone(&upstream), Arc::clone(&aws)));
    let forward = forward::Tools { upstream, aws, uploads, result_max };
    let part_bytes = jobs.part_bytes;
    let export = export::Tools { search: Arc::clone(&search) as _, part_bytes, result_max };
    let engine = Engine::new(ports, jobs.settings.clone())
        .with_metrics(jobs.metrics(&config.metrics))
        .with::<Forward>(forward)
        .with::<Export>(export);
    (engine, search)
}

fn ended(ran: Result<(), Error>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the runtime API of Lambda failed: {error}");
            ExitCode::FAILURE
        }
    }
}
