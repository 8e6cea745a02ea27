//! Decodes any bytes as any message at any version, and as record batches: it must not panic, and
//! what it read must come back when it's written and read again.
//!
//! The first byte says what the others are taken for.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::{
    Message, Reader, Request, RequestHeader,
    api::{
        allocate_producer_ids::*, api_versions::*, broker_heartbeat::*, broker_registration::*,
        create_partitions::*, create_topics::*, delete_topics::*, describe_cluster::*,
        describe_configs::*, envelope::*, fetch::*, find_coordinator::*,
        incremental_alter_configs::*, init_producer_id::*, list_offsets::*, metadata::*,
        offset_for_leader_epoch::*, produce::*,
    },
    records::{Batch, Batches, validate},
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    match kind {
        0 => both::<ProduceRequest>(bytes),
        1 => both::<FetchRequest>(bytes),
        2 => both::<ListOffsetsRequest>(bytes),
        3 => both::<MetadataRequest>(bytes),
        4 => both::<FindCoordinatorRequest>(bytes),
        5 => both::<ApiVersionsRequest>(bytes),
        6 => both::<CreateTopicsRequest>(bytes),
        7 => both::<DeleteTopicsRequest>(bytes),
        8 => both::<InitProducerIdRequest>(bytes),
        9 => both::<OffsetForLeaderEpochRequest>(bytes),
        10 => both::<DescribeConfigsRequest>(bytes),
        11 => both::<CreatePartitionsRequest>(bytes),
        12 => both::<IncrementalAlterConfigsRequest>(bytes),
        13 => both::<EnvelopeRequest>(bytes),
        14 => both::<DescribeClusterRequest>(bytes),
        15 => both::<BrokerRegistrationRequest>(bytes),
        16 => both::<BrokerHeartbeatRequest>(bytes),
        17 => both::<AllocateProducerIdsRequest>(bytes),
        18 => header(bytes),
        _ => record_batches(&bytes),
    }
});

fn both<R: Request>(bytes: Bytes) {
    for version in R::VERSIONS {
        there_and_back::<R>(bytes.clone(), version);
        there_and_back::<R::Response>(bytes.clone(), version);
    }
}

fn there_and_back<M: Message>(bytes: Bytes, version: i16) {
    let Ok(message) = M::read(&mut Reader::new(bytes), version) else { return };
    let mut written = Vec::new();
    message.write(version, &mut written);
    let mut reader = Reader::new(written.into());
    assert_eq!(M::read(&mut reader, version), Ok(message));
    assert_eq!(reader.remaining(), 0);
}

fn header(bytes: Bytes) {
    for flexible in [false, true] {
        let mut reader = Reader::new(bytes.clone());
        if let Ok(header) = RequestHeader::read(&mut reader) {
            let _ = header.finish(&mut reader, flexible);
        }
    }
}

fn record_batches(bytes: &Bytes) {
    for batch in Batches::new(bytes).map_while(Result::ok) {
        let (_, bytes) = batch;
        let _ = validate(bytes);
    }
    if let Ok(batch) = Batch::decode(bytes, 1 << 20) {
        for record in batch.records().map_while(Result::ok) {
            for _ in record.headers() {}
        }
    }
}
