//! The `ottla` process: its allocator, runtimes, signals, log and exit code. All else is the
//! library's.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use broker::cli::{Cli, Error, Exit, Process};
use clap::{CommandFactory as _, Parser as _};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a task that blocks its thread may keep the process from ending.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The quorum and the heartbeats do little; what matters is that nobody is in their way.
const QUORUM_THREADS: usize = 1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match log_to_stderr(cli.log_filter()).and_then(|()| run(cli)) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            // Nothing is left to do where standard error is gone too.
            let _ = print(&error);
            error.exit().into()
        }
    }
}

/// Prints an error as clap prints its own, in colours where it would.
fn print(error: &Error) -> io::Result<()> {
    let styles = Cli::command().get_styles().clone();
    let (failure, advice) = (styles.get_error(), styles.get_valid());
    let mut stderr = anstream::stderr().lock();
    writeln!(stderr, "{failure}error:{failure:#} {error}")?;
    if let Some(tip) = error.tip() {
        writeln!(stderr, "\n  {advice}tip:{advice:#} {tip}")?;
    }
    Ok(())
}

fn run(cli: Cli) -> Result<(), Error> {
    // Where the system hands out huge pages unasked, a node that holds 20 MB would hold 60.
    #[cfg(target_os = "linux")]
    let _best_effort = rustix::thread::disable_transparent_huge_pages(true);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("ottla")
        .build()
        .map_err(Error::Process)?;
    let quorum: Runtime = Builder::new_multi_thread()
        .enable_all()
        .worker_threads(QUORUM_THREADS)
        .thread_name("ottla-quorum")
        .build()
        .map_err(Error::Process)?;
    let (stop, stop_at_once) = stop_requested(&runtime).map_err(Error::Process)?;
    let process = Process {
        quorum_runtime: quorum.handle().clone(),
        environment: env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        program: env::args().next().unwrap_or_else(|| "ottla".to_owned()),
        stop: Box::pin(stop),
        stop_at_once: Box::pin(stop_at_once),
        output: Box::new(io::stdout()),
        output_is_terminal: io::stdout().is_terminal(),
        warnings: Box::new(anstream::stderr()),
    };
    let done = runtime.block_on(cli.run(process));
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    quorum.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    done
}

/// The first ends at the first SIGINT or SIGTERM, the second at the second. Where nobody holds that
/// one, the process ends on the spot.
fn stop_requested(
    runtime: &Runtime,
) -> io::Result<(impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>)> {
    let _entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (first, requested) = oneshot::channel();
    let (second, insisted) = oneshot::channel();
    runtime.spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        let _ = first.send(());
        either(&mut interrupt, &mut terminate).await;
        if second.send(()).is_err() {
            std::process::exit(Exit::Interrupted.code().into());
        }
    });
    let requested = async move {
        let _ = requested.await;
    };
    let insisted = async move {
        let _ = insisted.await;
    };
    Ok((requested, insisted))
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn log_to_stderr(filter: &str) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::Usage(format!("--log {filter}: {error}")))?;
    // Colours on terminals only, and not where NO_COLOR is set.
    let choice = anstream::AutoStream::choice(&io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(choice != anstream::ColorChoice::Never)
        .init();
    Ok(())
}
