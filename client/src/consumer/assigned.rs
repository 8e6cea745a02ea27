//! One assigned partition: how far it was read, and what is ready to be handed out. Pure.

use std::collections::VecDeque;

use protocol::Offset;
use tokio::time::Instant;

use super::records::{ConsumerRecord, Decoded};
use crate::offsets::Place;

#[derive(Debug)]
pub(super) struct Assigned {
    position: Position,
    /// Fetched, and not handed out yet.
    buffered: VecDeque<ConsumerRecord>,
    pub(super) high_watermark: Option<Offset>,
    /// After an error.
    pub(super) paused_until: Option<Instant>,
    pub(super) failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Not decided: to be sought, or up to the reset policy.
    Unset,
    /// To be asked for.
    Sought(Place),
    /// The next record to hand out, and the next one to fetch.
    At { next: Offset, fetch: Offset },
}

impl Assigned {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Unset,
            buffered: VecDeque::new(),
            high_watermark: None,
            paused_until: None,
            failures: 0,
        }
    }

    /// Goes to a place. What was fetched from elsewhere is dropped.
    pub(super) fn seek(&mut self, place: Place) {
        self.buffered.clear();
        self.position = match place {
            Place::At(offset) => Position::At { next: offset, fetch: offset },
            other => Position::Sought(other),
        };
    }

    pub(super) fn is_unset(&self) -> bool {
        self.position == Position::Unset
    }

    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// The place that a leader must be asked for.
    pub(super) fn sought(&self) -> Option<Place> {
        match self.position {
            Position::Sought(place) => Some(place),
            _ => None,
        }
    }

    /// The offset of the next record to hand out.
    pub(super) fn position(&self) -> Option<Offset> {
        match self.position {
            Position::At { next, .. } => Some(next),
            _ => None,
        }
    }

    /// Where to fetch from, unless enough is buffered.
    pub(super) fn fetch_from(&self, buffered_max: usize) -> Option<Offset> {
        match self.position {
            Position::At { fetch, .. } if self.buffered.len() < buffered_max => Some(fetch),
            _ => None,
        }
    }

    /// Whether an answer to a fetch from here still matters: nobody went elsewhere meanwhile.
    pub(super) fn is_fetching(&self, from: Offset) -> bool {
        matches!(self.position, Position::At { fetch, .. } if fetch == from)
    }

    /// Takes in what was fetched.
    pub(super) fn fetched(&mut self, decoded: Decoded) {
        let Position::At { next, fetch } = &mut self.position else { return };
        self.failures = 0;
        *fetch = decoded.next_offset;
        self.buffered.extend(decoded.records);
        // Offsets without records are passed over, or the reader would seem to stand still.
        *next = self.buffered.front().map_or(*fetch, |record| record.offset);
    }

    /// Hands out at most so many records.
    pub(super) fn take(&mut self, max: usize) -> impl Iterator<Item = ConsumerRecord> {
        let count = max.min(self.buffered.len());
        if let Position::At { next, fetch } = &mut self.position {
            *next = self.buffered.get(count).map_or(*fetch, |record| record.offset);
        }
        self.buffered.drain(..count)
    }
}
