//! `ottla cluster quorum`: who leads the controllers, who votes, and who lags.

use clap::Args;
use client::{Admin, admin::Quorum as Described};
use protocol::api::describe_quorum::QuorumReplica;
use serde::Serialize;

use super::super::{
    Error, Process,
    connect::Connect,
    output::{Format, Output, Table, unless_closed},
};

const EXAMPLES: &str = "\
Examples:
  ottla cluster quorum
  ottla cluster quorum --bootstrap host:9092 -o json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Quorum {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Shown {
    leader: i32,
    leader_epoch: i32,
    high_watermark: i64,
    voters: Vec<ShownReplica>,
    observers: Vec<ShownReplica>,
}

#[derive(Serialize)]
struct ShownReplica {
    id: i32,
    directory_id: String,
    address: Option<String>,
    leader: bool,
    /// The index after the last entry that it has, as far as the leader knows.
    log_end_offset: Option<i64>,
    /// How many entries it lacks that the leader has.
    lag: Option<i64>,
}

impl Quorum {
    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(false).await?;
        let shown = Shown::of(&Admin::new(cluster).describe_quorum().await?);
        if self.output.format == Format::Table {
            unless_closed(shown.print_heading(&mut *process.output))?;
        }
        unless_closed(self.output.print(&mut *process.output, &shown, Shown::table))
    }
}

impl Shown {
    fn of(quorum: &Described) -> Self {
        let replica = |replica| ShownReplica::of(quorum, replica);
        Self {
            leader: quorum.leader.0,
            leader_epoch: quorum.leader_epoch.0,
            high_watermark: quorum.high_watermark.0,
            voters: quorum.voters.iter().map(replica).collect(),
            observers: quorum.observers.iter().map(replica).collect(),
        }
    }

    fn print_heading(&self, out: &mut dyn std::io::Write) -> Result<(), Error> {
        let Self { leader, leader_epoch, high_watermark, .. } = self;
        writeln!(out, "controller {leader} leads in epoch {leader_epoch}")?;
        Ok(writeln!(out, "high watermark {high_watermark}\n")?)
    }

    fn table(&self) -> Table {
        let mut table =
            Table::new(["CONTROLLER", "ADDRESS", "ROLE", "LOG END", "LAG", "DIRECTORY"]);
        let voters = self.voters.iter().map(|voter| (voter, "voter"));
        let observers = self.observers.iter().map(|observer| (observer, "observer"));
        let or_unknown =
            |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
        for (replica, role) in voters.chain(observers) {
            table.row([
                replica.id.to_string(),
                replica.address.clone().unwrap_or_else(|| "-".to_owned()),
                if replica.leader { "leader" } else { role }.to_owned(),
                or_unknown(replica.log_end_offset),
                or_unknown(replica.lag),
                replica.directory_id.clone(),
            ]);
        }
        table
    }
}

impl ShownReplica {
    fn of(quorum: &Described, replica: &QuorumReplica) -> Self {
        let listener = quorum.nodes.get(&replica.replica_id).and_then(|all| all.first());
        Self {
            id: replica.replica_id.0,
            directory_id: replica.replica_directory_id.to_string(),
            address: listener.map(|at| format!("{}:{}", at.host, at.port)),
            leader: replica.replica_id == quorum.leader,
            log_end_offset: Some(replica.log_end_offset.0).filter(|offset| *offset >= 0),
            lag: quorum.lag(replica),
        }
    }
}
