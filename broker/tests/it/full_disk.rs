//! A disk that fills on one broker of three: what would have to be written there is refused or
//! waits, what is there is served, and the others go on.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::ErrorCode;
use simdisk::SimDisk;
use storage::disk::Disk as _;
use store::{Batch, Durability, Order, RocksStores, Store, Stores};

use crate::{
    client::Topic,
    cluster::{
        self, create_on, leader_and_isr, produce, produce_until_acknowledged, read, until,
        until_brokers_are, until_isr_is, until_led_by_another,
    },
    node::TestNode,
};

const SPACE: u64 = 1 << 40;

/// How long a produce waits that is refused at once.
const SHORTLY: Duration = Duration::from_secs(5);

/// Three nodes; the logs of the second are on a disk of a test's.
async fn three_with(settings: &[&str]) -> (Vec<TestNode>, SimDisk) {
    let disk = SimDisk::new(1);
    let mut sites = cluster::sites(settings);
    sites[1].set_disk(Arc::new(disk.clone()));
    cluster::format(&sites);
    let nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    (nodes, disk)
}

/// Three partitions that all have, led by brokers 1, 2 and 3.
async fn three_partitions(nodes: &[TestNode]) -> Topic {
    let replicas: [&[i32]; 3] = [&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    let topic = create_on(&nodes[0], "t", &replicas, &[("min.insync.replicas", "2")]).await;
    for (index, leader) in (0..).zip(nodes) {
        produce_until_acknowledged(leader, &topic, index, "before").await;
    }
    topic
}

async fn assert_healed(nodes: &[TestNode], topic: &Topic) {
    for (index, leader) in (0..).zip(nodes) {
        until_isr_is(&nodes[0], topic, index, &[1, 2, 3]).await;
        produce_until_acknowledged(leader, topic, index, "after").await;
        let values = read(leader, topic, index).await;
        assert_eq!(values.first().map(String::as_str), Some("before"));
        assert_eq!(values.last().map(String::as_str), Some("after"));
    }
    nodes.iter().for_each(|node| node.log().assert_nobody_was_fenced());
}

#[tokio::test]
async fn a_disk_that_fills_on_one_broker_stops_what_it_leads_and_nothing_else() {
    let (nodes, disk) = three_with(&["replica.lag.time.max.ms=3000"]).await;
    let topic = three_partitions(&nodes).await;
    disk.set_capacity(0);

    // Refused, as often as it's tried, and not half there. What was there is read.
    for _ in 0..3 {
        let answer = produce(&nodes[1], &topic, 1, "refused", SHORTLY).await;
        assert_eq!(answer.error_code, ErrorCode::KafkaStorageError);
    }
    assert_eq!(read(&nodes[1], &topic, 1).await, ["before"]);
    nodes[1].log().line(&["ERROR", "t-1", "storage failed", "no storage space"]).await;

    // Where it follows, the leaders go on with those who can.
    for (index, leader) in [(0, &nodes[0]), (2, &nodes[2])] {
        produce_until_acknowledged(leader, &topic, index, "during").await;
        until_isr_is(&nodes[0], &topic, index, &[1, 3]).await;
        produce_until_acknowledged(leader, &topic, index, "without 2").await;
    }
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;

    disk.set_capacity(SPACE);
    assert_healed(&nodes, &topic).await;
    let values = read(&nodes[1], &topic, 1).await;
    assert!(!values.contains(&"refused".to_owned()), "{values:?}");
}

#[tokio::test]
async fn a_broker_that_is_almost_full_takes_no_produce_and_goes_on_following() {
    let mark = 1_000_000;
    let settings = [format!("ottla.log.dir.free.bytes.min={mark}")];
    let (nodes, disk) = three_with(&settings.each_ref().map(String::as_str)).await;
    let topic = three_partitions(&nodes).await;
    let used = SPACE - disk.free_bytes(Path::new("/")).unwrap();
    disk.set_capacity(used + mark - 1);

    let refused = until("produce is refused", async || {
        let answer = produce(&nodes[1], &topic, 1, "refused", SHORTLY).await;
        (!answer.error_code.is_none()).then_some(answer)
    })
    .await;
    assert_eq!(refused.error_code, ErrorCode::KafkaStorageError);
    let message = refused.error_message.unwrap();
    assert_eq!(
        message,
        "The disk of this broker is almost full: nothing is taken until it has space."
    );
    nodes[1].log().line(&["WARN", "almost full: refusing produce requests", "free="]).await;

    // It's in sync all the same.
    for (index, leader) in [(0, &nodes[0]), (2, &nodes[2])] {
        produce_until_acknowledged(leader, &topic, index, "during").await;
        assert_eq!(
            leader_and_isr(&nodes[0], &topic, index).await,
            Some((index + 1, vec![1, 2, 3]))
        );
    }
    disk.set_capacity(SPACE);
    nodes[1].log().line(&["INFO", "has space again"]).await;
    assert_healed(&nodes, &topic).await;
}

/// RocksDB on a disk that a test fills.
#[derive(Clone, Debug, Default)]
struct FillingStores {
    is_full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FillingStore {
    store: Arc<dyn Store>,
    is_full: Arc<AtomicBool>,
}

impl Stores for FillingStores {
    fn open(&self, path: &Path) -> Result<Arc<dyn Store>, store::Error> {
        let store = RocksStores::default().open(path)?;
        Ok(Arc::new(FillingStore { store, is_full: Arc::clone(&self.is_full) }))
    }
}

impl Store for FillingStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, store::Error> {
        self.store.get(key)
    }

    fn scan(
        &self,
        range: Range<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<store::Entry>, store::Error> {
        self.store.scan(range, order, limit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), store::Error> {
        if self.is_full.load(Ordering::Relaxed) {
            let reason = "IO error: No space left on device".to_owned();
            return Err(store::Error::Failed { operation: "write", path: "/full".into(), reason });
        }
        self.store.write(batch, durability)
    }
}

#[tokio::test]
async fn a_disk_too_full_for_metadata_ends_its_node_and_no_other() {
    let stores = FillingStores::default();
    let mut sites = cluster::formatted(&[]);
    let door = stores.clone();
    sites[1].set_doors(move |doors| doors.stores = Arc::new(door.clone()));
    let mut nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let topic = three_partitions(&nodes).await;

    stores.is_full.store(true, Ordering::Relaxed);
    // A change of the metadata, which has to be written on every node.
    create_on(&nodes[0], "meanwhile", &[&[1, 3]], &[]).await;
    let last_words = nodes[1].node().failed().await.to_string();
    assert!(last_words.contains("No space left on device"), "{last_words}");
    assert!(!last_words.contains('\n'), "one line: {last_words}");
    let site = nodes.remove(1).stop().await;
    until_brokers_are(&nodes[0], &[1, 3]).await;
    let leader = until_led_by_another(&nodes[0], &topic, 1, 2).await;
    let leader = if leader == 1 { &nodes[0] } else { &nodes[1] };
    produce_until_acknowledged(leader, &topic, 1, "without 2").await;

    stores.is_full.store(false, Ordering::Relaxed);
    nodes.insert(1, site.start().await);
    for index in 0..3 {
        until_isr_is(&nodes[0], &topic, index, &[1, 2, 3]).await;
    }
}
