use super::*;
use crate::disk::OsDisk;

fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition: PartitionIndex(partition) }
}

#[test]
fn the_name_of_a_directory_is_the_partitions() {
    assert_eq!(parse_log_name("orders-0"), Some(partition("orders", 0)));
    assert_eq!(parse_log_name("a-b.c_d-12"), Some(partition("a-b.c_d", 12)));
    assert_eq!(parse_log_name("__cluster_metadata-0"), None);
    for name in ["orders", "-0", "orders-", "orders-x", "orders-0.aa-delete"] {
        assert_eq!(parse_log_name(name), None, "{name}");
    }
}

#[test]
fn the_name_of_a_deleted_log_fits_in_a_directory() {
    let name = unique_name(&partition(&"t".repeat(249), 123), Uuid([1; 16]), DELETED);
    assert_eq!(name.len(), NAME_LEN_MAX);
    assert!(name.ends_with(&format!("t-123.{}-delete", "01".repeat(16))));
}

#[test]
fn a_directory_has_one_user_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let dir = LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
    let second = LogDir::open(Arc::new(OsDisk), root.path());
    assert!(matches!(second, Err(Error::Locked { .. })));
    drop(dir);
    LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
}

#[test]
fn the_clean_shutdown_marker_goes_with_the_first_change() {
    let root = tempfile::tempdir().unwrap();
    let marker = root.path().join(clean_shutdown::FILE_NAME);
    let open = || LogDir::open(Arc::new(OsDisk), root.path()).unwrap();

    let dir = open();
    assert_eq!(dir.previous_broker_epoch(), None);
    dir.close(BrokerEpoch(8)).unwrap();
    drop(dir);

    let dir = open();
    assert_eq!(dir.previous_broker_epoch(), Some(BrokerEpoch(8)));
    assert!(marker.exists(), "nothing has changed yet");
    dir.create_log(&partition("t", 0), None, LogConfig::default(), Timestamp(0)).unwrap();
    assert!(!marker.exists());
    drop(dir);

    assert_eq!(open().previous_broker_epoch(), None);
}

#[test]
fn a_damaged_checkpoint_is_told_and_taken_for_empty() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(HIGH_WATERMARKS);
    replace_file(&OsDisk, &path, b"0\n7\ngarbage").unwrap();
    let dir = LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
    assert_eq!(dir.damage().len(), 1);
    assert_eq!(dir.high_watermark(&partition("t", 0)), None);
    let offsets = Offsets::from([(partition("t", 0), Offset(5))]);
    dir.checkpoint_high_watermarks(&offsets).unwrap();
    assert_eq!(read_file(&OsDisk, &path).unwrap().unwrap(), b"0\n1\nt 0 5\n");
}

#[test]
fn leftovers_of_a_deletion_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let left = root.path().join(unique_name(&partition("t", 0), Uuid([1; 16]), DELETED));
    OsDisk.create_dir_all(&left).unwrap();
    let dir = LogDir::open(Arc::new(OsDisk), root.path()).unwrap();
    assert!(!left.exists());
    assert_eq!(dir.partitions().unwrap(), []);
}
