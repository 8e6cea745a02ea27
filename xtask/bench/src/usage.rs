//! What a process used, as the kernel counts it.

use anyhow::{Context, Result};
use std::time::Duration;

/// The CPU time of all threads of a process, user and system, finished ones included.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("a process's stat")?;
    Ok(of_ticks(ticks_in(&text, OWN).context("a process's CPU time")?))
}

/// The CPU time of all processes that this one has started, and seen the end of.
pub(crate) fn cpu_of_ended_children() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").context("this process's stat")?;
    Ok(of_ticks(ticks_in(&text, CHILDREN).context("the children's CPU time")?))
}

fn of_ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_nanos(ticks * (1_000_000_000 / per_second))
}

/// How many fields stand between a program's name and utime and stime, or cutime and cstime: they
/// are fields 14 to 17.
const OWN: usize = 11;
const CHILDREN: usize = OWN + 2;

/// User and system time, at a pair of fields. The second field of all is the program's name in
/// parentheses, which may contain anything.
fn ticks_in(stat: &str, pair: usize) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(pair);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that is in memory, the program's own code included.
    pub(crate) resident: u64,
    /// Heap and stacks.
    pub(crate) anonymous: u64,
}

pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("a process's status")?;
    memory_in(&text).context("a process's memory")
}

fn memory_in(status: &str) -> Option<Memory> {
    Some(Memory {
        resident: kilobytes_in(status, "VmRSS")? * 1024,
        anonymous: kilobytes_in(status, "RssAnon")? * 1024,
    })
}

/// The number in a line as `VmRSS:     1234 kB`, which `/proc/meminfo` has too.
pub(crate) fn kilobytes_in(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{CHILDREN, Memory, OWN, memory_in, ticks_in};

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 7 8 20 0 3 0";
        assert_eq!(ticks_in(stat, OWN), Some(400));
        assert_eq!(ticks_in(stat, CHILDREN), Some(15));
        assert_eq!(ticks_in("42 (name) S 1", OWN), None);
    }

    #[test]
    fn memory_is_read_by_name() {
        let status = "Name:\tottla\nVmRSS:\t   20480 kB\nRssAnon:\t    8192 kB\n";
        let expected = Memory { resident: 20_971_520, anonymous: 8_388_608 };
        assert_eq!(memory_in(status), Some(expected));
        assert_eq!(memory_in("Name:\tottla\n"), None);
    }

    #[test]
    fn this_process_can_be_asked() {
        let own = std::process::id();
        assert!(super::memory(own).unwrap().resident > 0);
        super::cpu(own).unwrap();
    }
}
