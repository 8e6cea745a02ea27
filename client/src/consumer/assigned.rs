//! One assigned partition: how far it was read, what is ready to be handed out, and what it needs
//! next. Pure.

use std::collections::VecDeque;

use protocol::{LeaderEpoch, Offset, TopicPartition, records::BatchError};
use tokio::time::Instant;

use super::{
    fetched::{Fetched, Point},
    record::ConsumerRecord,
};
use crate::offsets::Place;

/// How far a partition can be read, by the last answer that brought news of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermarks {
    pub(super) high_watermark: Offset,
    /// -1 where the broker doesn't say.
    pub(super) last_stable_offset: Offset,
}

#[derive(Debug, Default)]
pub(super) struct Assigned {
    position: Position,
    /// Fetched, and not handed out yet.
    fetched: VecDeque<Fetched>,
    /// To be fetched on only when all that was fetched is handed out.
    is_fetched_last: bool,
    pub(super) watermarks: Option<Watermarks>,
    /// By the application.
    pub(super) is_paused: bool,
    /// Whether it stands in the line of those with something to hand out.
    pub(super) is_in_line: bool,
    /// After an error.
    pub(super) rests_until: Option<Instant>,
    pub(super) failures: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    /// Up to the reset policy.
    #[default]
    Unset,
    /// To be asked for.
    Sought(Place),
    At(Reading),
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// The next record to hand out.
    next: Point,
    /// The next one to fetch.
    fetch: Point,
    /// The leader's epoch at which `fetch` was found to be in the leader's log.
    checked_at: LeaderEpoch,
}

/// What a partition needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To be reset.
    Reset,
    /// To know where a place is.
    Place(Place),
    /// To know whether the leader's log still has what was read before this place (KIP-320).
    Check(Point),
    /// Records.
    Records(Point),
    /// Nothing before some records are handed out.
    Room,
    /// Nothing before the application says so.
    Nothing,
}

impl Assigned {
    /// What it needs from a leader of this epoch, given that only so many bytes are to wait here.
    pub(super) fn need(&self, leader_epoch: LeaderEpoch, bytes_max: usize) -> Need {
        let unknown = LeaderEpoch::default();
        match self.position {
            Position::Unset => Need::Reset,
            Position::Sought(place) => Need::Place(place),
            Position::At(Reading { fetch, checked_at, .. })
                if fetch.epoch != unknown
                    && leader_epoch != unknown
                    && checked_at != leader_epoch =>
            {
                Need::Check(fetch)
            }
            Position::At(_) if self.is_paused => Need::Nothing,
            Position::At(_) if !self.has_room(bytes_max) => Need::Room,
            Position::At(Reading { fetch, .. }) => Need::Records(fetch),
        }
    }

    /// Goes to a place. What was fetched from elsewhere is dropped.
    pub(super) fn seek(&mut self, place: Place) {
        match place {
            Place::At(offset) => self.go_to(Point::at(offset), LeaderEpoch::default()),
            other => {
                self.fetched.clear();
                self.position = Position::Sought(other);
            }
        }
    }

    /// Goes to a place that is known to be in the log of the leader of an epoch; -1 = not known.
    pub(super) fn go_to(&mut self, next: Point, checked_at: LeaderEpoch) {
        self.fetched.clear();
        self.position = Position::At(Reading { next, fetch: next, checked_at });
    }

    /// The place that a leader must be asked for.
    pub(super) fn sought(&self) -> Option<Place> {
        match self.position {
            Position::Sought(place) => Some(place),
            _ => None,
        }
    }

    /// The place of the next record to hand out.
    pub(super) fn next(&self) -> Option<Point> {
        match self.position {
            Position::At(reading) => Some(reading.next),
            _ => None,
        }
    }

    /// Whether an answer about this place of the next fetch still matters: nobody went elsewhere
    /// meanwhile.
    pub(super) fn is_fetching(&self, from: Point) -> bool {
        matches!(self.position, Position::At(reading) if reading.fetch == from)
    }

    /// The leader of an epoch has what was read before the next fetch, as far as it knows under
    /// this epoch or an earlier one.
    pub(super) fn checked(&mut self, leader_epoch: LeaderEpoch, last_epoch: LeaderEpoch) {
        if let Position::At(reading) = &mut self.position {
            reading.checked_at = leader_epoch;
            if reading.next == reading.fetch {
                reading.next.epoch = last_epoch;
            }
            reading.fetch.epoch = last_epoch;
        }
    }

    /// What was read is to be checked again.
    pub(super) fn doubt(&mut self) {
        if let Position::At(reading) = &mut self.position {
            reading.checked_at = LeaderEpoch::default();
        }
    }

    /// Takes in what the leader of an epoch sent; nothing where it has nothing new.
    pub(super) fn fetched(&mut self, leader_epoch: LeaderEpoch, fetched: Option<Fetched>) {
        self.failures = 0;
        let Position::At(reading) = &mut self.position else { return };
        if let Some(fetched) = fetched {
            reading.fetch = fetched.end();
            reading.checked_at = leader_epoch;
            self.fetched.push_back(fetched);
        }
    }

    /// Whether there is something that may be handed out.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_paused && !self.fetched.is_empty()
    }

    /// The bytes that wait here, as they came.
    pub(super) fn bytes(&self) -> usize {
        self.fetched.iter().map(Fetched::bytes).sum()
    }

    pub(super) fn has_room(&self, bytes_max: usize) -> bool {
        self.fetched.is_empty() || !self.is_fetched_last && self.bytes() < bytes_max
    }

    /// Hands out records until there are `count_max` of them or no more. Returns whether the memory
    /// of an answer was let go.
    ///
    /// # Errors
    /// A bad batch, and the offset that it was to go on at; what was fetched is dropped.
    pub(super) fn take(
        &mut self,
        of: &TopicPartition,
        count_max: usize,
        batch_bytes_max: usize,
        records: &mut Vec<ConsumerRecord>,
    ) -> Result<bool, (Offset, BatchError)> {
        let Position::At(reading) = &mut self.position else { return Ok(false) };
        let mut let_go = false;
        while records.len() < count_max
            && let Some(first) = self.fetched.front_mut()
        {
            let taken = first.take(of, &mut reading.next, count_max, batch_bytes_max, records);
            if let Err(error) = taken {
                let offset = reading.next.offset;
                self.drop_read_ahead();
                return Err((offset, error));
            }
            if first.is_used_up() {
                self.fetched.pop_front();
                let_go = true;
            }
        }
        if self.fetched.is_empty() {
            self.is_fetched_last = false;
            reading.next = reading.fetch;
        }
        Ok(let_go)
    }

    /// Lets what was fetched be handed out before anything else happens. Returns whether there is
    /// something.
    pub(super) fn hand_out_first(&mut self) -> bool {
        self.is_fetched_last = !self.fetched.is_empty();
        self.is_fetched_last
    }

    /// Drops what was fetched and not handed out. Returns whether there was something.
    pub(super) fn drop_read_ahead(&mut self) -> bool {
        let Position::At(reading) = &mut self.position else { return false };
        let is_ahead = reading.fetch != reading.next;
        reading.fetch = reading.next;
        self.fetched.clear();
        self.is_fetched_last = false;
        is_ahead
    }
}
