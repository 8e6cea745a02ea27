//! Follows the metadata log: polls a controller for committed records, does what they say here, and
//! then publishes the image that they make.
//!
//! Nothing is done or published before the image shows this process's own registration: until then
//! it speaks of an earlier incarnation, whose leaderships are none of ours.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use controller::metadata_poll::{MetadataPollRequest, MetadataPollResponse};
use metadata::{ClusterImage, MetadataRecord, RecordBatch};
use protocol::{DecodeError, Stored, Uuid};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::{
    broker::Broker,
    controller_channel::{ChannelTimeouts, ControllerChannel},
};

/// How long a poll may wait for news at the controller.
const POLL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Beyond its wait, how long the answer to a poll may take.
const POLL_GRACE: Duration = Duration::from_secs(5);

/// After a failed poll, or one that brought nothing before its time.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// After an answer that can't be read: only an upgrade helps.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct MetadataFollower {
    broker: Arc<Broker>,
    channel: ControllerChannel,
    incarnation_id: Uuid,
    image: ClusterImage,
    index: i64,
}

impl MetadataFollower {
    pub(crate) fn new(broker: Arc<Broker>, incarnation_id: Uuid) -> Self {
        let channel = ControllerChannel::new(
            Arc::clone(&broker.doors.net),
            broker.config.controllers(),
            ChannelTimeouts {
                connect: broker.config.connection_setup_timeout,
                request: POLL_WAIT_MAX + POLL_GRACE,
            },
        );
        Self { broker, channel, incarnation_id, image: ClusterImage::default(), index: -1 }
    }

    /// Follows until shutdown.
    pub(crate) async fn run(mut self) {
        let shutdown = self.broker.shutdown.clone();
        loop {
            let asked_at = Instant::now();
            let polled = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                polled = self.poll() => polled,
            };
            match polled {
                Ok(response) if response.index == self.index => {
                    // A controller that holds too many polls answers this one at once.
                    if asked_at.elapsed() < POLL_WAIT_MAX {
                        sleep(RETRY_PAUSE).await;
                    }
                }
                Ok(response) => self.take(response).await,
                Err(reason) => {
                    debug!(reason, "metadata poll failed");
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn poll(&self) -> Result<MetadataPollResponse, String> {
        let request = MetadataPollRequest {
            cluster_id: self.broker.cluster_id.clone(),
            broker_id: self.broker.id(),
            applied_index: self.index,
            max_wait_ms: i32::try_from(POLL_WAIT_MAX.as_millis()).expect("seconds"),
            ..MetadataPollRequest::default()
        };
        let answered = self.channel.call(&request, |response| response.error_code).await;
        let response = answered.map_err(|error| error.to_string())?;
        if response.error_code.is_none() {
            Ok(response)
        } else {
            Err(response.error_code.to_string())
        }
    }

    async fn take(&mut self, response: MetadataPollResponse) {
        let is_snapshot = response.snapshot.is_some();
        let batches = response.entries.into_iter().map(|entry| entry.batch);
        let records = match decode(response.snapshot.into_iter().chain(batches)) {
            Ok(records) => records,
            Err(error) => {
                // A newer controller wrote what this version can't read: it stays at what it has.
                warn!(%error, "metadata that this version can't read");
                sleep(UNREADABLE_PAUSE).await;
                return;
            }
        };
        if is_snapshot {
            self.image = ClusterImage::default();
        }
        for record in &records {
            self.image.replay(record);
        }
        self.index = response.index;
        let own = self.image.brokers().get(self.broker.id());
        if own.is_some_and(|own| own.incarnation_id == self.incarnation_id) {
            let image = Arc::new(self.image.clone());
            self.broker.partitions.apply(&self.broker, &image).await;
            self.broker.publish(image, self.index);
        }
    }
}

fn decode(batches: impl Iterator<Item = Bytes>) -> Result<Vec<MetadataRecord>, DecodeError> {
    let mut records = Vec::new();
    for batch in batches {
        records.extend(RecordBatch::from_bytes(batch)?.unpack()?);
    }
    Ok(records)
}
