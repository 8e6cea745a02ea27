//! Load on a broker: as fast as it goes, or on a schedule.

pub(crate) mod by_hand;

use crate::connection::Connection;
use crate::fetcher::Fetcher;
use crate::prepared::{Prepared, check_response};
use crate::schedule::Schedule;
use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;
use std::io::Write;
use std::net::SocketAddr;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// As Kafka's producer has it: `max.in.flight.requests.per.connection`.
pub(crate) const DEPTH: usize = 5;

/// Whatever takes longer counts as this.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// How much was acknowledged or read, and how long that took.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Volume {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

impl Volume {
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64()
    }

    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.took.as_secs_f64()
    }

    /// What was used for each gigabyte of records, in seconds.
    pub(crate) fn seconds_per_gigabyte(&self, used: Duration) -> f64 {
        used.as_secs_f64() / (self.bytes as f64 / 1e9)
    }
}

/// A closed loop: each connection keeps some requests in flight until all bytes are acknowledged.
pub(crate) fn flat_out(
    address: SocketAddr,
    requests: &[Prepared],
    connections: usize,
    depth: usize,
    bytes: u64,
) -> Result<Volume> {
    let begun = Instant::now();
    let share = bytes.div_ceil(u64::try_from(connections)?);
    let volumes = thread::scope(|scope| {
        let spawn = |number: usize| {
            // Each starts elsewhere, so that they don't queue behind one another.
            let mut requests = requests.to_vec();
            let first = number * requests.len() / connections;
            requests.rotate_left(first);
            scope.spawn(move || one_flat_out(address, requests, depth, share))
        };
        (0..connections).map(spawn).collect::<Vec<_>>().into_iter().map(join).collect::<Vec<_>>()
    });
    let mut total = Volume::default();
    for volume in volumes {
        let volume = volume?;
        total.records += volume.records;
        total.bytes += volume.bytes;
    }
    Ok(Volume { took: begun.elapsed(), ..total })
}

fn one_flat_out(
    address: SocketAddr,
    mut requests: Vec<Prepared>,
    depth: usize,
    bytes: u64,
) -> Result<Volume> {
    let mut connection = Connection::open(address)?;
    let mut volume = Volume::default();
    let (mut sent, mut acknowledged) = (0_usize, 0_usize);
    let count = requests.len();
    while volume.bytes < bytes || acknowledged < sent {
        if volume.bytes < bytes && sent - acknowledged < depth {
            let request = &mut requests[sent % count];
            let id = i32::try_from(sent).context("too many requests")?;
            connection.sender.write_all(request.bytes(id)).context("sending a batch")?;
            volume.records += request.records;
            volume.bytes += request.record_bytes;
            sent += 1;
        } else {
            let frame = connection.receiver.next().context("waiting for an acknowledgement")?;
            check_response(frame, i32::try_from(acknowledged).context("too many requests")?)?;
            acknowledged += 1;
        }
    }
    Ok(volume)
}

/// Producers that each have one request in flight at a time. Returns how long each request took
/// that was answered in time.
pub(crate) fn one_by_one(
    address: SocketAddr,
    requests: &[Prepared],
    producers: usize,
    lasts: Duration,
) -> Result<Latencies> {
    let ends = Instant::now() + lasts;
    let produce = |number: usize| -> Result<Latencies> {
        let mut request = requests[number % requests.len()].clone();
        let mut connection = Connection::open(address)?;
        let mut latencies = Latencies::default();
        for id in 0.. {
            let begun = Instant::now();
            connection.sender.write_all(request.bytes(id)).context("sending a batch")?;
            let frame = connection.receiver.next().context("waiting for an acknowledgement")?;
            if Instant::now() > ends {
                break;
            }
            latencies.record(begun);
            check_response(frame, id)?;
        }
        Ok(latencies)
    };
    thread::scope(|scope| {
        let spawn = |number| scope.spawn(move || produce(number));
        let producers: Vec<_> = (0..producers).map(spawn).collect();
        let mut total = Latencies::default();
        for producer in producers {
            total.add(&join(producer)?);
        }
        Ok(total)
    })
}

/// An open loop over one connection: each request is sent when it is due, whatever became of those
/// before it. Returns how long after they were due the requests of each phase were acknowledged.
pub(crate) fn paced(
    address: SocketAddr,
    mut requests: Vec<Prepared>,
    schedule: &Schedule,
    begins: Instant,
) -> Result<Vec<Latencies>> {
    let Connection { mut sender, mut receiver, .. } = Connection::open(address)?;
    let total = schedule.requests();
    thread::scope(|scope| {
        let sending = scope.spawn(move || -> Result<()> {
            sleep_precisely();
            let mut next = (0..requests.len()).cycle();
            for number in 0..total {
                let (due, _) = schedule.due(number).expect("it is one of the schedule");
                sleep_until(begins + due);
                let request = &mut requests[next.next().expect("a cycle has no end")];
                let id = i32::try_from(number).context("too many requests")?;
                sender.write_all(request.bytes(id)).context("sending a batch")?;
            }
            Ok(())
        });
        let mut latencies: Vec<Latencies> = Vec::new();
        for number in 0..total {
            let frame = receiver.next().context("waiting for an acknowledgement")?;
            let (due, phase) = schedule.due(number).expect("it is one of the schedule");
            if latencies.len() <= phase {
                latencies.resize_with(phase + 1, Latencies::default);
            }
            latencies[phase].record(begins + due);
            check_response(frame, i32::try_from(number).context("too many requests")?)?;
        }
        join(sending)?;
        Ok(latencies)
    })
}

/// Reads partitions to the end that they had when it came there.
pub(crate) fn read_all(fetcher: &mut Fetcher) -> Result<Volume> {
    let begun = Instant::now();
    let mut volume = Volume::default();
    loop {
        let fetched = fetcher.poll(100)?;
        volume.records += fetched.records;
        volume.bytes += fetched.bytes;
        if fetched.behind == 0 {
            return Ok(Volume { took: begun.elapsed(), ..volume });
        }
    }
}

/// Times from when something was due until it was there.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let longest = LATENCY_MAX.as_nanos().try_into().expect("below 500 years");
        Self(Histogram::new_with_max(longest, 3).expect("three digits are possible"))
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, due: Instant) {
        let nanos = Instant::now().saturating_duration_since(due).as_nanos();
        self.0.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, others: &Self) {
        self.0.add(&others.0).expect("all have the same bounds");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds, of a quantile from 0 to 1.
    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Asks the kernel to wake this thread on time, not with the usual slack of 50 microseconds.
pub(crate) fn sleep_precisely() {
    // Without it the latencies are longer by that, for every broker alike.
    let _ = rustix::thread::set_current_timer_slack(1.try_into().ok());
}

pub(crate) fn sleep_until(instant: Instant) {
    let left = instant.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        thread::sleep(left);
    }
}

pub(crate) fn join<T>(handle: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    handle.join().unwrap_or_else(|_| Err(anyhow!("a thread of the load panicked")))
}

#[cfg(test)]
mod tests {
    use super::{DEPTH, flat_out, paced, read_all};
    use crate::fetcher::Fetcher;
    use crate::prepared::Shape;
    use crate::schedule::{Phase, Schedule};
    use crate::stub::{Options, Stub};
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    #[test]
    fn every_record_of_both_loops_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let options =
            Options { partitions: 6, wrap_bytes: 1 << 30, sync: false, copy_to: Vec::new() };
        let port = Stub::start(directory.path(), &options).unwrap();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let shape = Shape { batch_bytes: 10_000, ..Shape::default() };

        let sent = flat_out(address, &shape.requests(), 3, DEPTH, 1_000_000).unwrap();
        assert!((1_000_000..1_100_000).contains(&sent.bytes), "{sent:?}");
        assert_eq!(sent.bytes, sent.records * 1000);

        let single = Shape { batch_bytes: 0, ..shape };
        let phase = Phase { per_second: 1000, lasts: Duration::from_millis(50) };
        let schedule = Schedule::of(&[phase, phase]);
        let latencies = paced(address, single.requests(), &schedule, Instant::now()).unwrap();
        assert_eq!(latencies.iter().map(|phase| phase.count()).collect::<Vec<_>>(), [50, 50]);

        let mut fetcher = Fetcher::open(address, single.topic, 0..6).unwrap();
        assert_eq!(read_all(&mut fetcher).unwrap().records, sent.records + 100);
    }
}
