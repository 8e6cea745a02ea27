//! `ottla start`: one node, from its configuration to its end.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;
use tracing::{info, warn};

use crate::{
    Doors, Node, advertised_check,
    config::{Address, BrokerConfig, Loaded},
};

use super::{Error, Process, attached, configuration::Configuration};

const EXAMPLES: &str = "\
Examples:
  ottla start
  ottla start --set log.dirs=/var/lib/ottla --set num.partitions=10
  ottla start --config server.properties

Every key is also read from the environment: KAFKA_LOG_DIRS is log.dirs.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Start {
    #[command(flatten)]
    pub(super) configuration: Configuration,
    /// For a process that starts this one: tells it in one line that the node serves, and stops when
    /// it closes standard input, or ends.
    #[arg(long, hide = true)]
    attached: bool,
}

impl Start {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let Loaded { config, warnings } = self.configuration.load(&process)?;
        for warning in warnings {
            warn!("{warning}");
        }
        if self.attached {
            let asked = std::mem::replace(&mut process.stop, Box::pin(std::future::pending()));
            process.stop = Box::pin(either(asked, attached::input_closed()));
        }
        // Who starts a node without a file tries it out; who starts one with a file knows it.
        let is_trial =
            !self.attached && (self.configuration.config.is_none() || process.output_is_terminal);

        let doors = Doors::production(process.quorum_runtime.clone());
        let net = Arc::clone(&doors.net);
        let node = tokio::select! {
            biased;
            () = &mut process.stop => {
                info!("stopped before the node was up");
                return Ok(());
            }
            started = Box::pin(Node::start(config.clone(), doors)) => started?,
        };
        if is_trial && let Some(welcome) = welcome(&config, node.addresses(), &process.program) {
            writeln!(process.output, "{welcome}")?;
            process.output.flush()?;
        }
        if self.attached {
            writeln!(process.output, "{}", attached::SERVING)?;
            process.output.flush()?;
        }
        // Beside everything else: nothing waits for what it finds.
        let check = async {
            advertised_check::run(&config, &node, &*net).await;
            std::future::pending().await
        };
        let failed = tokio::select! {
            biased;
            () = &mut process.stop => None,
            error = node.failed() => Some(error),
            never = Box::pin(check) => never,
        };
        info!("shutting down");
        Box::pin(node.shutdown()).await;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Lines to paste for a first produce and consume. None where no client can connect.
///
/// `bound` has the ports that the system chose.
fn welcome(config: &BrokerConfig, bound: &[(String, SocketAddr)], program: &str) -> Option<String> {
    let listener = config.advertised_listeners.first()?;
    let chosen = bound.iter().find(|(name, _)| *name == listener.name);
    let port = match listener.port {
        0 => chosen?.1.port(),
        port => port,
    };
    let address = Address::new(&listener.host, port);
    let data: Vec<_> = config.log_dirs.iter().map(|dir| dir.display().to_string()).collect();
    Some(format!(
        "\nOttla is ready on {address}, with its data in {}. Ctrl-C stops it.\n{}",
        data.join(", "),
        first_lines(&address.to_string(), program),
    ))
}

/// Lines to paste.
pub(super) fn first_lines(bootstrap: &str, program: &str) -> String {
    let address = bootstrap;
    format!(
        "\n\
         A first record, in another terminal:\n\
         \n  \
           echo hello | {program} produce greetings --bootstrap {address}\n  \
           {program} consume greetings --bootstrap {address} --from-beginning\n\
         \n\
         Or with kcat:\n\
         \n  \
           echo hello | kcat -b {address} -P -t greetings\n  \
           kcat -b {address} -C -t greetings -e\n"
    )
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = one => {}
        () = other => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Sources;

    use super::*;

    #[test]
    fn the_welcome_can_be_pasted() {
        let config = BrokerConfig::load(&Sources::default()).unwrap().config;
        let text = welcome(&config, &[], "target/release/ottla").unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(
            lines,
            [
                "  echo hello | target/release/ottla produce greetings --bootstrap 127.0.0.1:9092",
                "  target/release/ottla consume greetings --bootstrap 127.0.0.1:9092 \
                 --from-beginning",
                "  echo hello | kcat -b 127.0.0.1:9092 -P -t greetings",
                "  kcat -b 127.0.0.1:9092 -C -t greetings -e",
            ]
        );
    }
}
