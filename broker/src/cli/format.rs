//! `ottla format`: tells a node's directories whose they are, as Kafka's storage tool does.

use clap::Args;
use protocol::Uuid;
use tracing::warn;

use crate::{
    Doors,
    config::{BrokerConfig, Loaded},
    identity::{DirectoryFormatted, FormatMode, format_node},
};

use super::{Error, Process, configuration::Configuration};

const EXAMPLES: &str = "\
Examples:
  ottla format --cluster-id $(ottla random-uuid) --config server.properties --standalone
  ottla format --cluster-id 4L6g3nShT-eMCtK--X86sw --config broker.properties";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Format {
    /// The cluster's id, the same on all of its nodes. Draw one with `ottla random-uuid`.
    #[arg(long, short = 't', value_name = "ID")]
    cluster_id: String,
    #[command(flatten)]
    configuration: Configuration,
    /// Leave directories alone that are formatted already, and format the others.
    #[arg(long, short = 'g')]
    ignore_formatted: bool,
    /// Make this controller a quorum of one, whatever the configuration names.
    #[arg(long, short)]
    standalone: bool,
}

impl Format {
    pub(super) fn run(self, mut process: Process) -> Result<(), Error> {
        let Loaded { config, warnings } = self.configuration.load(&process)?;
        for warning in warnings {
            warn!("{warning}");
        }
        check(&config, &self.cluster_id, self.standalone)?;
        let mode = if self.ignore_formatted { FormatMode::MissingOnly } else { FormatMode::All };
        let doors = Doors::production(process.quorum_runtime);
        for dir in format_node(&config, &doors, &self.cluster_id, mode)? {
            match dir {
                DirectoryFormatted::Formatted(path) => writeln!(
                    process.output,
                    "Formatted {} for node {} of cluster {}.",
                    path.display(),
                    config.node_id,
                    self.cluster_id
                )?,
                DirectoryFormatted::AlreadyFormatted(path) => {
                    writeln!(process.output, "{} is formatted already.", path.display())?;
                }
            }
        }
        Ok(())
    }
}

/// Refuses what would make a node that can't take part in its cluster.
fn check(config: &BrokerConfig, cluster_id: &str, standalone: bool) -> Result<(), Error> {
    let refuse = |sentence: String| Err(Error::Usage(sentence));
    if cluster_id.parse::<Uuid>().is_err() {
        return refuse(format!(
            "{cluster_id} is no cluster id: it needs 22 characters of base64url, draw one with \
             `ottla random-uuid`"
        ));
    }
    if standalone && !config.roles.controller {
        return refuse("--standalone is for controllers, and process.roles has none".to_owned());
    }
    // Controllers that each thought themselves alone would be clusters of one name.
    if config.roles.controller && !config.is_quorum_of_one && !standalone {
        return refuse(format!(
            "node {} isn't the only controller that the configuration names: make it a quorum of \
             one with --standalone",
            config.node_id
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::Sources;

    use super::*;

    const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

    fn checked(sets: &[&str], cluster_id: &str, standalone: bool) -> Result<(), String> {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = BrokerConfig::load(&Sources { sets, ..Sources::default() }).unwrap().config;
        check(&config, cluster_id, standalone).map_err(|error| {
            assert_eq!(error.exit(), super::super::Exit::Usage);
            error.to_string()
        })
    }

    #[test]
    fn a_cluster_id_is_a_uuid() {
        assert_eq!(checked(&[], CLUSTER, false), Ok(()));
        let error = checked(&[], "my-cluster", false).unwrap_err();
        assert!(error.contains("draw one with `ottla random-uuid`"), "{error}");
    }

    #[test]
    fn only_a_lone_controller_is_a_quorum_by_itself() {
        let three = ["controller.quorum.voters=1@a:1,2@b:1,3@c:1"];
        let error = checked(&three, CLUSTER, false).unwrap_err();
        assert!(error.contains("node 1 isn't the only controller"), "{error}");
        assert_eq!(checked(&three, CLUSTER, true), Ok(()));
        let broker = [
            "process.roles=broker",
            "listeners=PLAINTEXT://127.0.0.1:9092",
            "controller.quorum.bootstrap.servers=h:9093",
        ];
        assert_eq!(checked(&broker, CLUSTER, false), Ok(()));
        let error = checked(&broker, CLUSTER, true).unwrap_err();
        assert!(error.contains("--standalone is for controllers"), "{error}");
    }
}
