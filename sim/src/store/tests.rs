use std::collections::BTreeSet;

use store::{MemoryStores, RocksStores};

use super::*;

fn conforms(inner: Arc<dyn Stores>) {
    let directory = tempfile::tempdir().unwrap();
    let stores = SimStores::new(inner, directory.path(), 1);
    let mut count = 0;
    store::conformance::run_all(&*stores, || {
        count += 1;
        PathBuf::from(format!("/volumes/{count}"))
    });
}

#[test]
fn it_conforms_above_rocksdb() {
    conforms(Arc::new(RocksStores::strict()));
}

#[test]
fn it_conforms_above_memory() {
    conforms(Arc::new(MemoryStores::default()));
}

const PATH: &str = "volume";

fn stores(seed: u64) -> Arc<SimStores> {
    SimStores::new(Arc::new(MemoryStores::default()), Path::new("/"), seed)
}

fn open(stores: &SimStores) -> Arc<dyn Store> {
    stores.open(Path::new(PATH)).unwrap()
}

fn put(store: &dyn Store, key: &str, durability: Durability) {
    let mut batch = Batch::new();
    batch.put(key, "1");
    store.write(batch, durability).unwrap();
}

fn keys(store: &dyn Store) -> Vec<String> {
    let entries = store.scan(b"".as_slice()..b"~", Order::Ascending, usize::MAX).unwrap();
    entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

/// What is left of `a` (synced), then `b`, `c` and `d` (not synced).
fn left_after(crash: impl Fn(&SimStores), seed: u64) -> Vec<String> {
    let stores = stores(seed);
    let store = open(&stores);
    put(&*store, "a", Durability::Synced);
    for key in ["b", "c", "d"] {
        put(&*store, key, Durability::Buffered);
    }
    crash(&stores);
    keys(&*open(&stores))
}

#[test]
fn a_power_loss_keeps_what_is_synced_and_a_prefix_of_the_rest() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let left = left_after(
            |stores| {
                stores.lose_power();
            },
            seed,
        );
        assert_eq!(left, ["a", "b", "c", "d"][..left.len()]);
        seen.insert(left.len());
    }
    assert_eq!(seen, BTreeSet::from([1, 2, 3, 4]));
}

#[test]
fn a_process_crash_keeps_everything() {
    assert_eq!(left_after(SimStores::crash_process, 1), ["a", "b", "c", "d"]);
}

#[test]
fn a_synced_batch_makes_all_before_it_durable() {
    let stores = stores(1);
    let store = open(&stores);
    put(&*store, "a", Durability::Buffered);
    put(&*store, "b", Durability::Synced);
    assert_eq!(stores.lose_power(), 0);
    assert_eq!(keys(&*open(&stores)), ["a", "b"]);
}

#[test]
fn closing_syncs_nothing() {
    let lost = (0..100).map(|seed| {
        let stores = stores(seed);
        put(&*open(&stores), "a", Durability::Buffered);
        stores.lose_power()
    });
    assert!(lost.sum::<usize>() > 0);
}

#[test]
fn a_handle_from_before_a_crash_refuses_everything() {
    let stores = stores(1);
    let dead = open(&stores);
    put(&*dead, "a", Durability::Synced);
    stores.crash_process();
    let check = || {
        assert!(dead.get(b"a").is_err());
        assert!(dead.scan(b"a".as_slice()..b"z", Order::Ascending, 1).is_err());
        assert!(dead.write(Batch::new(), Durability::Synced).is_err());
    };
    check();
    let living = open(&stores);
    check();
    drop(dead);
    assert_eq!(keys(&*living), ["a"], "the end of a dead handle closed the living one");
}
