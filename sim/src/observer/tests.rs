use std::collections::BTreeMap;

use madsim::runtime::Runtime;
use protocol::{Offset, PartitionIndex, Uuid};

use super::*;

struct NoFiles;

impl LogFiles for NoFiles {
    fn partition(&self, _: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        None
    }

    fn on_device(&self, _: &str, _: Offset) -> Option<BTreeMap<String, Vec<u8>>> {
        None
    }
}

fn observer() -> Observer {
    Observer::new(&Trace::default(), Overrides::new(), Duration::from_secs(1))
}

/// A new replica that isn't empty: somebody else's log.
const OPENED: Event<'_> = Event::Opened {
    log_start_offset: Offset(0),
    log_end_offset: Offset(5),
    high_watermark: Offset(0),
};

fn replica() -> ReplicaId {
    ReplicaId { topic: Uuid([1; 16]), partition: PartitionIndex(0), broker: BrokerId(1) }
}

#[test]
fn the_first_violation_is_kept_and_wakes_whoever_waits() {
    Runtime::new().block_on(async {
        let observer = observer();
        let seat = observer.process_started(BrokerId(1), Arc::new(NoFiles));
        let waiting = tokio::spawn({
            let observer = observer.clone();
            async move { observer.violated().await }
        });
        seat.active(BrokerId(1), 7);
        assert_eq!(observer.violation(), None);
        seat.saw(replica(), &OPENED);
        seat.active(BrokerId(2), 7);
        let violation = waiting.await.unwrap();
        assert_eq!(violation.property, "L9", "{violation}");
        assert_eq!(observer.violation(), Some(violation));
    });
}

#[test]
fn dead_processes_arent_listened_to() {
    Runtime::new().block_on(async {
        let observer = observer();
        let seat = observer.process_started(BrokerId(1), Arc::new(NoFiles));
        observer.process_ended(BrokerId(1), Ending::Killed);
        seat.saw(replica(), &OPENED);
        let _next = observer.process_started(BrokerId(1), Arc::new(NoFiles));
        seat.saw(replica(), &OPENED);
        assert_eq!(observer.violation(), None);
    });
}

#[test]
fn others_may_tell_of_places_too() {
    let observer = observer();
    observer.reach("a client was told to wait");
    observer.reach("a client was told to wait");
    assert_eq!(observer.reached(), BTreeMap::from([("a client was told to wait", 2)]));
}
