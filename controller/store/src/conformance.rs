//! What every store must do, as functions that any implementation runs in its tests.
//!
//! Each function opens a store in a directory of its own and panics where a promise is broken. What
//! the loss of power leaves behind can't be tried here: the simulator does.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Batch, Durability, Entry, Error, Order, Store, Stores};

/// Runs the whole suite; `fresh` names a directory that wasn't used before, at every call.
///
/// # Panics
/// When the implementation breaks a promise.
pub fn run_all(stores: &dyn Stores, mut fresh: impl FnMut() -> PathBuf) {
    a_value_is_what_was_put_last(stores, &fresh());
    a_deleted_key_has_no_value(stores, &fresh());
    a_deleted_range_ends_before_its_end(stores, &fresh());
    a_batch_is_done_in_order(stores, &fresh());
    a_scan_has_its_start_and_not_its_end(stores, &fresh());
    a_scan_goes_both_ways_and_stops_at_its_limit(stores, &fresh());
    a_range_that_ends_before_it_starts_is_empty(stores, &fresh());
    keys_are_ordered_by_their_bytes(stores, &fresh());
    values_of_any_size_come_back(stores, &fresh());
    a_scan_sees_whole_batches(stores, &fresh());
    what_was_written_is_there_after_reopening(stores, &fresh());
    a_store_is_open_once(stores, &fresh());
}

/// The last of several puts wins; a key that was never put has no value; an empty value is one.
pub fn a_value_is_what_was_put_last(stores: &dyn Stores, path: &Path) {
    let store = open(stores, path);
    assert_eq!(get(&*store, "a"), None);
    put(&*store, "a", "1");
    put(&*store, "a", "2");
    put(&*store, "empty", "");
    assert_eq!(get(&*store, "a"), Some(b"2".to_vec()));
    assert_eq!(get(&*store, "empty"), Some(Vec::new()));
    assert_eq!(get(&*store, "b"), None);
}

/// Deleting takes one key's value, and deleting a key without one is no error.
pub fn a_deleted_key_has_no_value(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b"]);
    let mut batch = Batch::new();
    batch.delete("a").delete("never");
    write(&*store, batch);
    assert_eq!(keys(&*store), ["b"]);
}

/// A range's start goes, its end stays, and so does what lies outside.
pub fn a_deleted_range_ends_before_its_end(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b", "ba", "c", "d"]);
    let mut batch = Batch::new();
    batch.delete_range("b", "c");
    write(&*store, batch);
    assert_eq!(keys(&*store), ["a", "c", "d"]);
    put(&*store, "ba", "again");
    assert_eq!(keys(&*store), ["a", "ba", "c", "d"]);
}

/// Each operation of a batch sees what the earlier ones did.
pub fn a_batch_is_done_in_order(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b"]);
    let mut batch = Batch::new();
    batch.put("c", "1").delete_range("a", "z").put("b", "2").put("d", "3").delete("d");
    write(&*store, batch);
    assert_eq!(keys(&*store), ["b"]);
    assert_eq!(get(&*store, "b"), Some(b"2".to_vec()));
    write(&*store, Batch::new());
    assert_eq!(keys(&*store), ["b"]);
}

/// Bounds need not be keys that exist.
pub fn a_scan_has_its_start_and_not_its_end(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b", "c", "d"]);
    assert_eq!(scan(&*store, "b", "d", Order::Ascending, 9), ["b", "c"]);
    assert_eq!(scan(&*store, "b", "d", Order::Descending, 9), ["c", "b"]);
    assert_eq!(scan(&*store, "aa", "cc", Order::Ascending, 9), ["b", "c"]);
    assert_eq!(scan(&*store, "aa", "cc", Order::Descending, 9), ["c", "b"]);
    assert_eq!(scan(&*store, "", "zz", Order::Ascending, 9), ["a", "b", "c", "d"]);
}

/// The limit counts from the end that the scan starts at.
pub fn a_scan_goes_both_ways_and_stops_at_its_limit(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b", "c", "d"]);
    assert_eq!(scan(&*store, "a", "d", Order::Ascending, 2), ["a", "b"]);
    assert_eq!(scan(&*store, "a", "d", Order::Descending, 2), ["c", "b"]);
    assert_eq!(scan(&*store, "a", "z", Order::Ascending, usize::MAX), ["a", "b", "c", "d"]);
    assert!(scan(&*store, "a", "z", Order::Ascending, 0).is_empty());
}

/// Such a range is neither an error nor everything, in a scan as in a batch.
pub fn a_range_that_ends_before_it_starts_is_empty(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b", "c"]);
    assert!(scan(&*store, "c", "a", Order::Ascending, 9).is_empty());
    assert!(scan(&*store, "b", "b", Order::Descending, 9).is_empty());
    let mut batch = Batch::new();
    batch.delete_range("c", "a").delete_range("b", "b").put("d", "1");
    write(&*store, batch);
    assert_eq!(keys(&*store), ["a", "b", "c", "d"]);
}

/// The order is that of unsigned bytes, and a prefix comes first.
pub fn keys_are_ordered_by_their_bytes(stores: &dyn Stores, path: &Path) {
    let store = open(stores, path);
    let ordered: [&[u8]; 6] = [&[0], &[0, 0], &[1], &[0x7f, 0xff], &[0x80], &[0xff, 0xff]];
    let mut batch = Batch::new();
    for key in ordered.iter().rev() {
        batch.put(*key, *key);
    }
    write(&*store, batch);
    let end: &[u8] = &[0xff, 0xff, 0xff];
    let entries = store.scan(&[]..end, Order::Ascending, 9).expect("a scan");
    let found: Vec<&[u8]> = entries.iter().map(|(key, _)| key.as_slice()).collect();
    assert_eq!(found, ordered);
    assert!(entries.iter().all(|(key, value)| key == value));
}

/// A value may be larger than any buffer inside.
pub fn values_of_any_size_come_back(stores: &dyn Stores, path: &Path) {
    let store = open(stores, path);
    let large: Vec<u8> = (0..5_000_000_u32).map(|index| index.to_le_bytes()[1]).collect();
    let mut batch = Batch::new();
    batch.put("large", large.as_slice()).put("small", "s");
    write(&*store, batch);
    assert!(get(&*store, "large").is_some_and(|value| value == large));
    drop(store);
    assert!(get(&*open(stores, path), "large").is_some_and(|value| value == large));
}

/// One thread writes pairs, another never sees half of one.
pub fn a_scan_sees_whole_batches(stores: &dyn Stores, path: &Path) {
    let store = open(stores, path);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..500_u32 {
                let mut batch = Batch::new();
                batch.put("left", round.to_be_bytes()).put("right", round.to_be_bytes());
                store.write(batch, Durability::Buffered).expect("a write");
            }
        });
        for _ in 0..500 {
            let entries = store.scan(b"a"..b"z", Order::Ascending, 9).expect("a scan");
            match entries.as_slice() {
                [] => {}
                [(_, left), (_, right)] => assert_eq!(left, right, "half of a batch was seen"),
                other => panic!("half of a batch was seen: {other:?}"),
            }
        }
    });
}

/// Synced or not, a store that is closed and opened again has all of it.
pub fn what_was_written_is_there_after_reopening(stores: &dyn Stores, path: &Path) {
    let store = filled(stores, path, &["a", "b", "c", "d"]);
    let mut batch = Batch::new();
    batch.delete("a").delete_range("b", "d");
    store.write(batch, Durability::Buffered).expect("a write");
    let mut batch = Batch::new();
    batch.put("e", "synced");
    store.write(batch, Durability::Synced).expect("a write");
    drop(store);

    let store = open(stores, path);
    assert_eq!(keys(&*store), ["d", "e"]);
    assert_eq!(get(&*store, "e"), Some(b"synced".to_vec()));
    drop(store);
    assert_eq!(keys(&*open(stores, path)), ["d", "e"]);
}

/// A second opening is refused as long as the first store lives, and does it no harm.
pub fn a_store_is_open_once(stores: &dyn Stores, path: &Path) {
    let first = filled(stores, path, &["a"]);
    match stores.open(path) {
        Err(Error::InUse { path: named }) => assert_eq!(named, path),
        other => panic!("a store was opened twice, or refused unclearly: {other:?}"),
    }
    put(&*first, "b", "1");
    drop(first);
    assert_eq!(keys(&*open(stores, path)), ["a", "b"]);
}

fn open(stores: &dyn Stores, path: &Path) -> Arc<dyn Store> {
    stores.open(path).expect("the store opens")
}

fn filled(stores: &dyn Stores, path: &Path, keys: &[&str]) -> Arc<dyn Store> {
    let store = open(stores, path);
    let mut batch = Batch::new();
    for key in keys {
        batch.put(*key, *key);
    }
    write(&*store, batch);
    store
}

fn write(store: &dyn Store, batch: Batch) {
    store.write(batch, Durability::Synced).expect("a write");
}

fn put(store: &dyn Store, key: &str, value: &str) {
    let mut batch = Batch::new();
    batch.put(key, value);
    write(store, batch);
}

fn get(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    store.get(key.as_bytes()).expect("a get")
}

fn scan(store: &dyn Store, start: &str, end: &str, order: Order, limit: usize) -> Vec<String> {
    let entries = store.scan(start.as_bytes()..end.as_bytes(), order, limit).expect("a scan");
    entries.into_iter().map(|(key, _): Entry| String::from_utf8(key).expect("text")).collect()
}

fn keys(store: &dyn Store) -> Vec<String> {
    scan(store, "", "~", Order::Ascending, usize::MAX)
}
