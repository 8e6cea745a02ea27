//! Fetch sessions over the wire (KIP-227): a response tells only what is new.

use protocol::{
    ErrorCode, PartitionIndex,
    api::fetch::{FetchRequest, FetchResponse, ForgottenTopic},
};

use crate::{
    client::{Client, Topic, fetch_request, produce_request},
    node::TestNode,
    records::batch,
};

/// A session over three partitions, and all it needs.
struct Session {
    node: TestNode,
    client: Client,
    topic: Topic,
    version: i16,
    id: i32,
    epoch: i32,
}

impl Session {
    async fn open(version: i16) -> Self {
        let node = TestNode::start(&[]).await;
        let mut client = node.connect().await;
        let topic = client.create_topic("t", 3, &[]).await;
        let mut request = fetch_request(&topic, &[(0, 0), (1, 0), (2, 0)]);
        request.session_epoch = 0;
        let response = client.call(version, &request).await;
        assert_eq!(indexes(&response), [0, 1, 2], "the first response tells everything");
        assert!(response.session_id > 0);
        Self { node, client, topic, version, id: response.session_id, epoch: 1 }
    }

    async fn append(&mut self, partition: i32) {
        let request = produce_request(1, &self.topic, &[(partition, batch(&["value"]))]);
        self.client.call(13, &request).await;
    }

    /// Goes on with these (partition, offset) changed, and these partitions forgotten.
    async fn next(&mut self, changed: &[(i32, i64)], forgotten: &[i32]) -> FetchResponse {
        let mut request = fetch_request(&self.topic, changed);
        request.topics.retain(|topic| !topic.partitions.is_empty());
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        if !forgotten.is_empty() {
            request.forgotten_topics_data = vec![ForgottenTopic {
                topic: self.topic.name.clone(),
                topic_id: self.topic.id,
                partitions: forgotten.iter().copied().map(PartitionIndex).collect(),
            }];
        }
        self.epoch += 1;
        self.client.call(self.version, &request).await
    }
}

fn indexes(response: &FetchResponse) -> Vec<i32> {
    assert_eq!(response.error_code, ErrorCode::None);
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|data| data.partition_index.0).collect()
}

#[tokio::test]
async fn a_partition_without_news_is_not_mentioned() {
    for version in [7, 12, 13, 18] {
        let mut session = Session::open(version).await;
        assert_eq!(indexes(&session.next(&[], &[]).await), [0_i32; 0]);
        session.append(1).await;
        let response = session.next(&[], &[]).await;
        assert_eq!(indexes(&response), [1], "fetched at {version}");
        assert_eq!(response.session_id, session.id);
        // The reader goes on behind what it got: there is nothing new then.
        assert_eq!(indexes(&session.next(&[(1, 1)], &[]).await), [0_i32; 0]);
    }
}

#[tokio::test]
async fn a_forgotten_partition_is_not_read() {
    let mut session = Session::open(18).await;
    session.append(1).await;
    session.append(2).await;
    assert_eq!(indexes(&session.next(&[], &[1]).await), [2]);
    assert_eq!(indexes(&session.next(&[(1, 0)], &[2]).await), [1], "it may come back");
}

#[tokio::test]
async fn a_wrong_epoch_or_session_is_refused_and_an_ended_one_is_gone() {
    let mut session = Session::open(18).await;
    let refused = |epoch, id| FetchRequest {
        session_id: id,
        session_epoch: epoch,
        ..FetchRequest::default()
    };
    let response = session.client.call(18, &refused(5, session.id)).await;
    assert_eq!(response.error_code, ErrorCode::InvalidFetchSessionEpoch);
    let response = session.client.call(18, &refused(1, session.id ^ 1)).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound);
    let response = session.client.call(12, &refused(1, session.id)).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionTopicIdError);

    assert_eq!(indexes(&session.next(&[], &[]).await), [0_i32; 0], "none of it did harm");
    let response = session.client.call(18, &refused(-1, session.id)).await;
    assert_eq!((response.error_code, response.session_id), (ErrorCode::None, 0));
    let response = session.next(&[], &[]).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test]
async fn a_session_belongs_to_its_id_and_not_to_its_connection() {
    let mut session = Session::open(18).await;
    session.client = session.node.connect().await;
    session.append(0).await;
    assert_eq!(indexes(&session.next(&[], &[]).await), [0]);
}

#[tokio::test]
async fn an_error_of_a_partition_is_told_each_time_until_it_is_over() {
    let mut session = Session::open(18).await;
    for _ in 0..2 {
        let response = session.next(&[(0, 99)], &[]).await;
        assert_eq!(indexes(&response), [0]);
        let error = response.responses[0].partitions[0].error_code;
        assert_eq!(error, ErrorCode::OffsetOutOfRange);
    }
    assert_eq!(indexes(&session.next(&[(0, 0)], &[]).await), [0], "that it is over is news");
    assert_eq!(indexes(&session.next(&[], &[]).await), [0_i32; 0]);
}

#[tokio::test]
async fn without_slots_clients_fetch_without_sessions() {
    let node = TestNode::start(&["max.incremental.fetch.session.cache.slots=0"]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    for _ in 0..2 {
        let mut request = fetch_request(&topic, &[(0, 0)]);
        request.session_epoch = 0;
        let response = client.call(18, &request).await;
        assert_eq!(response.session_id, 0);
        assert_eq!(indexes(&response), [0]);
    }
}
