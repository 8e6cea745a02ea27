//! Produces that wait to be acknowledged: by all in-sync replicas, or by this one's disk.
//!
//! Offsets only grow, so what waits is in their order, and progress pops a prefix: the cost of an
//! acknowledgement doesn't depend on how many wait. Whether a wait is over is the replica's
//! decision, not made here.

use std::collections::VecDeque;

use protocol::ErrorCode;
use replica::{Acks, ProduceWait};
use tokio::sync::oneshot;

/// The answer to one waiting produce.
pub(crate) type Acknowledged = oneshot::Receiver<ErrorCode>;

/// The waiting produces of one partition.
#[derive(Debug, Default)]
pub(crate) struct AckQueue {
    /// Those with acks=1, which wait for the disk under `flush.messages=1`.
    by_leader: VecDeque<Waiting>,
    /// Those with acks=all.
    by_all: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    wait: ProduceWait,
    answer: oneshot::Sender<ErrorCode>,
}

impl AckQueue {
    /// Lets a produce wait.
    pub(crate) fn push(&mut self, wait: ProduceWait) -> Acknowledged {
        let (answer, acknowledged) = oneshot::channel();
        let queue = if wait.acks == Acks::All { &mut self.by_all } else { &mut self.by_leader };
        // A repeated batch waits for where it was appended, which may lie before others.
        let place = queue.partition_point(|waiting| waiting.wait.end <= wait.end);
        queue.insert(place, Waiting { wait, answer });
        acknowledged
    }

    /// Something moved: answers those that wait no longer.
    pub(crate) fn progress(
        &mut self,
        completion: impl Fn(&ProduceWait) -> Option<Result<(), ErrorCode>>,
    ) {
        for queue in [&mut self.by_leader, &mut self.by_all] {
            while let Some(waiting) = queue.front()
                && let Some(result) = completion(&waiting.wait)
            {
                let Waiting { answer, .. } = queue.pop_front().expect("looked at above");
                // A producer that gave up has dropped its end.
                let _ = answer.send(result.err().unwrap_or(ErrorCode::None));
            }
        }
    }

    /// None of them can be done here any more.
    pub(crate) fn fail(&mut self, error: ErrorCode) {
        for waiting in self.by_leader.drain(..).chain(self.by_all.drain(..)) {
            let _ = waiting.answer.send(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{LeaderEpoch, Offset};

    use super::*;

    fn wait(end: i64, acks: Acks) -> ProduceWait {
        ProduceWait { end: Offset(end), leader_epoch: LeaderEpoch(0), acks }
    }

    fn reached(offset: i64) -> impl Fn(&ProduceWait) -> Option<Result<(), ErrorCode>> {
        move |wait| (wait.end <= Offset(offset)).then_some(Ok(()))
    }

    #[test]
    fn progress_answers_a_prefix() {
        let mut queue = AckQueue::default();
        let mut waiting = [3, 5, 9].map(|end| queue.push(wait(end, Acks::All)));
        queue.progress(reached(5));
        assert_eq!(waiting[0].try_recv(), Ok(ErrorCode::None));
        assert_eq!(waiting[1].try_recv(), Ok(ErrorCode::None));
        assert!(waiting[2].try_recv().is_err());
    }

    #[test]
    fn a_repeated_batch_is_answered_with_the_first_of_its_kind() {
        let mut queue = AckQueue::default();
        let mut later = queue.push(wait(9, Acks::All));
        let mut repeated = queue.push(wait(4, Acks::All));
        queue.progress(reached(4));
        assert_eq!(repeated.try_recv(), Ok(ErrorCode::None));
        assert!(later.try_recv().is_err());
    }

    #[test]
    fn the_disk_alone_answers_those_who_wait_for_nobody_else() {
        let mut queue = AckQueue::default();
        let mut all = queue.push(wait(4, Acks::All));
        let mut leader = queue.push(wait(9, Acks::Leader));
        queue.progress(|wait| (wait.acks == Acks::Leader).then_some(Ok(())));
        assert_eq!(leader.try_recv(), Ok(ErrorCode::None));
        assert!(all.try_recv().is_err());
    }

    #[test]
    fn a_partition_that_is_gone_fails_all_of_them() {
        let mut queue = AckQueue::default();
        let mut waiting = queue.push(wait(1, Acks::All));
        queue.fail(ErrorCode::NotLeaderOrFollower);
        assert_eq!(waiting.try_recv(), Ok(ErrorCode::NotLeaderOrFollower));
    }
}
