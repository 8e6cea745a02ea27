//! Follows the metadata log: polls a controller for committed records, does what they say here, and
//! then publishes the image that they make.
//!
//! Any controller answers, but one that's cut off from the others has no news and doesn't know it. So
//! the one to poll is the active one, which takes this broker's heartbeats; another one is polled only
//! while that one isn't known or doesn't answer.
//!
//! Nothing is done or published before the image shows this process's own registration: until then
//! it speaks of an earlier incarnation, whose leaderships are none of ours.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use controller::{
    VoterEndpoint,
    metadata_poll::{MetadataPollRequest, MetadataPollResponse},
};
use metadata::{ClusterImage, MetadataRecord, RecordBatch};
use protocol::{DecodeError, Stored, Uuid};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::{
    broker::Broker,
    controller_channel::{ChannelError, ChannelTimeouts, ControllerChannel},
};

/// How long a poll may wait for news at the controller. An answer without any tells that it's there.
const POLL_WAIT_MAX: Duration = Duration::from_secs(1);

/// Beyond its wait, how long the answer to a poll may take: then another controller is asked.
const POLL_GRACE: Duration = Duration::from_secs(3);

/// How often the controller in this process is asked whom it follows.
const OWN_CONTROLLER_INTERVAL: Duration = Duration::from_millis(250);

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
            Arc::clone(&broker.active_controller),
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
                never = hear_own_controller(&self.broker) => never,
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
        let answered = async {
            let reached = self.channel.reach().await?;
            self.channel.ask_whoever(&reached, &request, |response| response.error_code).await
        };
        let response = answered.await.map_err(|error: ChannelError| error.to_string())?;
        if !response.error_code.is_none() {
            return Err(response.error_code.to_string());
        }
        let known = response.controller_index;
        self.broker.metrics.controller_index.store(known, Ordering::Relaxed);
        if let Some(VoterEndpoint { host, port }) = &response.active_endpoint {
            let (term, leader) = (response.term, response.active_controller);
            self.broker.active_controller.hint(term, leader, &(host.clone(), *port));
        }
        Ok(response)
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

/// Passes on whom the controller in this process knows to lead: sooner than a controller that has
/// fallen silent is given up. Never returns.
async fn hear_own_controller<T>(broker: &Broker) -> T {
    let Ok(controller) = broker.controller() else { return std::future::pending().await };
    loop {
        if let Some((term, leader, VoterEndpoint { host, port })) = controller.leading() {
            broker.active_controller.hint(term, leader, &(host, port));
        }
        sleep(OWN_CONTROLLER_INTERVAL).await;
    }
}

fn decode(batches: impl Iterator<Item = Bytes>) -> Result<Vec<MetadataRecord>, DecodeError> {
    let mut records = Vec::new();
    for batch in batches {
        records.extend(RecordBatch::from_bytes(batch)?.unpack()?);
    }
    Ok(records)
}
