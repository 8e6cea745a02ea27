//! The bytes of one file: as processes see them, and as the device holds them.

use crate::rng::Rng;

/// What a device writes as a whole or not at all, in bytes.
const SECTOR: usize = 512;

/// A file's two images, and the changes between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Whether memory holds the bytes. They are read from the device otherwise.
    pub(crate) is_resident: bool,
    /// Whether the next write is going to be damaged.
    damages_next_write: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Image {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.current
    }

    /// What is certain to survive a power loss, if nothing else does.
    pub(crate) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(crate) fn damage_next_write(&mut self) {
        self.damages_next_write = true;
    }

    pub(crate) fn write(&mut self, bytes: &[u8], position: usize) {
        let mut bytes = bytes.to_vec();
        if let Some(last) = bytes.last_mut()
            && std::mem::take(&mut self.damages_next_write)
        {
            *last ^= 1;
        }
        write(&mut self.current, &bytes, position);
        self.pending.push(Change::Write { position, bytes });
        self.is_resident = true;
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.current.resize(len, 0);
        self.pending.push(Change::Truncate(len));
    }

    pub(crate) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { position, bytes } => write(&mut self.durable, &bytes, position),
                Change::Truncate(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// What Linux does when a sync fails: the pages are called clean. Processes go on seeing them,
    /// and no later sync writes them.
    pub(crate) fn lose_pending(&mut self) {
        self.pending.clear();
    }

    /// Damages one bit on the device, and lets memory forget the file, so that it is read.
    pub(crate) fn flip_bit(&mut self, bit: usize) {
        for image in [&mut self.current, &mut self.durable] {
            if let Some(byte) = image.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        self.is_resident = false;
    }

    /// Power is lost: of what was not synced the dice decide what the device got.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        match rng.below(4) {
            0 => {}
            1 => pending.into_iter().for_each(|change| self.keep(change, rng, 100)),
            2 => {
                // A device that writes in order got so far, and tore the last write.
                let count = rng.below(pending.len() as u64 + 1);
                for (index, change) in (0..count).zip(pending) {
                    let percent = if index + 1 == count { 50 } else { 100 };
                    self.keep(change, rng, percent);
                }
            }
            _ => {
                let percent = 1 + rng.below(99);
                pending.into_iter().for_each(|change| self.keep(change, rng, percent));
            }
        }
        // The new length may have got there without the bytes.
        let missing = self.current.len().saturating_sub(self.durable.len());
        if missing > 0 && rng.percent(25) {
            let extra = 1 + rng.below(missing as u64);
            let extra = usize::try_from(extra).expect("no more than what is missing");
            self.durable.resize(self.durable.len() + extra, 0);
        }
        self.current.clone_from(&self.durable);
        self.is_resident = false;
    }

    /// Lets a change reach the device, each of its sectors with a probability.
    fn keep(&mut self, change: Change, rng: &mut Rng, percent: u64) {
        match change {
            Change::Truncate(len) => {
                if rng.percent(percent) {
                    self.durable.resize(len, 0);
                }
            }
            Change::Write { mut position, bytes } => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let len = rest.len().min(SECTOR - position % SECTOR);
                    let (sector, after) = rest.split_at(len);
                    if rng.percent(percent) {
                        write(&mut self.durable, sector, position);
                    }
                    position += len;
                    rest = after;
                }
            }
        }
    }
}

fn write(image: &mut Vec<u8>, bytes: &[u8], position: usize) {
    let end = position + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[position..end].copy_from_slice(bytes);
}
