//! `ottla cluster events`: who went down, who came back, which leader moved, and why.

use std::{io, time::Duration};

use clap::Args;
use client::Cluster;
use controller::events::{ClusterEvent, ClusterEventsRequest, ClusterEventsResponse};
use protocol::ApiKey;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::super::{
    Error, Process,
    connect::Connect,
    output::{Format, Output, Table, unless_closed},
    time::rfc3339,
};

const EXAMPLES: &str = "\
Examples:
  ottla cluster events
  ottla cluster events --limit 1000 -o json
  ottla cluster events --follow

The cluster remembers the last 10000 events, as far as its controllers' logs reach back. Times are
those of the controller that decided.";

/// How often it's asked for what is new.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// After a failure that may pass.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Events {
    /// How many at most: the latest of them.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// Go on with what happens from now on. As JSON, each event is a line then.
    #[arg(long, short = 'f')]
    follow: bool,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    output: Output,
}

/// An event. What isn't said of its kind is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Shown {
    /// Which entry of the metadata log made it so.
    index: i64,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    time: Option<String>,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_leader: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader_epoch: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The event of the same entry that made it necessary.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

impl Events {
    /// Whether it only ends when it's interrupted.
    pub(super) fn is_endless(&self) -> bool {
        self.follow
    }

    pub(super) async fn run(self, mut process: Process) -> Result<(), Error> {
        let cluster = self.connect.cluster(false).await?;
        let request = ClusterEventsRequest { limit: self.limit, ..Default::default() };
        let mut told = ask(&cluster, &request).await?;
        if told.left_out > 0 && self.output.format == Format::Table {
            let older = told.left_out;
            process.note(format!("{older} older events aren't shown: --limit shows more"));
        }
        if !self.follow {
            let shown = shown(&told.events);
            let print = |events: &Vec<Shown>| table(events);
            return unless_closed(self.output.print(&mut *process.output, &shown, print));
        }
        loop {
            let out = &mut *process.output;
            for event in shown(&told.events) {
                match self.output.format {
                    Format::Table => writeln!(out, "{}  {}", event.when(), event.sentence())?,
                    Format::Json => {
                        serde_json::to_writer(&mut *out, &event).map_err(io::Error::from)?;
                        writeln!(out)?;
                    }
                }
            }
            match out.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                flushed => flushed?,
            }
            sleep(FOLLOW_INTERVAL).await;
            told = ask(&cluster, &ClusterEventsRequest::after(told.index)).await?;
        }
    }
}

/// Asks, and again while it may pass: controllers take over from one another.
async fn ask(
    cluster: &Cluster,
    request: &ClusterEventsRequest,
) -> Result<ClusterEventsResponse, Error> {
    let deadline = Instant::now() + cluster.options().retry_for;
    loop {
        let asked = async {
            let told = cluster.any().await?.call(request).await?;
            match told.error_code {
                code if code.is_none() => Ok(told),
                code => {
                    let subject = "ClusterEvents".into();
                    Err(client::Error::Answer { subject, code, message: None })
                }
            }
        };
        match asked.await {
            Ok(told) => return Ok(told),
            Err(error) if error.is_retriable() && Instant::now() < deadline => {
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => return Err(explain(error)),
        }
    }
}

fn explain(error: client::Error) -> Error {
    match error {
        client::Error::UnsupportedVersion { api: ApiKey::ClusterEvents, .. } => Error::from(error)
            .with_tip("only Ottla's clusters tell of events: is this another one, or an older?"),
        error => error.into(),
    }
}

fn shown(events: &[ClusterEvent]) -> Vec<Shown> {
    events.iter().map(Shown::of).collect()
}

fn table(events: &[Shown]) -> Table {
    let mut table = Table::new(["TIME", "EVENT"]);
    for event in events {
        table.row([event.when(), event.sentence()]);
    }
    table
}

impl Shown {
    fn of(event: &ClusterEvent) -> Self {
        let is_of_partition = event.topic.is_some();
        let known = |id: i32| Some(id).filter(|id| *id >= 0);
        let timestamp = Some(event.timestamp.0).filter(|timestamp| *timestamp >= 0);
        Self {
            index: event.index,
            timestamp,
            time: timestamp.map(rfc3339),
            event: event.kind.clone(),
            broker: known(event.broker.0),
            topic: event.topic.as_ref().map(ToString::to_string),
            partition: is_of_partition.then_some(event.partition.0),
            previous_leader: known(event.previous_leader.0),
            leader: known(event.leader.0),
            leader_epoch: is_of_partition.then_some(event.leader_epoch.0),
            reason: event.reason.clone(),
            because: event.because.clone(),
        }
    }

    fn when(&self) -> String {
        self.time.clone().unwrap_or_else(|| "(time not known)".to_owned())
    }

    fn sentence(&self) -> String {
        let broker = self.broker.unwrap_or(-1);
        let reason = self.reason.as_deref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        match (self.event.as_str(), &self.topic) {
            ("broker-registered", _) => format!("broker {broker} has started, and catches up"),
            ("broker-unfenced", _) => format!("broker {broker} is in service"),
            ("broker-fenced", _) => format!("broker {broker} is out of service{reason}"),
            ("broker-leaving", _) => format!("broker {broker} stops, and hands over what it leads"),
            ("broker-lost-directories", _) => format!("broker {broker} lost replicas{reason}"),
            ("broker-unregistered", _) => format!("broker {broker} is gone for good"),
            ("controller-changed", _) => format!("controller {broker} is active{reason}"),
            (_, Some(topic)) => self.leader_sentence(topic),
            // A newer cluster knows of more.
            (other, None) => match self.broker {
                Some(broker) => format!("broker {broker}: {other}{reason}"),
                None => format!("{other}{reason}"),
            },
        }
    }

    fn leader_sentence(&self, topic: &str) -> String {
        let partition = format!("{topic}-{}", self.partition.unwrap_or_default());
        let right = self.reason.as_deref().unwrap_or("no reason given");
        let change = match (self.previous_leader, self.leader) {
            (Some(before), Some(now)) => format!("is led by {now} ({right}) instead of {before}"),
            (None, Some(now)) => format!("is led by {now} ({right}) again, after nobody"),
            (Some(before), None) => format!("is offline: nobody may lead it after {before}"),
            (None, None) => "is offline: nobody may lead it".to_owned(),
        };
        let because = self.because.as_deref().map(|cause| format!(", since {cause}"));
        format!("{partition} {change}{}", because.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use protocol::{BrokerId, LeaderEpoch, PartitionIndex, Timestamp};

    use super::*;

    fn of_broker(index: i64, kind: &str, broker: i32, reason: Option<&str>) -> ClusterEvent {
        ClusterEvent {
            index,
            timestamp: Timestamp(1_769_862_600_123),
            kind: kind.to_owned(),
            broker: BrokerId(broker),
            reason: reason.map(str::to_owned),
            ..ClusterEvent::default()
        }
    }

    fn of_leader(from: i32, to: i32, reason: Option<&str>, because: &str) -> ClusterEvent {
        ClusterEvent {
            topic: Some("orders".into()),
            partition: PartitionIndex(3),
            previous_leader: BrokerId(from),
            leader: BrokerId(to),
            leader_epoch: LeaderEpoch(5),
            because: Some(because.to_owned()).filter(|because| !because.is_empty()),
            ..of_broker(7, "leader-changed", -1, reason)
        }
    }

    fn sentences(events: &[ClusterEvent]) -> Vec<String> {
        shown(events).iter().map(Shown::sentence).collect()
    }

    #[test]
    fn each_leader_that_moves_is_told_with_its_cause() {
        let gone = Some("its listener refuses connections");
        assert_eq!(
            sentences(&[
                of_broker(7, "broker-fenced", 1, gone),
                of_leader(1, 2, Some("in sync"), "broker 1 stops"),
                of_leader(1, -1, None, "broker 1 stops"),
                of_leader(2, 3, Some("in sync"), ""),
                of_broker(9, "broker-unfenced", 1, None),
                of_leader(-1, 1, Some("eligible"), "broker 1 is in service"),
            ]),
            [
                "broker 1 is out of service: its listener refuses connections",
                "orders-3 is led by 2 (in sync) instead of 1, since broker 1 stops",
                "orders-3 is offline: nobody may lead it after 1, since broker 1 stops",
                "orders-3 is led by 3 (in sync) instead of 2",
                "broker 1 is in service",
                "orders-3 is led by 1 (eligible) again, after nobody, since broker 1 is in service",
            ]
        );
    }

    #[test]
    fn an_event_of_a_newer_cluster_is_still_told() {
        let news = [of_broker(1, "broker-sneezed", 4, Some("dust"))];
        assert_eq!(sentences(&news), ["broker 4: broker-sneezed: dust"]);
    }

    #[test]
    fn a_cluster_that_tells_of_no_events_is_explained() {
        let error = explain(client::Error::UnsupportedVersion {
            address: "kafka:9092".into(),
            api: ApiKey::ClusterEvents,
            ours: 0..=0,
        });
        assert!(error.tip().is_some_and(|tip| tip.contains("only Ottla's clusters")));
    }

    #[test]
    fn json_leaves_out_what_an_event_does_not_say() {
        let shown = shown(&[of_broker(7, "broker-unfenced", 1, None)]);
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            r#"[{"index":7,"timestamp":1769862600123,"time":"2026-01-31T12:30:00.123Z","event":"broker-unfenced","broker":1}]"#
        );
    }
}
