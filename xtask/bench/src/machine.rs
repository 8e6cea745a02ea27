//! The machine that the numbers are from, without its name.

use crate::usage::kilobytes_in;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug, Clone)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: f64,
    kernel: String,
    filesystem: String,
}

impl Machine {
    /// `directory` is where the brokers keep their data.
    pub(crate) fn look(directory: &Path) -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
        let memory = kilobytes_in(&read("/proc/meminfo")?, "MemTotal").context("the memory")?;
        let directory = directory.canonicalize().context("the data directory")?;
        let filesystem = filesystem_in(&read("/proc/mounts")?, &directory.to_string_lossy());
        Ok(Self {
            processor: processor_in(&read("/proc/cpuinfo")?),
            cores: std::thread::available_parallelism().context("the number of cores")?.get(),
            memory_gib: memory as f64 / 1024.0 / 1024.0,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            filesystem,
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "memory_gib": self.memory_gib,
            "kernel": self.kernel,
            "filesystem": self.filesystem,
        })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processor, cores, memory_gib, kernel, filesystem } = self;
        write!(f, "{processor}, {cores} cores, {memory_gib:.0} GiB, Linux {kernel}, {filesystem}")
    }
}

fn processor_in(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// The type of the filesystem whose mount point is the longest that the directory lies below.
fn filesystem_in(mounts: &str, directory: &str) -> String {
    let of_line = |line: &'_ str| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let below = directory.strip_prefix(point.as_str())?;
        (point == "/" || below.is_empty() || below.starts_with('/')).then_some((point.len(), kind))
    };
    mounts.lines().filter_map(of_line).max().map_or_else(|| "unknown".into(), |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::{filesystem_in, processor_in};

    #[test]
    fn the_longest_mount_point_decides() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /data xfs rw 0 0\n/dev/c /database btrfs rw 0 0";
        assert_eq!(filesystem_in(mounts, "/data/target"), "xfs");
        assert_eq!(filesystem_in(mounts, "/datum"), "ext4");
    }

    #[test]
    fn the_processor_is_named_as_the_kernel_names_it() {
        assert_eq!(processor_in("processor\t: 0\nmodel name\t: Fast 9000\n"), "Fast 9000");
    }
}
