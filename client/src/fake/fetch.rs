//! The broker's side of fetching.

use std::time::Duration;

use protocol::{
    ErrorCode, Reader, RequestHeader, TopicPartition,
    api::fetch::{
        EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
    },
};
use tokio::time::{Instant, sleep};

use super::{FakeBroker, fetch_sessions::Begun, wire::request};

impl FakeBroker {
    pub(super) fn begin_fetch(
        &self,
        header: &RequestHeader,
        from: Reader,
    ) -> Result<(Begun, FetchRequest), ErrorCode> {
        let mut request = request::<FetchRequest>(header, from);
        let mut state = self.state();
        state.fetch_requests.push(request.clone());
        let has_room = state.has_fetch_sessions && header.api_version >= 7;
        let begun = state.fetch_sessions.begin(&request, header.api_version >= 13, has_room)?;
        request.topics.clone_from(&begun.topics);
        Ok((begun, request))
    }

    /// Long poll, the simple way.
    pub(super) async fn wait_for_data(&self, begun: &Begun, request: &FetchRequest) {
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap());
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline && !begun.topics.is_empty() {
            let response = self.peek(request);
            let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            if partitions.any(|p| {
                !p.error_code.is_none()
                    || p.records.is_some()
                    || p.diverging_epoch != EpochEndOffset::default()
            }) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(super) fn fetch(&self, begun: Result<(Begun, FetchRequest), ErrorCode>) -> FetchResponse {
        let (begun, request) = match begun {
            Ok(begun) => begun,
            Err(error_code) => return FetchResponse { error_code, ..Default::default() },
        };
        let mut response = self.peek(&request);
        let mut state = self.state();
        if let Some(code) = state.fetch_errors.pop_front() {
            for topic in &mut response.responses {
                for data in &mut topic.partitions {
                    data.error_code = code;
                    data.records = None;
                }
            }
        }
        state.fetch_sessions.finish(&begun, response)
    }

    fn peek(&self, request: &FetchRequest) -> FetchResponse {
        let state = self.state();
        let mut left = usize::try_from(request.max_bytes).unwrap();
        let topics = request.topics.iter().map(|topic| {
            let ids = state.topics.iter();
            let name = ids.clone().find(|(_, id)| **id == topic.topic_id).map(|(name, _)| name);
            let name = name.unwrap_or(&topic.topic);
            let partitions = topic.partitions.iter().map(|wanted| {
                let at = TopicPartition { topic: name.clone(), partition: wanted.partition };
                let Some(log) = state.logs.get(&at) else {
                    return PartitionData {
                        partition_index: wanted.partition,
                        error_code: ErrorCode::UnknownTopicOrPartition,
                        ..Default::default()
                    };
                };
                log.read(wanted, &mut left)
            });
            FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: partitions.collect(),
            }
        });
        FetchResponse { responses: topics.collect(), ..Default::default() }
    }
}
