//! One partition of the stub: a file, and where its batches lie in it.

use super::Options;
use anyhow::{Context, Result, ensure};
use protocol::records::{set_base_offset, set_partition_leader_epoch, validate_produced};
use protocol::{LeaderEpoch, Offset};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Partition {
    file: File,
    wrap_bytes: u64,
    sync: bool,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// Where the next batch goes in the file.
    position: u64,
    next_offset: i64,
    /// Ascending by offset; what is in the file still.
    batches: VecDeque<Stored>,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    base_offset: i64,
    position: u64,
    size: u64,
}

impl Stored {
    fn end(self) -> u64 {
        self.position + self.size
    }
}

/// What a fetch is answered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) high_watermark: i64,
    pub(super) position: u64,
    /// 0 where nothing is there yet.
    pub(super) size: usize,
}

impl Partition {
    pub(super) fn create(directory: &Path, index: usize, options: &Options) -> Result<Self> {
        let path = directory.join(format!("partition-{index}"));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        Ok(Self {
            file: file.context("creating a partition's file")?,
            wrap_bytes: options.wrap_bytes,
            sync: options.sync,
            log: Mutex::default(),
        })
    }

    /// Checks a batch, gives it its offset in place, and writes it. Returns the offset.
    pub(super) fn append(&self, batch: &mut [u8]) -> Result<i64> {
        let header = validate_produced(batch).context("a batch")?;
        let mut log = self.log.lock().expect("no holder panics");
        let stored = log.place(batch.len(), self.wrap_bytes);
        set_base_offset(batch, Offset(stored.base_offset));
        set_partition_leader_epoch(batch, LeaderEpoch(0));
        self.file.write_all_at(batch, stored.position).context("writing a batch")?;
        if self.sync {
            self.file.sync_data().context("syncing a batch")?;
        }
        log.next_offset += i64::from(header.record_count);
        Ok(stored.base_offset)
    }

    /// Finds whole batches from the one on that holds the offset, at least one where there is any.
    pub(super) fn find(&self, offset: i64, bytes_max: u64) -> Result<Found> {
        let log = self.log.lock().expect("no holder panics");
        let high_watermark = log.next_offset;
        if offset >= high_watermark {
            return Ok(Found { high_watermark, position: 0, size: 0 });
        }
        let after = log.batches.partition_point(|batch| batch.base_offset <= offset);
        ensure!(after > 0, "offset {offset} is written over");
        let Stored { position, mut size, .. } = log.batches[after - 1];
        for batch in log.batches.range(after..) {
            if batch.position != position + size || size + batch.size > bytes_max {
                break;
            }
            size += batch.size;
        }
        Ok(Found { high_watermark, position, size: usize::try_from(size).expect("a size") })
    }

    pub(super) fn read(&self, found: Found, into: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(into, found.position).context("reading batches")
    }
}

impl Log {
    /// The next batch's place. What lay there is forgotten.
    fn place(&mut self, size: usize, wrap_bytes: u64) -> Stored {
        let size = u64::try_from(size).expect("a size");
        if self.position + size > wrap_bytes {
            self.position = 0;
        }
        let stored = Stored { base_offset: self.next_offset, position: self.position, size };
        let is_lost = |old: &Stored| old.position < stored.end() && stored.position < old.end();
        while self.batches.front().is_some_and(is_lost) {
            self.batches.pop_front();
        }
        self.batches.push_back(stored);
        self.position = stored.end();
        stored
    }
}

/// Wakes fetches that wait for anything to arrive.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    count: Mutex<u64>,
    arrived: Condvar,
    /// Without a waiter nothing is to be woken, which would be a system call.
    waiting: AtomicUsize,
}

impl Arrivals {
    pub(super) fn announce(&self) {
        *self.count.lock().expect("no holder panics") += 1;
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.arrived.notify_all();
        }
    }

    /// To be taken before looking, so that nothing arrives unseen in between.
    pub(super) fn seen(&self) -> u64 {
        *self.count.lock().expect("no holder panics")
    }

    /// Whether anything arrived since, waiting for it.
    pub(super) fn wait_until(&self, deadline: Instant, seen: u64) -> bool {
        let mut count = self.count.lock().expect("no holder panics");
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while *count == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            count = self.arrived.wait_timeout(count, left).expect("no holder panics").0;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        *count != seen
    }
}
