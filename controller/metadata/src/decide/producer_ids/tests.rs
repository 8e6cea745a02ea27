use protocol::BrokerId;

use super::*;
use crate::test_cluster::TestCluster;

fn request(cluster: &TestCluster, id: i32) -> AllocateProducerIdsRequest {
    AllocateProducerIdsRequest { broker_id: BrokerId(id), broker_epoch: cluster.epoch(id) }
}

#[test]
fn blocks_follow_one_another() {
    let mut cluster = TestCluster::of(2);
    let starts = [1, 2, 1].map(|id| {
        let request = request(&cluster, id);
        let block = cluster.decide(|image, _| image.allocate_producer_ids(&request));
        (block.producer_id_start.0, block.producer_id_len)
    });
    assert_eq!(starts, [(0, 1000), (1000, 1000), (2000, 1000)]);
}

#[test]
fn a_process_that_was_replaced_gets_none() {
    let cluster = TestCluster::of(1);
    let mut request = request(&cluster, 1);
    request.broker_epoch.0 -= 1;
    let decision = cluster.image.allocate_producer_ids(&request);
    assert_eq!(decision.response.error_code, ErrorCode::StaleBrokerEpoch);
    assert_eq!(decision.records, []);
}

#[test]
fn after_the_last_block_there_is_none() {
    let mut cluster = TestCluster::of(1);
    let next_producer_id = ProducerId(i64::MAX - 999);
    cluster.commit(vec![ProducerIdsRecord { next_producer_id, ..Default::default() }.into()]);
    let decision = cluster.image.allocate_producer_ids(&request(&cluster, 1));
    assert_eq!(decision.response.error_code, ErrorCode::UnknownServerError);
}
