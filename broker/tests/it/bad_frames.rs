//! Bytes that are no request: the connection ends, and no other one notices.

use std::time::Duration;

use protocol::{
    ApiKey, CorrelationId, ErrorCode, Message,
    api::{
        api_versions::{ApiVersionsRequest, ApiVersionsResponse},
        fetch::FetchRequest,
        metadata::MetadataRequest,
        produce::ProduceRequest,
    },
};

use crate::{
    client::{Client, encode, frame, header},
    node::TestNode,
};

/// A node, a connection to misuse, and another one.
async fn setting() -> (TestNode, Client, Client) {
    let node = TestNode::start(&[]).await;
    let (bad, mut good) = (node.connect().await, node.connect().await);
    good.assert_served().await;
    (node, bad, good)
}

/// Sends bytes that must end their connection and nothing else.
async fn assert_closes(node: &TestNode, good: &mut Client, bytes: &[u8]) {
    let mut bad = node.connect().await;
    bad.send_bytes(bytes).await;
    assert!(bad.is_closed().await, "{bytes:02x?}");
    good.assert_served().await;
}

fn metadata_frame() -> Vec<u8> {
    frame(&encode(13, CorrelationId(1), &MetadataRequest::default()))
}

#[tokio::test]
async fn garbage_ends_its_connection_and_no_other() {
    let (node, _, mut good) = setting().await;
    assert_closes(&node, &mut good, &[0xff; 4096]).await;
    assert_closes(&node, &mut good, b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n").await;
    // A TLS client's hello.
    assert_closes(&node, &mut good, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]).await;
    // Well framed, but no header in it.
    assert_closes(&node, &mut good, &frame(&[])).await;
    assert_closes(&node, &mut good, &frame(&[1, 2, 3])).await;
    assert_closes(&node, &mut good, &frame(&[0; 8])).await;
}

#[tokio::test]
async fn a_negative_or_oversized_length_ends_the_connection_before_a_byte_is_read_for_it() {
    let (node, _, mut good) = setting().await;
    assert_closes(&node, &mut good, &(-1_i32).to_be_bytes()).await;
    assert_closes(&node, &mut good, &i32::MIN.to_be_bytes()).await;
    assert_closes(&node, &mut good, &i32::MAX.to_be_bytes()).await;
    // One more than socket.request.max.bytes allows.
    assert_closes(&node, &mut good, &(100 * 1024 * 1024 + 1_i32).to_be_bytes()).await;
}

#[tokio::test]
async fn the_size_limit_of_requests_is_exact() {
    const MAX: usize = 4096;
    let node = TestNode::start(&[&format!("socket.request.max.bytes={MAX}")]).await;
    let mut client = node.connect().await;
    let request = header::<ApiVersionsRequest>(0, CorrelationId(5));
    let mut content = bytes::BytesMut::new();
    request.write::<ApiVersionsRequest>(&mut content);
    // What follows the body is nobody's business, as in Kafka.
    content.resize(MAX, 0);
    client.send_frame(&content).await;
    assert!(client.receive_frame().await.is_some());
    content.resize(MAX + 1, 0);
    client.send_frame(&content).await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_frame_cut_short_by_the_senders_end_is_no_request() {
    let (node, _, mut good) = setting().await;
    let whole = metadata_frame();
    for length in [1, 3, 4, 5, whole.len() - 1] {
        let mut bad = node.connect().await;
        bad.send_bytes(&whole[..length]).await;
        bad.finish_sending().await;
        assert!(bad.is_closed().await, "cut after {length} bytes");
    }
    good.assert_served().await;
}

#[tokio::test]
async fn requests_sent_before_the_senders_end_are_answered() {
    let (_node, mut client, _) = setting().await;
    client.send_bytes(&metadata_frame()).await;
    client.finish_sending().await;
    assert!(client.receive_frame().await.is_some());
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_frame_in_single_bytes_is_a_frame_and_holds_up_nobody() {
    let (_node, mut slow, mut good) = setting().await;
    let whole = metadata_frame();
    let (first, rest) = whole.split_at(whole.len() / 2);
    for byte in first {
        slow.send_bytes(&[*byte]).await;
    }
    good.assert_served().await;
    assert!(slow.is_silent_for(Duration::from_millis(20)).await);
    for byte in rest {
        slow.send_bytes(&[*byte]).await;
    }
    assert!(slow.receive_frame().await.is_some());
}

#[tokio::test]
async fn an_unknown_api_or_version_ends_the_connection() {
    let (node, _, mut good) = setting().await;
    let mut content = encode(13, CorrelationId(1), &MetadataRequest::default());
    for key in [-1, 4, 999, i16::MAX] {
        content[0..2].copy_from_slice(&key.to_be_bytes());
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
    let versions = [
        (ApiKey::Metadata, 14),
        (ApiKey::Metadata, -1),
        (ApiKey::Fetch, 3),
        (ApiKey::Fetch, 19),
        // Advertised and refused.
        (ApiKey::Produce, 2),
        (ApiKey::Produce, 14),
        (ApiKey::ListOffsets, 0),
        (ApiKey::CreateTopics, 1),
        (ApiKey::DeleteTopics, 0),
        (ApiKey::OffsetForLeaderEpoch, 1),
    ];
    for (key, version) in versions {
        content[0..2].copy_from_slice(&(key as i16).to_be_bytes());
        content[2..4].copy_from_slice(&i16::to_be_bytes(version));
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
}

#[tokio::test]
async fn what_only_controllers_answer_ends_a_clients_connection() {
    let (node, _, mut good) = setting().await;
    let mut content = encode(0, CorrelationId(1), &MetadataRequest::default());
    let keys = [
        ApiKey::Envelope,
        ApiKey::BrokerRegistration,
        ApiKey::BrokerHeartbeat,
        ApiKey::AllocateProducerIds,
        ApiKey::RaftAppend,
        ApiKey::RaftVote,
        ApiKey::RaftSnapshot,
        ApiKey::MetadataPoll,
        ApiKey::VoterIdentity,
    ];
    for key in keys {
        content[0..2].copy_from_slice(&(key as i16).to_be_bytes());
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
}

#[tokio::test]
async fn a_controllers_listener_answers_no_produce_and_no_fetch() {
    let node = TestNode::start(&[]).await;
    for frame in [
        encode(13, CorrelationId(1), &ProduceRequest::default()),
        encode(13, CorrelationId(1), &FetchRequest::default()),
    ] {
        let mut bad = Client::connect(node.site().controller_port()).await;
        bad.send_frame(&frame).await;
        assert!(bad.is_closed().await);
    }
    let mut good = Client::connect(node.site().controller_port()).await;
    let versions = good.call(0, &ApiVersionsRequest::default()).await;
    assert!(!versions.api_keys.iter().any(|api| api.api_key == ApiKey::Produce as i16));
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_at_version_0_with_its_own_range() {
    let (_node, mut client, _) = setting().await;
    for version in [5, 99, -1] {
        let mut content = encode(4, CorrelationId(0x01020304), &ApiVersionsRequest::default());
        content[2..4].copy_from_slice(&i16::to_be_bytes(version));
        client.send_frame(&content).await;
        let answer = client.receive_frame().await.unwrap();
        #[rustfmt::skip]
        let expected = [
            1, 2, 3, 4, // correlation id
            0, 35, // UNSUPPORTED_VERSION
            0, 0, 0, 1, // one API
            0, 18, 0, 0, 0, 4, // ApiVersions, 0 to 4
        ];
        assert_eq!(answer[..], expected, "KIP-511, for version {version}");
    }
    let response = client.call(0, &ApiVersionsRequest::default()).await;
    assert_eq!(response.error_code, ErrorCode::None, "the connection goes on");
}

#[tokio::test]
async fn software_without_a_proper_name_is_refused() {
    let (_node, mut client, _) = setting().await;
    let mut ask = async |name: &str, version: &str| -> ApiVersionsResponse {
        let request = ApiVersionsRequest {
            client_software_name: name.to_owned(),
            client_software_version: version.to_owned(),
        };
        client.call(3, &request).await
    };
    assert_eq!(ask("librdkafka", "2.0.2").await.error_code, ErrorCode::None);
    for (name, version) in [("", "1"), ("a", ""), ("two words", "1"), ("-a", "1"), ("a", "1.")] {
        let response = ask(name, version).await;
        assert_eq!(response.error_code, ErrorCode::InvalidRequest, "{name:?} {version:?}");
    }
}

#[tokio::test]
async fn a_lying_length_inside_a_request_ends_the_connection() {
    let (node, _, mut good) = setting().await;
    let id = CorrelationId(1);
    // The client id: longer than the frame, and negative beyond null.
    for length in [i16::MAX, -2] {
        let mut content = encode(13, id, &MetadataRequest::default());
        content[8..10].copy_from_slice(&length.to_be_bytes());
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
    // Arrays of more elements than there are bytes, in the classic and the compact form.
    for length in [i32::MAX, 1 << 20, -2] {
        let mut content = bytes::BytesMut::new();
        header::<MetadataRequest>(1, id).write::<MetadataRequest>(&mut content);
        content.extend_from_slice(&length.to_be_bytes());
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
    for length in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], &[5]]
    {
        let mut content = bytes::BytesMut::new();
        header::<MetadataRequest>(12, id).write::<MetadataRequest>(&mut content);
        content.extend_from_slice(length);
        assert_closes(&node, &mut good, &frame(&content)).await;
    }
}

#[tokio::test]
async fn every_request_cut_short_anywhere_ends_its_connection() {
    let (node, _, mut good) = setting().await;
    let mut request = bytes::BytesMut::new();
    header::<FetchRequest>(12, CorrelationId(1)).write::<FetchRequest>(&mut request);
    let header_bytes = request.len();
    FetchRequest::default().write(12, &mut request);
    for length in header_bytes..request.len() {
        assert_closes(&node, &mut good, &frame(&request[..length])).await;
    }
}
