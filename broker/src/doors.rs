//! The doors to the outside. Production opens real ones, the simulator its own; nothing else differs.

use std::sync::Arc;

use client::{
    door::{Clock, Entropy, SystemClock, SystemEntropy},
    net::{Net, Tcp},
};
use storage::disk::{Disk, OsDisk};
use store::{RocksStores, Stores};
use tokio::runtime::Handle;

use crate::witness::{Nobody, Witness};

/// What a node touches the world through.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Listens and connects.
    pub net: Arc<dyn Net>,
    /// Holds the logs.
    pub disk: Arc<dyn Disk>,
    /// Opens the store of the controller.
    pub stores: Arc<dyn Stores>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Where the quorum and the heartbeats run. In production a runtime of their own, so that a
    /// stalled disk under a partition fences nobody.
    pub quorum_runtime: Handle,
    /// Looks on.
    pub witness: Arc<dyn Witness>,
}

impl Doors {
    /// The real ones. The quorum and the heartbeats run on the given runtime.
    #[must_use]
    pub fn production(quorum_runtime: Handle) -> Self {
        Self {
            net: Arc::new(Tcp),
            disk: Arc::new(OsDisk),
            stores: Arc::new(RocksStores::default()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            quorum_runtime,
            witness: Arc::new(Nobody),
        }
    }
}
