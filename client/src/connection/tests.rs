use std::io;

use protocol::api::{
    api_versions::ApiVersion,
    metadata::{MetadataRequest, MetadataResponse},
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

use super::*;
use crate::frame::{FrameError, FrameReader, write_frame};

/// The broker's end of a connection, played by hand.
struct Broker {
    stream: DuplexStream,
    frames: FrameReader,
}

impl Broker {
    async fn receive(&mut self) -> (RequestHeader, Reader) {
        let frame = self.frames.next(&mut self.stream).await.unwrap().expect("a request");
        let mut from = Reader::new(frame);
        (RequestHeader::read(&mut from).unwrap(), from)
    }

    /// Receives one request of a type, at any version.
    async fn request<R: Request>(&mut self) -> (RequestHeader, R) {
        let (header, mut from) = self.receive().await;
        assert_eq!(header.api_key, R::KEY as i16);
        header.finish(&mut from, R::context(header.api_version).flexible).unwrap();
        let request = R::read(&mut from, header.api_version).unwrap();
        assert_eq!(from.remaining(), 0);
        (header, request)
    }

    async fn respond<M: Message>(&mut self, id: CorrelationId, version: i16, response: &M) {
        let mut out = Chunks::default();
        ResponseHeader { correlation_id: id }.write::<M>(version, &mut out);
        response.write(version, &mut out);
        write_frame(&mut self.stream, &out.finish()).await.unwrap();
    }

    async fn agree_on_versions(&mut self) {
        let (header, request) = self.request::<ApiVersionsRequest>().await;
        assert_eq!(header.api_version, *ApiVersionsRequest::VERSIONS.end());
        assert_eq!(request.client_software_name, "ottla");
        let response = ApiVersionsResponse {
            api_keys: vec![
                ApiVersion { api_key: 18, min_version: 0, max_version: 4 },
                ApiVersion { api_key: 3, min_version: 0, max_version: 8 },
                ApiVersion { api_key: 0, min_version: 90, max_version: 99 },
                ApiVersion { api_key: 31_000, min_version: 0, max_version: 1 },
            ],
            ..Default::default()
        };
        self.respond(header.correlation_id, header.api_version, &response).await;
    }

    /// Receives a metadata request whose only topic is a number.
    async fn metadata(&mut self) -> (CorrelationId, i32) {
        let (header, request) = self.request::<MetadataRequest>().await;
        let topics = request.topics.unwrap();
        let number = topics[0].name.as_ref().unwrap().as_str().parse().unwrap();
        (header.correlation_id, number)
    }

    /// Answers with the number in a place where the caller finds it.
    async fn answer(&mut self, (id, number): (CorrelationId, i32)) {
        let response = MetadataResponse { throttle_time_ms: number, ..Default::default() };
        self.respond(id, 8, &response).await;
    }
}

fn numbered(number: i32) -> MetadataRequest {
    let topic = protocol::api::metadata::MetadataRequestTopic {
        name: Some(number.to_string().into()),
        ..Default::default()
    };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

fn pair() -> (Stream, Broker) {
    let (near, far) = duplex(1 << 16);
    (Box::new(near), Broker { stream: far, frames: FrameReader::new(1 << 20) })
}

async fn connected(options: ConnectionOptions) -> (Connection, Broker) {
    let (stream, mut broker) = pair();
    let (connection, ()) = tokio::join!(
        Connection::handshake(stream, "fake:9092", &options),
        broker.agree_on_versions()
    );
    (connection.unwrap(), broker)
}

fn options() -> ConnectionOptions {
    ConnectionOptions { request_timeout: Duration::from_secs(5), ..Default::default() }
}

fn reason(error: Error) -> Disconnect {
    match error {
        Error::Disconnected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_highest_common_version_is_spoken() {
    let (connection, mut broker) = connected(options()).await;
    assert_eq!(connection.version_of::<MetadataRequest>().unwrap(), 8);
    let request = numbered(7);
    let (response, ()) = tokio::join!(connection.call(&request), async {
        let request = broker.metadata().await;
        broker.answer(request).await;
    });
    assert_eq!(response.unwrap().throttle_time_ms, 7);
}

#[tokio::test(start_paused = true)]
async fn an_api_without_common_version_is_refused_before_anything_is_sent() {
    use protocol::api::{fetch::FetchRequest, produce::ProduceRequest};
    let (connection, _broker) = connected(options()).await;
    let error = connection.call(&ProduceRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { api: ApiKey::Produce, .. }));
    let error = connection.call(&FetchRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { api: ApiKey::Fetch, .. }));
    assert!(!error.is_retriable());
    assert!(connection.version_within::<MetadataRequest>(9..=13).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_old_broker_is_asked_again_at_its_own_version() {
    let (stream, mut broker) = pair();
    let options = options();
    let playing = async {
        let (header, _) = broker.request::<ApiVersionsRequest>().await;
        let api_keys = vec![ApiVersion { api_key: 18, min_version: 0, max_version: 2 }];
        let mut response = ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion,
            api_keys,
            ..Default::default()
        };
        broker.respond(header.correlation_id, 0, &response).await;
        let (header, _) = broker.request::<ApiVersionsRequest>().await;
        assert_eq!(header.api_version, 2);
        response.error_code = ErrorCode::None;
        broker.respond(header.correlation_id, 2, &response).await;
    };
    let (connection, ()) =
        tokio::join!(Connection::handshake(stream, "fake:9092", &options), playing);
    assert!(connection.unwrap().version_of::<MetadataRequest>().is_err());
}

#[tokio::test(start_paused = true)]
async fn requests_are_pipelined_and_answers_find_their_callers() {
    let (connection, mut broker) = connected(options()).await;
    let mut answers = Vec::new();
    for number in 0..5 {
        answers.push(connection.send(&numbered(number)).await.unwrap());
    }
    let mut requests = Vec::new();
    for number in 0..5 {
        requests.push(broker.metadata().await);
        assert_eq!(requests.last().unwrap().1, number);
    }
    for request in requests {
        broker.answer(request).await;
    }
    // In whatever order they are read.
    for (number, answer) in (0..5).zip(answers).rev() {
        assert_eq!(answer.response().await.unwrap().throttle_time_ms, number);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_is_in_flight() {
    let options = ConnectionOptions { in_flight_max: 2, ..options() };
    let (connection, mut broker) = connected(options).await;
    let first = connection.send(&numbered(0)).await.unwrap();
    let _second = connection.send(&numbered(1)).await.unwrap();
    let request = numbered(2);
    let mut third = Box::pin(connection.send(&request));
    assert!(futures_util::poll!(&mut third).is_pending());

    let request = broker.metadata().await;
    broker.answer(request).await;
    first.response().await.unwrap();
    let _third = third.await.unwrap();
    assert_eq!(broker.metadata().await.1, 1);
    assert_eq!(broker.metadata().await.1, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_given_up_still_holds_its_place() {
    let (connection, mut broker) = connected(options()).await;
    drop(connection.send(&numbered(0)).await.unwrap());
    let second = connection.send(&numbered(1)).await.unwrap();
    for _ in 0..2 {
        let request = broker.metadata().await;
        broker.answer(request).await;
    }
    assert_eq!(second.response().await.unwrap().throttle_time_ms, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_out_of_order_ends_the_connection_for_all() {
    let (connection, mut broker) = connected(options()).await;
    let first = connection.send(&numbered(0)).await.unwrap();
    let second = connection.send(&numbered(1)).await.unwrap();
    let _ = broker.metadata().await;
    let later = broker.metadata().await;
    broker.answer(later).await;
    for answer in [first, second] {
        let error = answer.response().await.unwrap_err();
        assert!(!error.is_retriable());
        assert!(matches!(reason(error), Disconnect::OutOfOrder { expected: Some(_), .. }));
    }
    assert!(connection.ended().is_some());
    assert!(connection.call(&numbered(2)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_nothing_ends_the_connection() {
    let (connection, mut broker) = connected(options()).await;
    broker.answer((CorrelationId(1), 0)).await;
    while connection.ended().is_none() {
        tokio::task::yield_now().await;
    }
    let error = connection.call(&numbered(0)).await.unwrap_err();
    assert!(matches!(reason(error), Disconnect::OutOfOrder { expected: None, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_ends_the_connection_for_all() {
    let options =
        ConnectionOptions { request_timeout: Duration::from_millis(30), ..Default::default() };
    let (connection, _broker) = connected(options).await;
    let patient = connection.send_at(&numbered(0), 8, Duration::from_secs(60)).await.unwrap();
    let hasty = connection.send(&numbered(1)).await.unwrap();
    for answer in [patient, hasty] {
        let error = answer.response().await.unwrap_err();
        assert!(error.is_retriable());
        let after = Duration::from_millis(30);
        assert!(
            matches!(reason(error), Disconnect::TimedOut { api: ApiKey::Metadata, after: a } if a == after)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answered_request_never_times_out() {
    let options =
        ConnectionOptions { request_timeout: Duration::from_millis(40), ..Default::default() };
    let (connection, mut broker) = connected(options).await;
    for number in 0..4 {
        sleep(Duration::from_millis(15)).await;
        let request = numbered(number);
        let (response, ()) = tokio::join!(connection.call(&request), async {
            let request = broker.metadata().await;
            broker.answer(request).await;
        });
        response.unwrap();
    }
    sleep(Duration::from_millis(60)).await;
    assert!(connection.ended().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_reading_is_late_too() {
    let options =
        ConnectionOptions { request_timeout: Duration::from_millis(30), ..Default::default() };
    let (connection, _broker) = connected(options).await;
    let mut request = numbered(0);
    request.topics.as_mut().unwrap()[0].name = Some("x".repeat(30_000).into());
    // More than the pipe takes, and nobody waits for an answer.
    for _ in 0..4 {
        connection.send_oneway(&request, 8).await.unwrap();
    }
    while connection.ended().is_none() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(reason(connection.ended().unwrap().clone()), Disconnect::TimedOut { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_oneway_request_takes_no_answers_place() {
    let (connection, mut broker) = connected(options()).await;
    for number in 0..20 {
        connection.send_oneway(&numbered(number), 8).await.unwrap();
    }
    let last = connection.send(&numbered(20)).await.unwrap();
    for number in 0..20 {
        assert_eq!(broker.metadata().await.1, number);
    }
    let request = broker.metadata().await;
    broker.answer(request).await;
    assert_eq!(last.response().await.unwrap().throttle_time_ms, 20);
}

#[tokio::test(start_paused = true)]
async fn an_oversized_answer_ends_the_connection() {
    let options = ConnectionOptions { response_bytes_max: 1000, ..options() };
    let (connection, mut broker) = connected(options).await;
    let answer = connection.send(&numbered(0)).await.unwrap();
    broker.stream.write_all(&1001_i32.to_be_bytes()).await.unwrap();
    let reason = reason(answer.response().await.unwrap_err());
    let Disconnect::Frame(error) = reason else { panic!("{reason:?}") };
    assert!(matches!(*error, FrameError::Oversized { size: 1001, max: 1000 }));
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_fails_what_waits_and_what_comes_later() {
    let (connection, broker) = connected(options()).await;
    let answer = connection.send(&numbered(0)).await.unwrap();
    drop(broker);
    let error = answer.response().await.unwrap_err();
    assert!(error.is_retriable());
    assert!(matches!(reason(error), Disconnect::ByPeer | Disconnect::Io(_)));
    assert!(connection.send(&numbered(1)).await.unwrap_err().is_retriable());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_message_fails_its_caller_only() {
    let (connection, mut broker) = connected(options()).await;
    let garbled = connection.send(&numbered(0)).await.unwrap();
    let intact = connection.send(&numbered(1)).await.unwrap();
    let (id, _) = broker.metadata().await;
    let bytes = [&id.0.to_be_bytes()[..], &[0xff; 9]].concat();
    write_frame(&mut broker.stream, &[bytes.into()]).await.unwrap();
    let request = broker.metadata().await;
    broker.answer(request).await;

    let error = garbled.response().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { message: "MetadataResponse", version: 8, .. }));
    assert_eq!(intact.response().await.unwrap().throttle_time_ms, 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_the_stream_after_what_was_queued() {
    let (connection, mut broker) = connected(options()).await;
    connection.send_oneway(&numbered(3), 8).await.unwrap();
    drop(connection);
    assert_eq!(broker.metadata().await.1, 3);
    assert!(broker.frames.next(&mut broker.stream).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_something_else_is_an_error() {
    let (stream, mut broker) = pair();
    broker.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = Connection::handshake(stream, "fake:80", &options()).await.unwrap_err();
    assert!(matches!(reason(error), Disconnect::Frame(_)));
}

#[derive(Debug)]
struct Silent;

impl Net for Silent {
    fn listen(
        &self,
        _: &str,
        _: u16,
    ) -> futures_util::future::BoxFuture<'static, io::Result<Box<dyn crate::net::Listener>>> {
        unreachable!("nobody listens here")
    }

    fn connect(
        &self,
        _: &str,
        _: u16,
    ) -> futures_util::future::BoxFuture<'static, io::Result<Stream>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn opening_takes_no_longer_than_its_timeout() {
    let options = ConnectionOptions { connect_timeout: Duration::from_millis(20), ..options() };
    let error = Connection::open(&Silent, "nowhere", 9, &options).await.unwrap_err();
    let Error::Connect { address, source } = error else { panic!("{error:?}") };
    assert_eq!((&*address, source.kind()), ("nowhere:9", io::ErrorKind::TimedOut));
}
