//! Which brokers live: when each was last heard of, and what follows from silence.
//!
//! Soft state of the active controller alone, by the monotonic clock. A new one hasn't heard of
//! anybody yet, so it gives every broker a whole session to make itself heard.

use std::{collections::BTreeMap, time::Duration};

use metadata::ClusterImage;
use protocol::{BrokerEpoch, BrokerId};
use tokio::time::Instant;

/// The sessions of the brokers.
#[derive(Debug)]
pub(crate) struct Sessions {
    timeout: Duration,
    /// The term that these sessions are of; none while another controller is active.
    term: Option<u64>,
    by_broker: BTreeMap<BrokerId, Session>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    epoch: BrokerEpoch,
    /// Silence until then ends it.
    deadline: Instant,
    /// Whether the broker was heard of at all, or is only given its chance.
    heard: bool,
}

impl Sessions {
    /// No sessions; each lasts this long after a heartbeat.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, term: None, by_broker: BTreeMap::new() }
    }

    /// This node is the active controller of a term, or isn't. In a new term all sessions start
    /// again.
    pub(crate) fn follow(&mut self, term: Option<u64>, image: &ClusterImage, now: Instant) {
        if self.term == term {
            return;
        }
        self.term = term;
        self.by_broker.clear();
        if term.is_some() {
            let unfenced = image.brokers().iter().filter(|broker| !broker.fenced);
            let session = |epoch| Session { epoch, deadline: now + self.timeout, heard: false };
            self.by_broker = unfenced.map(|broker| (broker.id, session(broker.epoch))).collect();
        }
    }

    /// A broker was heard of.
    pub(crate) fn touch(&mut self, id: BrokerId, epoch: BrokerEpoch, now: Instant) {
        let session = Session { epoch, deadline: now + self.timeout, heard: true };
        self.by_broker.insert(id, session);
    }

    /// Whether a broker has a session: it's unfenced, and was heard of lately. One that is fenced
    /// has left, or was given up, and may come back as another process at once.
    pub(crate) fn is_alive(&self, id: BrokerId, image: &ClusterImage, now: Instant) -> bool {
        let unfenced = image.brokers().get(id).is_some_and(|broker| !broker.fenced);
        let session = self.by_broker.get(&id);
        unfenced && session.is_some_and(|session| session.heard && now < session.deadline)
    }

    /// The brokers with a session that weren't heard of for some time, or not at all.
    pub(crate) fn silent_for(&self, time: Duration, now: Instant) -> Vec<(BrokerId, BrokerEpoch)> {
        let sessions = self.by_broker.iter();
        sessions
            .filter(|(_, session)| !session.heard || now >= self.last_heard(session) + time)
            .map(|(id, session)| (*id, session.epoch))
            .collect()
    }

    /// Whether a broker's registration was heard of after an instant.
    pub(crate) fn was_heard_since(&self, id: BrokerId, epoch: BrokerEpoch, then: Instant) -> bool {
        self.by_broker.get(&id).is_some_and(|session| {
            session.heard && session.epoch == epoch && self.last_heard(session) > then
        })
    }

    fn last_heard(&self, session: &Session) -> Instant {
        session.deadline - self.timeout
    }

    /// The unfenced brokers that were silent for too long. Their sessions end here.
    pub(crate) fn expire(
        &mut self,
        image: &ClusterImage,
        now: Instant,
    ) -> Vec<(BrokerId, BrokerEpoch)> {
        let mut silent = Vec::new();
        self.by_broker.retain(|id, session| {
            let expired = now >= session.deadline;
            if expired && image.brokers().get(*id).is_some_and(|broker| !broker.fenced) {
                silent.push((*id, session.epoch));
            }
            !expired
        });
        silent
    }

    /// How often to look for silent brokers: a tenth of the timeout, so that none is found much
    /// too late.
    pub(crate) fn check_interval(&self) -> Duration {
        (self.timeout / 10).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use metadata::{MetadataRecord, record::RegisterBrokerRecord};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(9);
    const BROKER: BrokerId = BrokerId(1);
    const EPOCH: BrokerEpoch = BrokerEpoch(5);

    fn image(fenced: bool) -> ClusterImage {
        let mut image = ClusterImage::default();
        let record = RegisterBrokerRecord {
            broker_id: BROKER,
            broker_epoch: EPOCH,
            fenced,
            ..Default::default()
        };
        image.replay(&MetadataRecord::from(record));
        image
    }

    #[test]
    fn a_silent_broker_expires_once() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(false), start);
        sessions.touch(BROKER, EPOCH, start + TIMEOUT / 2);
        assert!(sessions.expire(&image(false), start + TIMEOUT).is_empty());
        let late = start + TIMEOUT * 3 / 2;
        assert_eq!(sessions.expire(&image(false), late), [(BROKER, EPOCH)]);
        assert!(sessions.expire(&image(false), late).is_empty());
    }

    #[test]
    fn who_misses_heartbeats_is_silent_before_its_session_ends() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(false), start);
        assert_eq!(sessions.silent_for(TIMEOUT / 4, start), [(BROKER, EPOCH)]);
        let heard = start + TIMEOUT / 8;
        sessions.touch(BROKER, EPOCH, heard);
        assert!(sessions.was_heard_since(BROKER, EPOCH, start));
        assert!(!sessions.was_heard_since(BROKER, EPOCH, heard));
        assert!(sessions.silent_for(TIMEOUT / 4, heard).is_empty());
        assert_eq!(sessions.silent_for(TIMEOUT / 4, heard + TIMEOUT / 4), [(BROKER, EPOCH)]);
    }

    #[test]
    fn a_fenced_broker_has_nothing_to_lose() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(true), start);
        sessions.touch(BROKER, EPOCH, start);
        assert!(sessions.expire(&image(true), start + TIMEOUT).is_empty());
    }

    #[test]
    fn a_new_controller_waits_a_whole_session_before_it_fences_anybody() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(false), start);
        let later = start + TIMEOUT / 2;
        sessions.follow(Some(2), &image(false), later);
        assert!(sessions.expire(&image(false), start + TIMEOUT).is_empty());
        assert_eq!(sessions.expire(&image(false), later + TIMEOUT), [(BROKER, EPOCH)]);
    }

    #[test]
    fn only_an_unfenced_broker_that_was_heard_of_is_alive() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(false), start);
        assert!(!sessions.is_alive(BROKER, &image(false), start));
        sessions.touch(BROKER, EPOCH, start);
        assert!(sessions.is_alive(BROKER, &image(false), start + TIMEOUT / 2));
        assert!(!sessions.is_alive(BROKER, &image(true), start + TIMEOUT / 2));
        assert!(!sessions.is_alive(BROKER, &image(false), start + TIMEOUT));
    }

    #[test]
    fn who_is_not_active_fences_nobody() {
        let (mut sessions, start) = (Sessions::new(TIMEOUT), Instant::now());
        sessions.follow(Some(1), &image(false), start);
        sessions.follow(None, &image(false), start);
        assert!(sessions.expire(&image(false), start + 2 * TIMEOUT).is_empty());
    }
}
