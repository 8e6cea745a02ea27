//! What can be made to go wrong with a disk that has power.

use std::io::{self, ErrorKind};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Reading bytes of a file.
    Read,
    /// Writing bytes of a file, or cutting it.
    Write,
    /// Syncing a file or a directory.
    Sync,
    /// Creating, renaming or removing a name.
    Name,
}

/// What is going to happen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Calls that will fail once: how many of their kind come before.
    errors: Vec<(Call, u64)>,
    /// How many more changes there are until the machine dies.
    crash_after: Option<u64>,
}

/// How a call ends that is not to succeed.
pub(crate) enum Verdict {
    Succeed,
    /// With an I/O error.
    Fail(io::Error),
    /// Never: the machine dies in the middle of it.
    Die,
}

impl Faults {
    pub(crate) fn fail(&mut self, call: Call, after: u64) {
        self.errors.push((call, after));
    }

    pub(crate) fn crash_after(&mut self, changes: u64) {
        self.crash_after = Some(changes);
    }

    /// Decides about a call.
    pub(crate) fn judge(&mut self, call: Call) -> Verdict {
        if call != Call::Read
            && let Some(left) = &mut self.crash_after
        {
            if *left == 0 {
                self.crash_after = None;
                return Verdict::Die;
            }
            *left -= 1;
        }
        let mut fails = false;
        self.errors.retain_mut(|(kind, left)| {
            if *kind != call {
                return true;
            }
            let due = *left == 0;
            *left = left.saturating_sub(1);
            fails |= due;
            !due
        });
        if fails { Verdict::Fail(device_error()) } else { Verdict::Succeed }
    }
}

/// What Linux calls EIO.
pub(crate) fn device_error() -> io::Error {
    const EIO: i32 = 5;
    io::Error::from_raw_os_error(EIO)
}

/// What a dead machine's process would get, if there still were one.
pub(crate) fn machine_is_down() -> io::Error {
    io::Error::new(ErrorKind::BrokenPipe, "the machine is down")
}
