//! A bit that the device lost is found, wherever it is, and never handed out.

use std::{ops::Range, path::PathBuf};

use protocol::{BrokerEpoch, LeaderEpoch, Offset};
use simdisk::{Crash, Rng, SimDisk};
use storage::{Error, FirstBatch, Log};

use crate::model::{DIR, Model, append, config, open_log, read};

fn log_file(base_offset: Offset) -> PathBuf {
    PathBuf::from(DIR).join("orders-0").join(format!("{:020}.log", base_offset.0))
}

/// A closed log of a few segments.
fn written(disk: &SimDisk, appends: usize) -> (Model, Vec<Offset>) {
    let mut rng = Rng::new(7);
    let mut model = Model { epoch: LeaderEpoch(3), ..Model::default() };
    let (mut log, _) = open_log(disk, config()).unwrap();
    for _ in 0..appends {
        append(&mut log, &mut model, &mut rng).unwrap();
    }
    log.close(&model.snapshot()).unwrap();
    log.log_dir().close(BrokerEpoch(1)).unwrap();
    let segments = log.segment_base_offsets().collect();
    (model, segments)
}

/// Every read returns what was written, or an error. Returns whether there was any error.
fn serves_nothing_false(log: &Log, model: &Model, segment: Range<Offset>) -> bool {
    let end = log.log_end_offset();
    let mut found = false;
    for header in model.headers().filter(|header| segment.contains(&header.base_offset)) {
        for max_bytes in [1, 2000] {
            for offset in [header.base_offset, header.last_offset()] {
                match read(log, offset, max_bytes, end) {
                    Err(Error::Corrupt { .. }) => found = true,
                    Err(error) => panic!("{error}"),
                    Ok(bytes) => {
                        let mut at = 0;
                        for (base, batch) in model.batches.range(header.base_offset..) {
                            if at == bytes.len() {
                                break;
                            }
                            assert_eq!(bytes[at..at + batch.len()], batch[..], "batch {base}");
                            at += batch.len();
                        }
                        assert!(at > 0 && at == bytes.len(), "nothing at {offset}");
                    }
                }
            }
        }
    }
    found
}

#[test]
fn a_flipped_bit_in_a_batch_is_never_served() {
    let disk = SimDisk::new(1);
    let (model, segments) = written(&disk, 60);
    assert!(segments.len() > 3);
    disk.crash(Crash::Power);
    let disk = disk.reopen();
    // Once from a segment in the middle and once from the last, with every bit of a few batches.
    for (index, segment) in [(1, segments[1]), (2, *segments.last().unwrap())] {
        let (log, _) = open_log(&disk, config()).unwrap();
        let path = log_file(segment);
        let end =
            segments.iter().find(|base| **base > segment).copied().unwrap_or_else(|| model.end());
        let batches: Vec<_> = model.batches.range(segment..end).take(3).collect();
        let bytes: usize = batches.iter().map(|(_, batch)| batch.len()).sum();
        let mut rng = Rng::new(index);
        for bit in 0..bytes * 8 {
            // All bits of headers' beginnings, and some of the rest.
            let in_batch = batches.iter().scan(0, |start, (_, batch)| {
                let at = *start;
                *start += batch.len();
                Some(at)
            });
            let header = in_batch.filter(|start| *start <= bit / 8).last().unwrap();
            if bit / 8 - header > 61 && rng.percent(97) {
                continue;
            }
            disk.flip_bit(&path, bit).unwrap();
            disk.evict();
            assert!(serves_nothing_false(&log, &model, segment..end), "bit {bit} was not found");
            disk.flip_bit(&path, bit).unwrap();
        }
        assert!(!serves_nothing_false(&log, &model, Offset(0)..model.end()));
    }
}

#[test]
fn memory_is_not_trusted_with_what_another_process_wrote() {
    let disk = SimDisk::new(1);
    let (model, _) = written(&disk, 3);
    let disk = {
        disk.crash(Crash::Power);
        disk.reopen()
    };
    let (log, _) = open_log(&disk, config()).unwrap();
    let end = log.log_end_offset();
    disk.flip_bit(&log_file(Offset(0)), 70 * 8).unwrap();
    assert!(matches!(read(&log, Offset(0), 1, end), Err(Error::Corrupt { .. })));
    let slice = log.locate(Offset(0), 1, end, FirstBatch::Whole).unwrap();
    assert!(matches!(slice.read_hot(), Err(Error::Corrupt { .. })), "it is in memory by now");
    assert!(!model.batches.is_empty());
}

#[test]
fn a_flipped_bit_in_an_index_costs_time_and_nothing_else() {
    let disk = SimDisk::new(1);
    let (model, segments) = written(&disk, 60);
    let disk = {
        disk.crash(Crash::Power);
        disk.reopen()
    };
    let path = log_file(segments[1]).with_extension("index");
    let (log, _) = open_log(&disk, config()).unwrap();
    for bit in 0..8 * 8 * 3 {
        disk.flip_bit(&path, bit).unwrap();
        assert!(!serves_nothing_false(&log, &model, segments[1]..segments[2]), "bit {bit}");
        disk.flip_bit(&path, bit).unwrap();
    }
}

#[test]
fn damage_below_the_recovery_point_keeps_the_log_closed_and_whole() {
    let disk = SimDisk::new(1);
    let mut rng = Rng::new(7);
    let mut model = Model { epoch: LeaderEpoch(3), ..Model::default() };
    let (mut log, _) = open_log(&disk, config()).unwrap();
    for _ in 0..5 {
        append(&mut log, &mut model, &mut rng).unwrap();
    }
    let job = log.begin_sync().unwrap();
    job.run().unwrap();
    log.finish_sync(job);
    log.log_dir().checkpoint().unwrap();
    disk.crash(Crash::Power);
    let disk = disk.reopen();
    disk.flip_bit(&log_file(Offset(0)), 16 * 8).unwrap();
    assert!(matches!(open_log(&disk, config()), Err(Error::Corrupt { .. })));
    disk.flip_bit(&log_file(Offset(0)), 16 * 8).unwrap();
    let (log, _) = open_log(&disk, config()).unwrap();
    model.check(&log, &mut rng);
}
