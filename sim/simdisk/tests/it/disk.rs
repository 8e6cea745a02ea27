//! The disk itself.

use std::path::Path;

use simdisk::{Crash, SimDisk};
use storage::disk::{Disk as _, Mode, read_file, replace_file};

#[test]
fn a_dead_process_changes_nothing_any_more() {
    let disk = SimDisk::new(1);
    let path = Path::new("/file");
    let file = disk.open(path, Mode::Write).unwrap();
    file.write_all_at(b"before", 0).unwrap();
    disk.crash(Crash::Process);
    let next = disk.reopen();
    assert!(file.write_all_at(b"after!", 0).is_err());
    assert!(file.sync_data().is_err());
    assert!(disk.remove_file(path).is_err());
    assert_eq!(read_file(&next, path).unwrap().unwrap(), b"before");
}

#[test]
fn what_was_synced_survives_and_what_was_not_may_be_anything() {
    let (mut lost, mut kept, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let path = Path::new("/file");
        let file = disk.open(path, Mode::Write).unwrap();
        file.write_all_at(&[1; 2048], 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        file.write_all_at(&[2; 2048], 2048).unwrap();
        disk.crash(Crash::Power);
        let bytes = read_file(&disk.reopen(), path).unwrap().unwrap();
        assert_eq!(bytes[..2048], [1; 2048]);
        match &bytes[2048..] {
            [] => lost += 1,
            rest if rest == [2; 2048] => kept += 1,
            rest => {
                assert!(rest.iter().all(|byte| [0, 2].contains(byte)));
                torn += 1;
            }
        }
    }
    assert!(lost > 10 && kept > 10 && torn > 10, "{lost} {kept} {torn}");
}

#[test]
fn a_replaced_file_is_old_or_new_whatever_happens() {
    let path = Path::new("/dir/file");
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/dir")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        replace_file(&disk, path, b"old").unwrap();
        disk.crash_after(seed % 8);
        let done = replace_file(&disk, path, b"newer").is_ok();
        disk.crash(Crash::Power);
        let found = read_file(&disk.reopen(), path).unwrap().unwrap();
        assert!(found == b"newer" || (!done && found == b"old"), "{found:?}");
    }
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let survives = (0..100).filter(|seed| {
        let disk = SimDisk::new(*seed);
        let path = Path::new("/file");
        disk.open(path, Mode::CreateNew).unwrap().sync_data().unwrap();
        disk.crash(Crash::Power);
        disk.reopen().exists(path).unwrap()
    });
    let count = survives.count();
    assert!(count > 10 && count < 90, "{count}");
}

#[test]
fn the_same_seed_loses_the_same() {
    let image = |seed| {
        let disk = SimDisk::new(seed);
        let file = disk.open(Path::new("/file"), Mode::Write).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        file.write_all_at(&[7; 10_000], 0).unwrap();
        disk.crash(Crash::Power);
        read_file(&disk.reopen(), Path::new("/file")).unwrap()
    };
    assert!((0..50).all(|seed| image(seed) == image(seed)));
}
