use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::MemoryStores;

fn open(path: &Path) -> Arc<dyn Store> {
    RocksStores::default().open(path).unwrap()
}

fn run_suite(stores: RocksStores) {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    crate::conformance::run_all(&stores, || {
        count += 1;
        dir.path().join(format!("store-{count}"))
    });
}

#[test]
fn it_conforms() {
    run_suite(RocksStores::default());
}

#[test]
fn it_conforms_with_strict_recovery() {
    run_suite(RocksStores::strict());
}

/// Keys of at most two letters out of three, so that operations meet.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![b'a', b'b', b'c']), 0..3)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (key(), any::<[u8; 2]>())
            .prop_map(|(key, value)| Operation::Put { key, value: value.into() }),
        1 => key().prop_map(|key| Operation::Delete { key }),
        1 => (key(), key()).prop_map(|(start, end)| Operation::DeleteRange { start, end }),
    ]
}

fn batch(operations: &[Operation]) -> Batch {
    let mut batch = Batch::new();
    for operation in operations.iter().cloned() {
        match operation {
            Operation::Put { key, value } => batch.put(key, value),
            Operation::Delete { key } => batch.delete(key),
            Operation::DeleteRange { start, end } => batch.delete_range(start, end),
        };
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn it_does_what_its_twin_does(
        batches in prop::collection::vec(prop::collection::vec(operation(), 0..8), 1..12),
        (start, end) in (key(), key()),
        limit in 0..6_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let twin = MemoryStores::default().open(dir.path()).unwrap();
        let mut store = open(dir.path());
        for (index, operations) in batches.iter().enumerate() {
            twin.write(batch(operations), Durability::Synced).unwrap();
            store.write(batch(operations), Durability::Buffered).unwrap();
            if index % 5 == 4 {
                drop(store);
                store = open(dir.path());
            }
        }
        for order in [Order::Ascending, Order::Descending] {
            prop_assert_eq!(
                store.scan(&start..&end, order, limit).unwrap(),
                twin.scan(&start..&end, order, limit).unwrap()
            );
            prop_assert_eq!(
                store.scan(b""..b"z", order, usize::MAX).unwrap(),
                twin.scan(b""..b"z", order, usize::MAX).unwrap()
            );
        }
    }
}

/// Set in the second process that the tests below start.
const CHILD: &str = "STORE_TEST_PATH";

/// Runs one test of this binary in a process of its own, with a path to work on.
fn in_another_process(test: &str, path: &Path) -> std::process::Output {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--ignored"])
        .env(CHILD, path)
        .output()
        .unwrap()
}

#[test]
fn a_second_process_is_refused_with_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let child = in_another_process("rocks::tests::child_that_opens", dir.path());
    let output = String::from_utf8_lossy(&child.stdout);
    let expected =
        format!("the store in {} is in use by another process", dir.path().to_string_lossy());
    assert!(output.contains(&expected), "{output}");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_that_opens() {
    let path = std::env::var_os(CHILD).unwrap();
    println!("{}", RocksStores::default().open(Path::new(&path)).unwrap_err());
}

#[test]
fn a_process_that_dies_loses_nothing_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let child = in_another_process("rocks::tests::child_that_writes_and_aborts", dir.path());
    assert!(!child.status.success());
    let store = open(dir.path());
    assert_eq!(store.get(b"synced").unwrap(), Some(b"1".to_vec()));
    assert_eq!(store.get(b"buffered").unwrap(), Some(b"2".to_vec()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_that_writes_and_aborts() {
    let path = std::env::var_os(CHILD).unwrap();
    let store = open(Path::new(&path));
    let mut batch = Batch::new();
    batch.put("synced", "1");
    store.write(batch, Durability::Synced).unwrap();
    let mut batch = Batch::new();
    batch.put("buffered", "2");
    store.write(batch, Durability::Buffered).unwrap();
    std::process::abort();
}

/// Cuts the last bytes of the write-ahead log, as the loss of power may.
fn tear_the_log(dir: &Path) {
    let log = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max()
        .unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(log).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 3).unwrap();
}

fn two_batches_and_a_torn_tail(dir: &Path) {
    let store = open(dir);
    for key in ["whole", "torn"] {
        let mut batch = Batch::new();
        batch.put(key, "value");
        store.write(batch, Durability::Synced).unwrap();
    }
    drop(store);
    tear_the_log(dir);
}

#[test]
fn a_torn_tail_costs_the_torn_batch_alone() {
    let dir = tempfile::tempdir().unwrap();
    two_batches_and_a_torn_tail(dir.path());
    let store = open(dir.path());
    assert_eq!(store.get(b"whole").unwrap(), Some(b"value".to_vec()));
    assert_eq!(store.get(b"torn").unwrap(), None);
}

#[test]
fn strict_recovery_refuses_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    two_batches_and_a_torn_tail(dir.path());
    let error = RocksStores::strict().open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[test]
fn a_path_that_is_a_file_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RocksStores::default().open(file.path()).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
    assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
}
