//! Where the active controller is, as far as this broker has heard: its channels share what one of
//! them learns.
//!
//! Two sources tell. Whoever answered what only the active controller answers is it, or was a moment
//! ago. And any controller that's polled for metadata names the leader that it knows, which may be
//! long gone: such a hint counts once, when its term is newer than those heard before.

use std::sync::{Mutex, MutexGuard};

use protocol::BrokerId;
use tokio::sync::Notify;

/// A host and a port.
pub(crate) type Address = (String, u16);

#[derive(Debug, Default)]
pub(crate) struct ActiveController {
    heard: Mutex<Heard>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    address: Option<Address>,
    /// Grows whenever the address changes.
    moves: u64,
    /// The newest term that a hint was of, and who led it.
    term: i64,
    leader: Option<BrokerId>,
}

impl ActiveController {
    /// Where it is, and how often it has moved.
    pub(crate) fn address(&self) -> (Option<Address>, u64) {
        let heard = self.heard();
        (heard.address.clone(), heard.moves)
    }

    /// The node id of the last leader that was heard of.
    pub(crate) fn leader(&self) -> Option<BrokerId> {
        self.heard().leader
    }

    /// A controller has acted as the active one.
    pub(crate) fn confirm(&self, address: &Address) {
        self.move_to(self.heard(), address);
    }

    /// A controller names the leader of a term.
    pub(crate) fn hint(&self, term: i64, leader: BrokerId, address: &Address) {
        let mut heard = self.heard();
        if term <= heard.term {
            return;
        }
        heard.term = term;
        heard.leader = Some(leader);
        self.move_to(heard, address);
    }

    fn move_to(&self, mut heard: MutexGuard<'_, Heard>, address: &Address) {
        if heard.address.as_ref() != Some(address) {
            heard.address = Some(address.clone());
            heard.moves += 1;
            drop(heard);
            self.moved.notify_waiters();
        }
    }

    /// Waits until it's heard to be elsewhere than at an address. `moves` is what was known when that
    /// address was asked.
    pub(crate) async fn moved_from(&self, address: &Address, moves: u64) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            let (now_at, now_moves) = self.address();
            if now_moves > moves && now_at.as_ref() != Some(address) {
                return;
            }
            moved.await;
        }
    }

    /// Waits until it moves.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic while it's looked at")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        ("host".to_owned(), port)
    }

    #[test]
    fn the_hint_of_a_newer_term_counts_once() {
        let active = ActiveController::default();
        active.hint(3, BrokerId(1), &at(1));
        active.confirm(&at(2));
        active.hint(3, BrokerId(1), &at(1));
        active.hint(2, BrokerId(3), &at(3));
        assert_eq!(active.address(), (Some(at(2)), 2));
        active.hint(4, BrokerId(3), &at(3));
        assert_eq!((active.address(), active.leader()), ((Some(at(3)), 3), Some(BrokerId(3))));
    }

    #[tokio::test]
    async fn whoever_asks_elsewhere_is_told_of_a_move() {
        let active = ActiveController::default();
        active.confirm(&at(1));
        let (_, moves) = active.address();
        let (one, two) = (at(1), at(2));
        let mut stays = std::pin::pin!(active.moved_from(&one, moves));
        let mut goes = std::pin::pin!(active.moved_from(&two, moves));
        assert!(futures_util::poll!(stays.as_mut()).is_pending());
        // It was elsewhere before, and that's known to whoever asks there all the same.
        assert!(futures_util::poll!(goes.as_mut()).is_pending());
        active.confirm(&at(2));
        assert!(futures_util::poll!(stays.as_mut()).is_ready());
        assert!(futures_util::poll!(goes.as_mut()).is_pending());
    }
}
