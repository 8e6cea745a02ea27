//! A client that says exactly what a test wants said: any bytes, any message at any version.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::{
    CorrelationId, ErrorCode, LeaderEpoch, Message, Offset, PartitionIndex, ProducerId, Reader,
    Request, RequestHeader, ResponseHeader, Timestamp, TopicId, TopicName,
    api::{
        create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
        fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData},
        init_producer_id::InitProducerIdRequest,
        list_offsets::{
            ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
            ListOffsetsTopic,
        },
        metadata::MetadataRequest,
        produce::{
            PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take on a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// A topic, by both of its names.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
}

impl Topic {
    /// One that nobody created.
    pub(crate) fn unknown() -> Self {
        Self { name: "nobody-created-this".into(), id: protocol::Uuid([7; 16]) }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    next_id: i32,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, next_id: 100 }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        // A peer that has closed already is what some tests wait for.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Tells the broker that nothing more will be sent.
    pub(crate) async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Sends a frame with this content.
    pub(crate) async fn send_frame(&mut self, content: &[u8]) {
        self.send_bytes(&frame(content)).await;
    }

    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> CorrelationId {
        let id = CorrelationId(self.next_id);
        self.next_id += 1;
        self.send_frame(&encode(version, id, request)).await;
        id
    }

    /// The next answer, which must be the one to this request.
    pub(crate) async fn receive<R: Request>(
        &mut self,
        version: i16,
        id: CorrelationId,
    ) -> R::Response {
        let frame = self.receive_frame().await.expect("an answer, not the connection's end");
        let mut reader = Reader::new(frame);
        let header = ResponseHeader::read::<R::Response>(&mut reader, version).unwrap();
        assert_eq!(header.correlation_id, id, "answers are in the order of their requests");
        let response = R::Response::read(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0, "bytes after {} v{version}", R::Response::NAME);
        response
    }

    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let id = self.send(version, request).await;
        self.receive::<R>(version, id).await
    }

    /// The next frame's content; none if the connection ended before it began.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        timeout(ANSWER_TIME_MAX, self.read_frame()).await.expect("an answer in time")
    }

    async fn read_frame(&mut self) -> Option<Bytes> {
        let length = self.stream.read_i32().await.ok()?;
        let mut content = BytesMut::zeroed(usize::try_from(length).unwrap());
        self.stream.read_exact(&mut content).await.ok()?;
        Some(content.freeze())
    }

    /// Whether the broker ends the connection without another word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.receive_frame().await.is_none()
    }

    /// Whether no answer is there yet.
    pub(crate) async fn is_silent_for(&mut self, time: Duration) -> bool {
        let mut byte = [0];
        timeout(time, self.stream.peek(&mut byte)).await.is_err()
    }

    /// Proves that the node still serves this connection.
    pub(crate) async fn assert_served(&mut self) {
        let request = MetadataRequest { topics: Some(vec![]), ..MetadataRequest::default() };
        assert_eq!(self.call(13, &request).await.brokers.len(), 1);
    }

    pub(crate) async fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Topic {
        let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        });
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let mut response = self.call(7, &request).await;
        let created = response.topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::None, "{:?}", created.error_message);
        Topic { name: created.name, id: created.topic_id }
    }

    /// Produces to partition 0 with acks=all, at the latest version.
    pub(crate) async fn produce(
        &mut self,
        topic: &Topic,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        self.produce_at(13, -1, topic, batch).await
    }

    /// Produces what must be taken, and returns the offset it got.
    pub(crate) async fn append(&mut self, topic: &Topic, batch: Bytes) -> Offset {
        let response = self.produce(topic, batch).await;
        assert_eq!(response.error_code, ErrorCode::None, "{:?}", response.error_message);
        response.base_offset
    }

    pub(crate) async fn produce_at(
        &mut self,
        version: i16,
        acks: i16,
        topic: &Topic,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let request = produce_request(acks, topic, &[(0, batch)]);
        let mut response = self.call(version, &request).await;
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Fetches what there is in partition 0, without waiting, at the latest version.
    pub(crate) async fn fetch(&mut self, topic: &Topic, offset: i64) -> PartitionData {
        self.fetch_at(18, topic, offset).await
    }

    pub(crate) async fn fetch_at(
        &mut self,
        version: i16,
        topic: &Topic,
        offset: i64,
    ) -> PartitionData {
        let response = self.call(version, &fetch_request(topic, &[(0, offset)])).await;
        assert_eq!(response.error_code, ErrorCode::None);
        only_partition(response)
    }

    pub(crate) async fn list_offset(
        &mut self,
        version: i16,
        topic: &Topic,
        timestamp: Timestamp,
    ) -> ListOffsetsPartitionResponse {
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let request = ListOffsetsRequest {
            topics: vec![ListOffsetsTopic {
                name: topic.name.clone(),
                partitions: vec![partition],
            }],
            ..Default::default()
        };
        let mut response = self.call(version, &request).await;
        response.topics.remove(0).partitions.remove(0)
    }

    pub(crate) async fn producer_id(&mut self) -> ProducerId {
        let request = InitProducerIdRequest::default();
        let response = self.call(5, &request).await;
        assert_eq!(response.error_code, ErrorCode::None);
        response.producer_id
    }
}

/// Header and body of a request.
pub(crate) fn encode<R: Request>(version: i16, id: CorrelationId, request: &R) -> BytesMut {
    let mut content = BytesMut::new();
    header::<R>(version, id).write::<R>(&mut content);
    request.write(version, &mut content);
    content
}

pub(crate) fn header<R: Request>(version: i16, id: CorrelationId) -> RequestHeader {
    RequestHeader {
        api_key: R::KEY as i16,
        api_version: version,
        correlation_id: id,
        client_id: Some("it".to_owned()),
    }
}

/// A frame: the length, then the content.
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let length = i32::try_from(content.len()).unwrap();
    [&length.to_be_bytes(), content].concat()
}

pub(crate) fn produce_request(
    acks: i16,
    topic: &Topic,
    batches: &[(i32, Bytes)],
) -> ProduceRequest {
    let partition_data = batches.iter().map(|(index, batch)| PartitionProduceData {
        index: PartitionIndex(*index),
        records: Some(batch.clone()),
    });
    ProduceRequest {
        acks,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: topic.name.clone(),
            topic_id: topic.id,
            partition_data: partition_data.collect(),
        }],
        ..ProduceRequest::default()
    }
}

/// Asks for (partition, offset), without a session and without waiting.
pub(crate) fn fetch_request(topic: &Topic, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|(index, offset)| FetchPartition {
        partition: PartitionIndex(*index),
        fetch_offset: Offset(*offset),
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    });
    FetchRequest {
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: topic.name.clone(),
            topic_id: topic.id,
            partitions: partitions.collect(),
        }],
        ..FetchRequest::default()
    }
}

pub(crate) fn only_partition(mut response: FetchResponse) -> PartitionData {
    assert_eq!(response.responses.len(), 1);
    assert_eq!(response.responses[0].partitions.len(), 1);
    response.responses.remove(0).partitions.remove(0)
}

/// The epoch that a partition which never moved is in.
pub(crate) const FIRST_EPOCH: LeaderEpoch = LeaderEpoch(0);
