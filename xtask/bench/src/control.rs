//! What the machine itself does at the moment, with no broker in it. Loads of other programs, and
//! a first use of memory that the hypervisor has to find, show here before they show anywhere.

use crate::load::Latencies;
use crate::usage::{self, kilobytes_in};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

const ROUND_TRIPS: usize = 500;
const SYNCS: usize = 50;
const COPIES: usize = 8;
const COPY_BYTES: usize = 64 * 1024 * 1024;
/// At what a loaded page cache costs, several ticks of the CPU clock.
const PROBE_BYTES: u64 = 256 * 1024 * 1024;
const CHUNK_BYTES: usize = 1024 * 1024;

/// One look at the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    /// Half of all round trips of 64 bytes over loopback are faster, in microseconds.
    pub(crate) round_trip_us: f64,
    /// Half of all syncs after an append of 4 KiB are faster, in microseconds.
    pub(crate) fdatasync_us: f64,
    /// Copying from memory to memory, in GB/s.
    pub(crate) memcpy_gb_per_s: f64,
    /// What a file in the page cache costs, in CPU seconds for each GB: some tenths for memory used
    /// before, seconds for memory that the hypervisor has to find.
    pub(crate) page_cache_s_per_gb: f64,
    /// Of the last minute.
    pub(crate) load_average: f64,
}

impl Control {
    pub(crate) fn look(directory: &Path) -> Result<Self> {
        Ok(Self {
            round_trip_us: round_trip()?,
            fdatasync_us: fdatasync(directory)?,
            memcpy_gb_per_s: memcpy(),
            page_cache_s_per_gb: page_cache_cost(directory)?,
            load_average: load_average()?,
        })
    }
}

/// Writes and removes a file as large as the free memory, so that no broker is the first to use
/// it: that costs twenty times a later use. Returns how many bytes it touched.
pub(crate) fn touch_free_memory(directory: &Path) -> Result<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").context("the machine's memory")?;
    let free = kilobytes_in(&memory, "MemAvailable").context("the free memory")? * 1024;
    let disk = rustix::fs::statvfs(directory).context("the free disk")?;
    touch_memory(directory, (free / 10 * 9).min(disk.f_bavail * disk.f_frsize / 2))
}

/// Does so with as much memory as a load is about to need. A hypervisor may take free memory back
/// within a second, so this comes right before each load, and not only once.
pub(crate) fn touch_memory(directory: &Path, bytes: u64) -> Result<u64> {
    let path = directory.join("touch");
    let mut file = File::create(&path).context("creating a large file")?;
    let chunk = vec![1; CHUNK_BYTES];
    let mut touched = 0;
    while touched < bytes {
        file.write_all(&chunk).context("writing a large file")?;
        touched += u64::try_from(CHUNK_BYTES).expect("a size");
    }
    std::fs::remove_file(&path).context("removing a large file")?;
    Ok(touched)
}

fn page_cache_cost(directory: &Path) -> Result<f64> {
    let before = usage::cpu(std::process::id())?;
    let touched = touch_memory(directory, PROBE_BYTES)?;
    let used = usage::cpu(std::process::id())? - before;
    Ok(used.as_secs_f64() / (touched as f64 / 1e9))
}

fn round_trip() -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let mut here = TcpStream::connect(listener.local_addr()?).context("connecting")?;
    let (mut there, _) = listener.accept().context("accepting")?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    let echo = thread::spawn(move || -> std::io::Result<()> {
        let mut message = [0; 64];
        for _ in 0..ROUND_TRIPS {
            there.read_exact(&mut message)?;
            there.write_all(&message)?;
        }
        Ok(())
    });
    let mut latencies = Latencies::default();
    let mut message = [0; 64];
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        here.write_all(&message).context("sending")?;
        here.read_exact(&mut message).context("receiving")?;
        latencies.record(begun);
    }
    echo.join().expect("an echo does not panic").context("echoing")?;
    Ok(latencies.milliseconds(0.5) * 1000.0)
}

fn fdatasync(directory: &Path) -> Result<f64> {
    let path = directory.join("sync");
    let mut file = File::create(&path).context("creating a file")?;
    let mut latencies = Latencies::default();
    for _ in 0..SYNCS {
        file.write_all(&[1; 4096]).context("writing a file")?;
        let begun = Instant::now();
        file.sync_data().context("syncing a file")?;
        latencies.record(begun);
    }
    std::fs::remove_file(&path).context("removing a file")?;
    Ok(latencies.milliseconds(0.5) * 1000.0)
}

fn memcpy() -> f64 {
    let source = vec![1_u8; COPY_BYTES];
    let mut target = vec![2_u8; COPY_BYTES];
    let begun = Instant::now();
    for _ in 0..COPIES {
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&mut target);
    }
    (COPIES * COPY_BYTES) as f64 / 1e9 / begun.elapsed().as_secs_f64()
}

pub(crate) fn load_average() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").context("the load average")?;
    let first = text.split_whitespace().next().context("the load average")?;
    first.parse().context("the load average")
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn a_look_at_the_machine_finds_numbers_and_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::look(directory.path()).unwrap();
        assert!(control.round_trip_us > 0.0 && control.fdatasync_us > 0.0);
        assert!(control.memcpy_gb_per_s > 0.0 && control.load_average >= 0.0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
