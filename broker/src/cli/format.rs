//! `ottla format`: tells a node's directories whose they are, as Kafka's storage tool does.

use clap::Args;
use protocol::Uuid;
use tracing::warn;

use crate::{
    DirectoryFormatted, Doors, FormatMode, InitialControllers, config::Loaded, format_node,
};

use super::{Error, Process, configuration::Configuration};

const EXAMPLES: &str = "\
Examples:
  ottla format --cluster-id $(ottla random-uuid) --config server.properties --standalone
  ottla format --cluster-id 4L6g3nShT-eMCtK--X86sw --config broker.properties
  ottla format --cluster-id 4L6g3nShT-eMCtK--X86sw --config controller.properties \
    --initial-controllers \
    1@a:9093:MkU3OEVBNTcwNTJENDM2Qg,2@b:9093:u_ucTMKWRwGUGuWNYVmUTA,3@c:9093:1pfhjNyrTAK2R-JmGTCqxQ";

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
    /// Make this controller a quorum of one.
    #[arg(long, short, group = "initial")]
    standalone: bool,
    /// Make this controller one of the quorum's first, the same list on each of them. A directory
    /// id is drawn with `ottla random-uuid`.
    #[arg(long, short = 'I', group = "initial", value_name = "ID@HOST:PORT:DIRECTORY-ID,..")]
    initial_controllers: Option<String>,
    /// Make this controller none of the quorum's first.
    #[arg(long, short = 'N', group = "initial")]
    no_initial_controllers: bool,
}

impl Format {
    pub(super) fn run(self, mut process: Process) -> Result<(), Error> {
        let Loaded { config, warnings } = self.configuration.load(&process)?;
        for warning in warnings {
            warn!("{warning}");
        }
        check(&self.cluster_id)?;
        let initial = self.initial()?;
        let mode = if self.ignore_formatted { FormatMode::MissingOnly } else { FormatMode::All };
        let doors = Doors::production(process.quorum_runtime);
        for dir in format_node(&config, &doors, &self.cluster_id, &initial, mode)? {
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

    fn initial(&self) -> Result<InitialControllers, Error> {
        match &self.initial_controllers {
            Some(list) => InitialControllers::parse(list)
                .map_err(|reason| Error::Usage(format!("--initial-controllers {reason}"))),
            None if self.standalone => Ok(InitialControllers::Standalone),
            None if self.no_initial_controllers => Ok(InitialControllers::Others),
            None => Ok(InitialControllers::Configured),
        }
    }
}

fn check(cluster_id: &str) -> Result<(), Error> {
    match cluster_id.parse::<Uuid>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Usage(format!(
            "{cluster_id} is no cluster id: it needs 22 characters of base64url, draw one with \
             `ottla random-uuid`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_a_uuid() {
        assert!(check("4L6g3nShT-eMCtK--X86sw").is_ok());
        let error = check("my-cluster").unwrap_err();
        assert_eq!(error.exit(), super::super::Exit::Usage);
        assert!(error.to_string().contains("draw one with `ottla random-uuid`"), "{error}");
    }
}
