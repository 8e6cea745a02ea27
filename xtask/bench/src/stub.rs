//! The ceiling: a broker that does the least a broker can do.
//!
//! One blocking thread for each connection. A batch is checked, its offset and epoch are patched
//! where it was received, and it is written with one call. A fetch is read into a buffer that is
//! used again, and sent from there. It keeps nothing, recovers nothing, and every topic is the
//! same one.

mod answer;
mod copies;
mod partition;

use crate::command_line::CommandLine;
use crate::frame::Frames;
use answer::Answer;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use copies::Copies;
use partition::{Arrivals, Partition};
use protocol::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use protocol::api::fetch::FetchRequest;
use protocol::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use protocol::api::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use protocol::{ApiKey, CorrelationId, ErrorCode, Message, Reader, RequestHeader, TopicName};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A partition's file begins anew here, so that it is written into pages that are there already.
const WRAP_MIB: u64 = 256;

/// The one version of Fetch that it writes. It advertises the older ones as well, without which
/// librdkafka takes it for an old broker.
pub(crate) const FETCH_VERSION: i16 = 11;
const FETCH_VERSIONS: Range<i16> = 4..FETCH_VERSION + 1;

const SELF: i32 = 0;
const ACKS_ALL: i16 = -1;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) partitions: usize,
    pub(crate) wrap_bytes: u64,
    /// Whether every batch is synced before it is acknowledged.
    pub(crate) sync: bool,
    /// The stubs that have a copy before acks=all is answered.
    pub(crate) copy_to: Vec<SocketAddr>,
}

#[derive(Debug)]
pub(crate) struct Stub {
    copy_to: Vec<SocketAddr>,
    partitions: Vec<Partition>,
    arrivals: Arrivals,
    port: u16,
}

/// Serves until the input ends, so that it never outlives who started it.
pub(crate) fn run(mut line: CommandLine) -> Result<()> {
    let directory = line.required("dir")?;
    let options = Options {
        partitions: line.number("partitions", 6)?,
        wrap_bytes: line.number("wrap-mib", WRAP_MIB)? * 1024 * 1024,
        sync: line.flag("sync"),
        copy_to: addresses(&line.optional("copy-to").unwrap_or_default())?,
    };
    line.finish()?;
    let port = Stub::start(Path::new(&directory), &options)?;
    println!("{port}");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).context("waiting for the end of the input")?;
    Ok(())
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>> {
    let addresses = text.split(',').filter(|address| !address.is_empty());
    addresses.map(|address| address.parse().with_context(|| address.to_owned())).collect()
}

impl Stub {
    /// Serves from threads of its own, and returns the port.
    pub(crate) fn start(directory: &Path, options: &Options) -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
        let port = listener.local_addr().context("the port")?.port();
        let partitions = (0..options.partitions)
            .map(|index| Partition::create(directory, index, options))
            .collect::<Result<_>>()?;
        let (arrivals, copy_to) = (Arrivals::default(), options.copy_to.clone());
        let stub = Arc::new(Self { copy_to, partitions, arrivals, port });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let stub = Arc::clone(&stub);
                std::thread::spawn(move || {
                    if let Err(error) = stub.serve(stream) {
                        eprintln!("stub: {error:#}");
                    }
                });
            }
        });
        Ok(port)
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true).context("setting no-delay")?;
        let mut frames = Frames::new(stream.try_clone().context("sharing a connection")?);
        let mut answer = Answer::default();
        let mut copies = Copies::open(&self.copy_to)?;
        // A client that hangs up is no error.
        while let Ok(frame) = frames.next() {
            let mut reader = Reader::new(frame.clone());
            let header = RequestHeader::read(&mut reader).context("a request's header")?;
            answer.start(header.correlation_id);
            match ApiKey::try_from(header.api_key) {
                Ok(ApiKey::Produce) => {
                    let request: ProduceRequest = read(&header, &mut reader)?;
                    let acks = request.acks;
                    let batches = Batches::of(&request, &frame)?;
                    if acks == ACKS_ALL {
                        copies.send(&frame)?;
                    }
                    drop((request, reader, frame));
                    let response = frames.last_mut(|bytes| self.append(batches, bytes))?;
                    if acks == ACKS_ALL {
                        copies.wait()?;
                    }
                    if acks == 0 {
                        continue;
                    }
                    answer.message(&response, header.api_version);
                }
                Ok(ApiKey::Fetch) => {
                    let request: FetchRequest = read(&header, &mut reader)?;
                    self.fetch(&request, header.correlation_id, &mut answer)?;
                }
                Ok(ApiKey::Metadata) => {
                    let request: MetadataRequest = read(&header, &mut reader)?;
                    answer.message(&self.metadata(&request), header.api_version);
                }
                Ok(ApiKey::ApiVersions) => {
                    let _: ApiVersionsRequest = read(&header, &mut reader)?;
                    answer.message(&api_versions(), header.api_version);
                }
                _ => bail!("API {} is not served", header.api_key),
            }
            if stream.write_all(answer.finish()).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Appends batches that lie in a frame, whose response names their offsets.
    fn append(&self, batches: Batches, frame: &mut [u8]) -> Result<ProduceResponse> {
        let mut responses = Vec::with_capacity(batches.0.len());
        for (name, places) in batches.0 {
            let mut partition_responses = Vec::with_capacity(places.len());
            for (index, place) in places {
                let base_offset = self.partition(index)?.append(&mut frame[place])?;
                partition_responses.push(PartitionProduceResponse {
                    index: index.into(),
                    base_offset: base_offset.into(),
                    log_start_offset: 0.into(),
                    ..PartitionProduceResponse::default()
                });
            }
            responses.push(TopicProduceResponse {
                name,
                partition_responses,
                ..TopicProduceResponse::default()
            });
        }
        self.arrivals.announce();
        Ok(ProduceResponse { responses, ..ProduceResponse::default() })
    }

    /// Answers as soon as there is anything, or when the wait is over.
    fn fetch(
        &self,
        request: &FetchRequest,
        correlation_id: CorrelationId,
        answer: &mut Answer,
    ) -> Result<()> {
        let wait = u64::try_from(request.max_wait_ms).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(wait);
        loop {
            let seen = self.arrivals.seen();
            answer.start(correlation_id);
            if answer.fetched(request, self)? > 0 || !self.arrivals.wait_until(deadline, seen) {
                return Ok(());
            }
        }
    }

    fn partition(&self, index: i32) -> Result<&Partition> {
        let partition = usize::try_from(index).ok().and_then(|index| self.partitions.get(index));
        partition.with_context(|| format!("there is no partition {index}"))
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let partitions = || {
            (0..).take(self.partitions.len()).map(|index: i32| MetadataResponsePartition {
                partition_index: index.into(),
                leader_id: SELF.into(),
                leader_epoch: 0.into(),
                replica_nodes: vec![SELF.into()],
                isr_nodes: vec![SELF.into()],
                ..MetadataResponsePartition::default()
            })
        };
        let topics = request.topics.iter().flatten().map(|topic| MetadataResponseTopic {
            name: topic.name.clone(),
            partitions: partitions().collect(),
            ..MetadataResponseTopic::default()
        });
        let broker = MetadataResponseBroker {
            node_id: SELF.into(),
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: self.port.into(),
            rack: None,
        };
        MetadataResponse {
            brokers: vec![broker],
            controller_id: SELF.into(),
            topics: topics.collect(),
            ..MetadataResponse::default()
        }
    }
}

fn read<M: Message>(header: &RequestHeader, reader: &mut Reader) -> Result<M> {
    let version = header.api_version;
    header.finish(reader, M::context(version).flexible).context("a request's header")?;
    M::read(reader, version).with_context(|| format!("a {} of version {version}", M::NAME))
}

fn api_versions() -> ApiVersionsResponse {
    fn range<M: Message>(versions: Range<i16>) -> ApiVersion {
        ApiVersion {
            api_key: M::KEY as i16,
            min_version: versions.start,
            max_version: versions.end - 1,
        }
    }
    ApiVersionsResponse {
        error_code: ErrorCode::None,
        api_keys: vec![
            range::<ProduceRequest>(0..13),
            range::<FetchRequest>(FETCH_VERSIONS),
            range::<MetadataRequest>(0..13),
            range::<ApiVersionsRequest>(0..5),
        ],
        ..ApiVersionsResponse::default()
    }
}

/// Where the batches of a request lie in its frame, by topic.
#[derive(Debug)]
struct Batches(Vec<(TopicName, Vec<Place>)>);

/// A partition's batch, as a range of bytes.
type Place = (i32, Range<usize>);

impl Batches {
    fn of(request: &ProduceRequest, frame: &Bytes) -> Result<Self> {
        let frame_at = frame.as_ptr().addr();
        let topics = request.topic_data.iter().map(|topic| {
            let places = topic.partition_data.iter().map(|data| {
                let records = data.records.as_ref().context("a partition without records")?;
                let start = records.as_ptr().addr() - frame_at;
                Ok((data.index.0, start..start + records.len()))
            });
            Ok((topic.name.clone(), places.collect::<Result<_>>()?))
        });
        topics.collect::<Result<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{FETCH_VERSION, Options, Stub};
    use crate::connection::Connection;
    use crate::fetcher::Fetcher;
    use crate::prepared::{PRODUCE_VERSION, Shape, check_response};
    use protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
    use protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
    use protocol::records::{Batches, validate};
    use protocol::{LeaderEpoch, Offset};
    use std::io::Write;
    use std::net::{Ipv4Addr, SocketAddr};

    fn start(wrap_bytes: u64) -> (tempfile::TempDir, SocketAddr) {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { partitions: 2, wrap_bytes, sync: true, copy_to: Vec::new() };
        let port = Stub::start(directory.path(), &options).unwrap();
        (directory, (Ipv4Addr::LOCALHOST, port).into())
    }

    fn shape() -> Shape {
        Shape { partitions: 0..2, record_bytes: 100, batch_bytes: 1000, ..Shape::default() }
    }

    fn produce(address: SocketAddr, times: i32) {
        let mut connection = Connection::open(address).unwrap();
        for mut request in shape().requests() {
            for id in 0..times {
                connection.sender.write_all(request.bytes(id)).unwrap();
                let frame = connection.receiver.next().unwrap();
                let offset = check_response(frame, id).unwrap();
                assert_eq!(offset, i64::from(id) * 8, "a batch follows the one before it");
            }
        }
    }

    #[test]
    fn what_is_produced_is_fetched_with_its_offsets() {
        let (_directory, address) = start(1 << 20);
        produce(address, 3);
        let request = FetchRequest {
            topics: vec![FetchTopic {
                topic: shape().topic,
                partitions: vec![FetchPartition {
                    partition: 1.into(),
                    fetch_offset: Offset(9),
                    partition_max_bytes: 1_000_000,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            max_bytes: 1_000_000,
            ..FetchRequest::default()
        };
        let response = Connection::open(address).unwrap().call(&request, FETCH_VERSION).unwrap();
        let data = &response.responses[0].partitions[0];
        assert_eq!((data.partition_index.0, data.high_watermark), (1, Offset(24)));
        let records = data.records.clone().unwrap();
        let offsets: Vec<i64> = Batches::new(&records)
            .map(|batch| {
                let (header, bytes) = batch.unwrap();
                validate(bytes).unwrap();
                assert_eq!(header.partition_leader_epoch, LeaderEpoch(0));
                header.base_offset.0
            })
            .collect();
        assert_eq!(offsets, [8, 16], "from the batch on that holds the offset");
    }

    #[test]
    fn what_is_acknowledged_at_acks_all_is_on_the_other_stubs_too() {
        let others: Vec<_> = (0..2).map(|_| start(1 << 20)).collect();
        let directory = tempfile::tempdir().unwrap();
        let copy_to = others.iter().map(|(_, address)| *address).collect();
        let options = Options { partitions: 2, wrap_bytes: 1 << 20, sync: false, copy_to };
        let port = Stub::start(directory.path(), &options).unwrap();
        let leader = (Ipv4Addr::LOCALHOST, port).into();
        let mut connection = Connection::open(leader).unwrap();
        for (acks, id) in [(1, 0), (-1, 1)] {
            let mut request = Shape { acks, ..shape() }.requests().remove(0);
            connection.sender.write_all(request.bytes(id)).unwrap();
            check_response(connection.receiver.next().unwrap(), id).unwrap();
        }
        let records =
            |address| Fetcher::open(address, shape().topic, 0..1).unwrap().poll(1).unwrap().records;
        assert_eq!(records(leader), 16);
        for (_, other) in others {
            assert_eq!(records(other), 8, "what was sent at acks=all, and no more");
        }
    }

    #[test]
    fn a_fetcher_reads_all_there_is_and_no_more() {
        let (_directory, address) = start(1 << 20);
        produce(address, 5);
        let mut fetcher = Fetcher::open(address, shape().topic, 0..2).unwrap();
        let mut records = 0;
        while records < 80 {
            records += fetcher.poll(10).unwrap().records;
        }
        assert_eq!(records, 80);
        assert_eq!(fetcher.poll(1).unwrap().records, 0);
    }

    #[test]
    fn a_file_begins_anew_and_forgets_what_it_wrote_over() {
        let (directory, address) = start(2000);
        produce(address, 7);
        let longest = std::fs::read_dir(directory.path()).unwrap();
        let longest = longest.map(|e| e.unwrap().metadata().unwrap().len()).max().unwrap();
        assert!(longest <= 2000, "{longest}");
        let mut fetcher = Fetcher::open(address, shape().topic, 0..1).unwrap();
        assert!(fetcher.poll(1).is_err(), "the first offset is gone");
    }

    #[test]
    fn metadata_names_every_partition_at_every_version() {
        let (_directory, address) = start(1 << 20);
        for version in 1..=12 {
            let topic = MetadataRequestTopic {
                name: Some("any".into()),
                ..MetadataRequestTopic::default()
            };
            let request =
                MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
            let response = Connection::open(address).unwrap().call(&request, version).unwrap();
            assert_eq!(response.topics[0].partitions.len(), 2);
            assert_eq!(response.brokers[0].port, i32::from(address.port()));
        }
        assert_eq!(PRODUCE_VERSION, 12);
    }
}
