//! One connection to each broker, opened when it's needed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use protocol::BrokerId;
use tokio::time::Instant;

use super::{Cluster, unavailable};
use crate::{connection::Connection, endpoint::Endpoint, error::Error};

/// Connections to brokers by id. A connection that ended is opened anew on the next call; so is one
/// to a broker that has moved.
///
/// ```no_run
/// use client::{cluster::Pool, protocol::{BrokerId, api::metadata::MetadataRequest}};
///
/// # async fn example(cluster: client::Cluster) -> Result<(), client::Error> {
/// let pool = Pool::new(cluster);
/// let connection = pool.connection(BrokerId(1)).await?;
/// let metadata = connection.call(&MetadataRequest::default()).await?;
/// println!("it knows {} topics", metadata.topics.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    cluster: Cluster,
    slots: Mutex<BTreeMap<BrokerId, Arc<tokio::sync::Mutex<Slot>>>>,
}

#[derive(Debug, Default)]
struct Slot {
    open: Option<(Endpoint, Connection)>,
    /// Those who waited for an attempt that failed don't each make another.
    failed: Option<(Instant, Error)>,
}

impl Pool {
    /// No connection yet.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, slots: Mutex::default() }
    }

    /// A connection to a broker.
    ///
    /// # Errors
    /// A broker that isn't known or can't be reached; what is known of it is then asked for again.
    pub async fn connection(&self, id: BrokerId) -> Result<Connection, Error> {
        let asked_at = Instant::now();
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(id).or_default().clone()
        };
        let mut slot = slot.lock().await;
        let known = self.cluster.cache().brokers().get(&id).map(|broker| broker.endpoint.clone());
        let endpoint = known.ok_or_else(|| {
            self.cluster.invalidate_broker(id);
            unavailable(format!("broker {id}"))
        })?;
        if let Some((at, connection)) = &slot.open
            && *at == endpoint
            && connection.ended().is_none()
        {
            return Ok(connection.clone());
        }
        slot.open = None;
        if let Some((at, error)) = &slot.failed
            && *at > asked_at
        {
            return Err(error.clone());
        }
        match self.cluster.open(&endpoint).await {
            Ok(connection) => {
                slot.open = Some((endpoint, connection.clone()));
                Ok(connection)
            }
            Err(error) => {
                self.cluster.invalidate_broker(id);
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
