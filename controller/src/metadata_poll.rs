//! MetadataPoll (ours): how brokers learn what the cluster knows.
//!
//! A broker asks any controller for what was committed after the index that it has applied, and is
//! answered when there is something: records, or, where they aren't kept any more, the whole image
//! as records that rebuild it. Controllers that aren't active answer too, with what they have
//! applied; the answer says who is active, so that a poller whose controller lags can change it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use metadata::RecordBatch;
use protocol::{BrokerId, ErrorCode, Stored};
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    VoterEndpoint,
    published::{News, Published},
};

/// How many polls wait at a time: more than a cluster has brokers. Beyond it they are answered at
/// once, with nothing.
const WAITING_MAX: usize = 4096;
/// How long a poll waits, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// About how many bytes of records one answer has, whatever it asks for.
const RESPONSE_BYTES_MAX: usize = 8 << 20;

protocol::api! {
    key MetadataPoll, versions 0..=0, flexible 0..;

    /// Asks for what was committed after an index.
    request MetadataPollRequest {
        cluster_id: String { 0.. },
        /// Who asks.
        broker_id: BrokerId { 0.. },
        /// The last entry that it has applied; -1 = none.
        applied_index: i64 { 0.., default -1 },
        /// How long to wait for the next, in milliseconds.
        max_wait_ms: i32 { 0.. },
        /// About how many bytes of records to answer with; one entry comes in any case.
        max_bytes: i32 { 0.., default i32::MAX },
    }

    /// What the asking broker lacks. Nothing at all when nothing came in time.
    response MetadataPollResponse {
        error_code: ErrorCode { 0.. },
        /// The active controller as the answering one knows it; -1 = none.
        active_controller: BrokerId { 0.. },
        /// Where it is; null where it isn't known.
        active_endpoint: Option<VoterEndpoint> { 0.. },
        /// Its term.
        term: i64 { 0.. },
        /// The last entry that the answering controller has applied.
        controller_index: i64 { 0.., default -1 },
        /// The index that the broker is at when it has applied this answer.
        index: i64 { 0.., default -1 },
        /// Where not null: records that rebuild the image at the index, in place of all that the
        /// broker knew; a stored record batch.
        snapshot: Option<Bytes> { 0.. },
        /// Without snapshot: the entries up to the index that changed the image, in order.
        entries: Vec<MetadataPollEntry> { 0.. },
    }

    struct MetadataPollEntry {
        index: i64 { 0.. },
        /// A stored record batch.
        batch: Bytes { 0.. },
    }
}

/// Answers polls.
#[derive(Debug)]
pub(crate) struct MetadataPolls {
    published: Arc<Published>,
    waiting: Semaphore,
}

impl MetadataPolls {
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { published, waiting: Semaphore::new(WAITING_MAX) }
    }

    /// What was applied after the poll's index, as soon as there is something.
    pub(crate) async fn answer(&self, request: &MetadataPollRequest) -> MetadataPollResponse {
        let index = request.applied_index;
        if let Ok(_place) = self.waiting.try_acquire() {
            let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
            let wait = Duration::from_millis(wait_ms).min(WAIT_MAX);
            tokio::select! {
                biased;
                () = self.published.applied_after(index) => {}
                () = sleep(wait) => {}
            }
        }
        let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).min(RESPONSE_BYTES_MAX);
        let mut response = MetadataPollResponse { index, ..Default::default() };
        match self.published.news(index, bytes_max) {
            None => {}
            Some(News::Snapshot(applied)) => {
                let level = applied.image.metadata_version();
                let batch = RecordBatch::pack(&applied.image.to_records(), level);
                response.index = applied.index();
                response.snapshot = Some(batch.to_bytes());
            }
            Some(News::Changes { changes, index }) => {
                response.index = index;
                response.entries = changes
                    .into_iter()
                    .map(|change| MetadataPollEntry {
                        index: change.index,
                        batch: change.batch.to_bytes(),
                    })
                    .collect();
            }
        }
        response.controller_index = self.published.current().index();
        response
    }
}
