//! A disk that has power, but is full or broken.

use protocol::{LeaderEpoch, Offset};
use simdisk::{Call, Crash, Rng, SimDisk};
use storage::{Error, Log};

use crate::model::{Model, append, config, open_dir, open_log, read};

fn some_appends(disk: &SimDisk) -> (Log, Model, Rng) {
    let mut rng = Rng::new(3);
    let mut model = Model { epoch: LeaderEpoch(0), ..Model::default() };
    let (mut log, _) = open_log(disk, config()).unwrap();
    for _ in 0..10 {
        append(&mut log, &mut model, &mut rng).unwrap();
    }
    (log, model, rng)
}

fn is_offline(result: Result<impl Sized, Error>) -> bool {
    matches!(result, Err(Error::LogDirOffline { .. }))
}

#[test]
fn a_failed_sync_takes_the_log_directory_offline_and_is_never_retried() {
    let disk = SimDisk::new(1);
    let (mut log, mut model, mut rng) = some_appends(&disk);
    disk.fail_after(Call::Sync, 0);
    let job = log.begin_sync().unwrap();
    assert!(matches!(job.run(), Err(Error::Io { .. })));

    assert!(log.log_dir().failure().unwrap().contains("sync failed"));
    assert!(is_offline(job.run()), "not retried");
    assert!(is_offline(append(&mut log, &mut model, &mut rng)));
    assert!(is_offline(read(&log, Offset(0), 1, log.log_end_offset())));
    assert!(is_offline(log.close(&[])));
    assert!(is_offline(log.log_dir().checkpoint()));
    assert!(is_offline(log.log_dir().close(protocol::BrokerEpoch(1))), "no clean shutdown");
    assert_eq!(log.synced_end(), Offset(0));
}

#[test]
fn a_read_error_takes_the_log_directory_offline() {
    let disk = SimDisk::new(1);
    let (log, ..) = some_appends(&disk);
    disk.fail_after(Call::Read, 0);
    let end = log.log_end_offset();
    assert!(matches!(read(&log, Offset(0), 1, end), Err(Error::Io { .. })));
    assert!(is_offline(read(&log, Offset(0), 1, end)));
}

#[test]
fn a_full_disk_refuses_appends_and_nothing_else() {
    let disk = SimDisk::new(1);
    let (mut log, mut model, mut rng) = some_appends(&disk);
    let free = log.log_dir().free_bytes().unwrap();
    let used = (1 << 40) - free;
    disk.set_capacity(used + 30);
    let end = log.log_end_offset();
    let mut refused = model.clone();
    assert!(matches!(append(&mut log, &mut refused, &mut rng), Err(Error::Io { .. })));
    assert_eq!(log.log_end_offset(), end);
    assert_eq!(log.log_dir().failure(), None);
    model.check(&log, &mut rng);

    disk.set_capacity(1 << 40);
    for _ in 0..20 {
        append(&mut log, &mut model, &mut rng).unwrap();
    }
    model.check(&log, &mut rng);
    drop(log);
    disk.crash(Crash::Process);
    let (log, _) = open_log(&disk.reopen(), config()).unwrap();
    model.check(&log, &mut rng);
}

#[test]
fn a_disk_that_gets_full_while_a_segment_is_rolled_loses_nothing() {
    for room in 0..120 {
        let disk = SimDisk::new(1);
        let (mut log, mut model, mut rng) = some_appends(&disk);
        let used = (1 << 40) - log.log_dir().free_bytes().unwrap();
        disk.set_capacity(used + room);
        if log.roll(protocol::Timestamp(0), &model.snapshot()).is_err() {
            assert_eq!(log.log_dir().failure(), None);
        }
        disk.set_capacity(1 << 40);
        for _ in 0..10 {
            append(&mut log, &mut model, &mut rng).unwrap();
        }
        model.check(&log, &mut rng);
    }
}

#[test]
fn a_second_process_is_refused_and_a_dead_one_holds_no_lock() {
    let disk = SimDisk::new(1);
    let dir = open_dir(&disk).unwrap();
    assert!(matches!(open_dir(&disk), Err(Error::Locked { .. })));
    disk.crash(Crash::Process);
    let disk = disk.reopen();
    let second = open_dir(&disk).unwrap();
    drop(dir);
    assert!(matches!(open_dir(&disk), Err(Error::Locked { .. })), "the dead hold nothing back");
    drop(second);
    open_dir(&disk).unwrap();
}
