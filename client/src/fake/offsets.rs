//! Where records are, by their time or by their leader's epoch.

use protocol::{
    Offset, TopicPartition,
    api::{
        list_offsets::{
            EARLIEST, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
            ListOffsetsTopicResponse,
        },
        offset_for_leader_epoch::{
            EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
            OffsetForLeaderTopicResult,
        },
    },
};

use super::FakeBroker;

impl FakeBroker {
    pub(super) fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let state = self.state();
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let partition = wanted.partition_index;
                let log = &state.logs[&TopicPartition { topic: topic.name.clone(), partition }];
                let offset = match wanted.timestamp {
                    EARLIEST => log.start,
                    time if time.0 >= 0 => log.first_at(time.0).unwrap_or(-1),
                    _ => log.end,
                };
                ListOffsetsPartitionResponse {
                    partition_index: partition,
                    offset: Offset(offset),
                    leader_epoch: log.epoch_at(offset),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    pub(super) fn epoch_ends(
        &self,
        request: OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let mut state = self.state();
        state.epoch_requests += 1;
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let partition = wanted.partition;
                let log = &state.logs[&TopicPartition { topic: topic.topic.clone(), partition }];
                match log.check_epoch(wanted.current_leader_epoch) {
                    Ok(()) => {
                        let (leader_epoch, end_offset) = log.epoch_end(wanted.leader_epoch);
                        EpochEndOffset { partition, leader_epoch, end_offset, ..Default::default() }
                    }
                    Err(error_code) => {
                        EpochEndOffset { partition, error_code, ..Default::default() }
                    }
                }
            });
            let partitions = partitions.collect();
            OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions }
        });
        OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
    }
}
