//! The `ottla` process: its allocator, runtimes, signals, log and exit code. All else is the
//! library's.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use broker::cli::{Cli, Process};
use clap::Parser as _;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The machine or the cluster is at fault.
const EXIT_FAULT: u8 = 1;
/// The caller is: as clap exits for a wrong command line.
const EXIT_USAGE: u8 = 2;
/// As a shell has it for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// How long a task that blocks its thread may keep the process from ending.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The quorum and the heartbeats do little; what matters is that nobody is in their way.
const QUORUM_THREADS: usize = 1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let error = match log_to_stderr(cli.log_filter()) {
        Ok(()) => match run(cli) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error,
        },
        Err(bad_filter) => Failure { line: bad_filter, code: EXIT_USAGE },
    };
    // Nothing is left to do where standard error is gone too.
    let _ = writeln!(io::stderr(), "ottla: {}", error.line);
    ExitCode::from(error.code)
}

struct Failure {
    line: String,
    code: u8,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { line: format!("can't start the process's threads: {error}"), code: EXIT_FAULT }
    }
}

impl From<broker::cli::Error> for Failure {
    fn from(error: broker::cli::Error) -> Self {
        let code = if error.is_usage() { EXIT_USAGE } else { EXIT_FAULT };
        Self { line: error.to_string(), code }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().enable_all().thread_name("ottla").build()?;
    let quorum: Runtime = Builder::new_multi_thread()
        .enable_all()
        .worker_threads(QUORUM_THREADS)
        .thread_name("ottla-quorum")
        .build()?;
    let process = Process {
        quorum_runtime: quorum.handle().clone(),
        environment: env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        program: env::args().next().unwrap_or_else(|| "ottla".to_owned()),
        stop: Box::pin(stop_requested(&runtime)?),
        output: Box::new(io::stdout()),
        output_is_terminal: io::stdout().is_terminal(),
    };
    let done = runtime.block_on(cli.run(process));
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    quorum.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    Ok(done?)
}

/// Ends at the first SIGINT or SIGTERM. The second ends the process on the spot.
fn stop_requested(runtime: &Runtime) -> io::Result<impl Future<Output = ()> + use<>> {
    let _entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (first, requested) = oneshot::channel();
    runtime.spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        let _ = first.send(());
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(EXIT_INTERRUPTED);
    });
    Ok(async move {
        let _ = requested.await;
    })
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn log_to_stderr(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    Ok(())
}
