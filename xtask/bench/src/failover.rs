//! A broker dies under load, and it's seen when the others acknowledge again.
//!
//! The producer here waits for nobody: it looks for a new leader all the time. So what it sees is
//! the cluster's share of an outage; a client's own backoff comes on top of it.

use crate::cluster::Cluster;
use crate::connection::{Connection, decode};
use crate::load::{join, sleep_precisely, sleep_until};
use crate::prepared::{PRODUCE_VERSION, Prepared, Shape, check_response};
use crate::server::Server;
use crate::topics;
use anyhow::{Context, Result, ensure};
use protocol::api::produce::ProduceResponse;
use protocol::{BrokerId, TopicName};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A request names so many partitions at most, so that the answer doesn't wait for too many.
const PARTITIONS_PER_REQUEST: usize = 10;

/// How long each node takes load before one is killed.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long the partitions may stay without acknowledgements.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the survivors are asked who leads.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The load: records of 1 KB at acks=all.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) topic: TopicName,
    /// Which partitions take it.
    pub(crate) partitions: BTreeSet<i32>,
    /// Records, on all of them together.
    pub(crate) per_second: u32,
}

impl Load {
    /// Requests for some of its partitions, and how long each of them stands for.
    fn requests(&self, partitions: &[i32]) -> (Vec<Prepared>, Duration) {
        // A partition of its own may as well have several records in each request.
        let records = if self.partitions.len() == 1 { 5 } else { 1 };
        let shape = Shape {
            topic: self.topic.clone(),
            batch_bytes: records * 1100,
            batches_per_request: PARTITIONS_PER_REQUEST,
            acks: -1,
            ..Shape::default()
        };
        let requests = shape.requests_for(partitions);
        let records: u64 = requests.iter().map(|request| request.records).sum();
        let share = partitions.len() as f64 / self.partitions.len() as f64;
        let once_round = records as f64 / (f64::from(self.per_second) * share);
        let each = Duration::from_secs_f64(once_round / requests.len() as f64);
        (requests, each)
    }

    fn led_by(&self, node: BrokerId, connection: &mut Connection) -> Result<Vec<i32>> {
        let leaders = topics::leaders(connection, &self.topic)?.into_iter();
        let led =
            leaders.filter(|(index, leader)| *leader == node && self.partitions.contains(index));
        Ok(led.map(|(index, _)| index).collect())
    }
}

/// Kills a node as `kill -9` does while all of them take load. Returns the time from its last
/// acknowledgement until every partition has acknowledged what was sent after its end. The
/// partitions that others lead count too: they wait for the dead to leave the in-sync replicas.
pub(crate) fn gap_of(cluster: &mut Cluster, load: &Load, victim: BrokerId) -> Result<Duration> {
    let nodes = who_leads(cluster, load)?;
    let pending = Mutex::new(load.partitions.clone());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let spawn = |(id, address, led): &(BrokerId, SocketAddr, Vec<i32>)| {
            let (id, address, led, over) = (*id, *address, led.clone(), &over);
            (id, scope.spawn(move || steady(address, load, &led, over)))
        };
        let loaded: Vec<_> = nodes.iter().map(spawn).collect();
        thread::sleep(WARM_UP);
        let killed = cluster.node(victim).and_then(Server::kill);
        let survivors = nodes.iter().filter(|(id, ..)| *id != victim && killed.is_ok());
        let ask = |(id, address, _): &(BrokerId, SocketAddr, _)| {
            let (id, address, pending) = (*id, *address, &pending);
            scope.spawn(move || until_acknowledged(id, address, load, pending))
        };
        let asking: Vec<_> = survivors.map(ask).collect();
        let acknowledged: Vec<_> = asking.into_iter().map(join).collect();
        over.store(true, Ordering::SeqCst);
        let mut before = Answers::default();
        for (id, thread) in loaded {
            let answers = join(thread)?;
            if id == victim {
                before = answers;
            }
        }
        killed?;
        let Answers { last_acknowledged, refusals, last_refusal } = before;
        let last_before = last_acknowledged.with_context(|| {
            format!("the victim acknowledged nothing, and refused {refusals}: {last_refusal:?}")
        })?;
        let ends = acknowledged.into_iter().collect::<Result<Vec<_>>>()?;
        let end = ends.into_iter().flatten().max().context("nobody acknowledged anything")?;
        Ok(end.saturating_duration_since(last_before))
    })
}

/// What each node knows that it leads, once that is all of it together: each hears of the topic in
/// its own time.
fn who_leads(cluster: &Cluster, load: &Load) -> Result<Vec<(BrokerId, SocketAddr, Vec<i32>)>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut nodes = Vec::new();
        for (id, address) in cluster.addresses() {
            nodes.push((id, address, load.led_by(id, &mut Connection::open(address)?)?));
        }
        let led: usize = nodes.iter().map(|(_, _, led)| led.len()).sum();
        if led == load.partitions.len() {
            return Ok(nodes);
        }
        ensure!(Instant::now() < deadline, "{led} of the partitions have leaders that know it");
        thread::sleep(LOOK_EVERY);
    }
}

/// What came of a steady load.
#[derive(Debug, Default)]
struct Answers {
    last_acknowledged: Option<Instant>,
    refusals: u64,
    last_refusal: Option<anyhow::Error>,
}

/// Sends one request after another at a steady rate, until it's over or the broker's gone.
fn steady(
    address: SocketAddr,
    load: &Load,
    partitions: &[i32],
    over: &AtomicBool,
) -> Result<Answers> {
    let mut answers = Answers::default();
    if partitions.is_empty() {
        return Ok(answers);
    }
    sleep_precisely();
    let (mut requests, each) = load.requests(partitions);
    let mut connection = Connection::open(address)?;
    let mut due = Instant::now();
    let mut id = 0;
    while !over.load(Ordering::SeqCst) {
        sleep_until(due);
        due = (due + each).max(Instant::now() - each);
        let count = requests.len();
        let request = &mut requests[usize::try_from(id)? % count];
        if connection.sender.write_all(request.bytes(id)).is_err() {
            break;
        }
        let Ok(frame) = connection.receiver.next() else { break };
        match check_response(frame, id) {
            Ok(_) => answers.last_acknowledged = Some(Instant::now()),
            // As during an election: what becomes of those is measured elsewhere.
            Err(refusal) => {
                answers.refusals += 1;
                answers.last_refusal = Some(refusal);
            }
        }
        id += 1;
    }
    Ok(answers)
}

/// Produces to what a survivor leads, and comes to lead, until all has acknowledged. Returns when the
/// last one did here.
fn until_acknowledged(
    node: BrokerId,
    address: SocketAddr,
    load: &Load,
    pending: &Mutex<BTreeSet<i32>>,
) -> Result<Option<Instant>> {
    let mut connection = Connection::open(address)?;
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        let wanted = pending.lock().expect("no holder panics").clone();
        if wanted.is_empty() {
            return Ok(last);
        }
        ensure!(Instant::now() < deadline, "{} partitions stay silent", wanted.len());
        let mut led = load.led_by(node, &mut connection)?;
        led.retain(|index| wanted.contains(index));
        if led.is_empty() {
            thread::sleep(LOOK_EVERY);
            continue;
        }
        let (mut requests, _) = load.requests(&led);
        for (id, request) in (0..).zip(&mut requests) {
            connection.sender.write_all(request.bytes(id)).context("sending records")?;
        }
        for _ in &requests {
            let frame = connection.receiver.next().context("waiting for an acknowledgement")?;
            let (_, response) = decode::<ProduceResponse>(frame, PRODUCE_VERSION)?;
            let mut pending = pending.lock().expect("no holder panics");
            for answer in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
                if answer.error_code.is_none() && pending.remove(&answer.index.0) {
                    last = Some(Instant::now());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Load;
    use std::time::Duration;

    fn load(partitions: i32) -> Load {
        Load { topic: "load".into(), partitions: (0..partitions).collect(), per_second: 5_000 }
    }

    #[test]
    fn a_leader_takes_the_share_of_the_load_that_its_partitions_have() {
        let led: Vec<i32> = (0..300).collect();
        let (requests, each) = load(1000).requests(&led);
        assert_eq!(requests.len(), 30);
        assert!(requests.iter().all(|request| request.records == 10));
        // 1500 records a second.
        assert_eq!(each.as_micros(), 6_666);
    }

    #[test]
    fn a_partition_of_its_own_takes_all_of_the_load() {
        let (requests, each) = load(1).requests(&[0]);
        assert_eq!((requests.len(), requests[0].records), (1, 5));
        assert_eq!(each, Duration::from_millis(1));
    }
}
