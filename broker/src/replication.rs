//! Replication between brokers: this one's fetchers, one for each broker that it follows, and the
//! upkeep of the in-sync replicas where it leads.
//!
//! Shells. What may be appended, acknowledged or asked of the controller is decided by
//! [`replica`]; who follows whom, by the controller.

mod fetcher;
mod isr_upkeep;
mod roster;
mod session;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use tokio::{task::JoinHandle, time::sleep};
use tracing::error;

use crate::{broker::Broker, partition::Partition};
use fetcher::Fetcher;
use isr_upkeep::IsrUpkeep;
use roster::Roster;

/// A partition, by its topic's id.
type Key = (TopicId, PartitionIndex);

/// Who follows whom, and who looks after it.
#[derive(Debug, Default)]
pub(crate) struct Replication {
    following: Mutex<Following>,
    pub(crate) isr: IsrUpkeep,
}

/// Who leads, and in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    pub(crate) leader: BrokerId,
    pub(crate) epoch: LeaderEpoch,
}

#[derive(Debug, Default)]
struct Following {
    /// Whom each partition follows.
    leaders: BTreeMap<Key, Leadership>,
    rosters: BTreeMap<BrokerId, Arc<Roster>>,
    fetchers: Vec<JoinHandle<()>>,
}

impl Replication {
    /// Has partitions follow their leaders, or nobody.
    pub(crate) fn follow(
        &self,
        broker: &Arc<Broker>,
        partitions: Vec<(Arc<Partition>, Option<Leadership>)>,
    ) {
        let mut following = self.following();
        let mut joining: BTreeMap<BrokerId, Vec<Arc<Partition>>> = BTreeMap::new();
        for (partition, followed) in partitions {
            let key = partition.key();
            if following.leaders.get(&key).copied() == followed {
                continue;
            }
            following.leave(key);
            if let Some(followed) = followed {
                following.leaders.insert(key, followed);
                joining.entry(followed.leader).or_default().push(partition);
            }
        }
        for (leader, partitions) in joining {
            following.roster(broker, leader).join(partitions);
        }
    }

    /// A partition is gone from this broker.
    pub(crate) fn unfollow(&self, key: Key) {
        self.following().leave(key);
    }

    fn following(&self) -> MutexGuard<'_, Following> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Following {
    fn leave(&mut self, key: Key) {
        if let Some(Leadership { leader, .. }) = self.leaders.remove(&key)
            && let Some(roster) = self.rosters.get(&leader)
        {
            roster.leave(key);
        }
    }

    /// Those that follow a leader, who has a fetcher of its own from the first of them on.
    fn roster(&mut self, broker: &Arc<Broker>, leader: BrokerId) -> &Roster {
        let fetchers = &mut self.fetchers;
        self.rosters.entry(leader).or_insert_with(|| {
            let roster = Arc::new(Roster::default());
            let fetching = Arc::clone(&roster);
            fetchers.push(until_closing(broker, "a fetcher", move |broker| {
                Fetcher::new(broker, leader, Arc::clone(&fetching)).run()
            }));
            roster
        })
    }
}

/// Starts what ends with the broker: the upkeep of in-sync replicas, and the waiting for fetchers,
/// none of which may append to a log that is being closed.
pub(crate) fn start(broker: &Arc<Broker>) -> Vec<JoinHandle<()>> {
    let upkeep = until_closing(broker, "the upkeep of in-sync replicas", isr_upkeep::run);
    let broker = Arc::clone(broker);
    let fetchers = tokio::spawn(async move {
        broker.closing.requested().await;
        let fetchers = std::mem::take(&mut broker.partitions.replication().following().fetchers);
        for fetcher in fetchers {
            fetcher.await.expect("it survives the fetcher's bugs");
        }
    });
    vec![upkeep, fetchers]
}

/// Has a task run until the broker closes. After a bug in it, it begins anew: the partition that the
/// bug was met in is offline by then, and the others go on.
pub(crate) fn until_closing<Running>(
    broker: &Arc<Broker>,
    what: &'static str,
    task: impl Fn(Arc<Broker>) -> Running + Send + 'static,
) -> JoinHandle<()>
where
    Running: Future<Output = ()> + Send + 'static,
{
    let broker = Arc::clone(broker);
    tokio::spawn(async move {
        loop {
            let mut running = tokio::spawn(task(Arc::clone(&broker)));
            tokio::select! {
                biased;
                () = broker.closing.requested() => {
                    running.abort();
                    let _aborted = running.await;
                    return;
                }
                _bug = &mut running => error!(task = what, "a bug: it begins anew"),
            }
            sleep(broker.config.replica_fetch_backoff).await;
        }
    })
}
