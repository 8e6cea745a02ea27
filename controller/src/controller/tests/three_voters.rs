//! Three controllers in one process, over real TCP: the same messages that separate nodes send.

use client::{
    frame::{FrameReader, write_frame},
    net::{Listener, Net, Stream},
};
use protocol::{
    ApiKey, Chunks, Message, Reader, Request, RequestHeader, ResponseHeader,
    api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse},
};

use super::*;

/// What answers at one voter's address: a controller, or nobody while it's down.
type Seat = Arc<Mutex<Option<Arc<Controller>>>>;

pub(super) struct Three {
    pub(super) stores: MemoryStores,
    pub(super) configs: Vec<ControllerConfig>,
    seats: Vec<Seat>,
    addresses: BTreeMap<BrokerId, VoterEndpoint>,
}

impl Three {
    async fn start(change: impl Fn(&mut ControllerConfig)) -> Self {
        let three = Self::formatted(change).await;
        for number in 0..3 {
            three.up(number).await;
        }
        three
    }

    /// Three that know each other's addresses only, and don't run yet.
    pub(super) async fn listed() -> Self {
        let mut three = Self::formatted(|_| {}).await;
        three.stores = MemoryStores::default();
        let listed: BTreeMap<_, _> = three.addresses.clone();
        for config in &mut three.configs {
            config.listed_voters = listed.clone();
        }
        for number in 0..3 {
            three.format_listed(number, 1);
        }
        three
    }

    /// Gives a voter an empty disk, the how-manieth it is.
    pub(super) fn format_listed(&mut self, number: usize, disk: u8) {
        let node_id = self.configs[number].node_id;
        let key = VoterKey { node_id, directory_id: Uuid([disk; 16]) };
        let dir = PathBuf::from(format!("metadata-{node_id}-{disk}"));
        let voters = BTreeMap::new();
        format(&self.stores, &dir, &Format { cluster_id: CLUSTER.into(), key, voters }).unwrap();
        self.configs[number].store_dir = dir;
    }

    async fn formatted(change: impl Fn(&mut ControllerConfig)) -> Self {
        let (mut voters, mut seats) = (BTreeMap::new(), Vec::new());
        for number in 1..=3_u8 {
            let listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
            let key =
                VoterKey { node_id: BrokerId(number.into()), directory_id: Uuid([number; 16]) };
            let port = listener.local_addr().port();
            voters.insert(key, VoterEndpoint { host: "127.0.0.1".into(), port });
            let seat = Seat::default();
            tokio::spawn(serve(listener, seat.clone()));
            seats.push(seat);
        }
        let stores = MemoryStores::default();
        let mut configs = Vec::new();
        for key in voters.keys() {
            let dir = PathBuf::from(format!("metadata-{}", key.node_id));
            let formatting =
                Format { cluster_id: CLUSTER.into(), key: *key, voters: voters.clone() };
            format(&stores, &dir, &formatting).unwrap();
            let mut config = ControllerConfig::new(key.node_id, CLUSTER, dir);
            change(&mut config);
            configs.push(config);
        }
        let addresses = voters.into_iter().map(|(key, at)| (key.node_id, at)).collect();
        Self { stores, configs, seats, addresses }
    }

    pub(super) async fn up(&self, number: usize) {
        let doors = doors(self.stores.clone());
        let controller = Controller::start(self.configs[number].clone(), doors).await.unwrap();
        *locked(&self.seats[number]) = Some(Arc::new(controller));
    }

    pub(super) async fn down(&self, number: usize) {
        let controller = locked(&self.seats[number]).take().unwrap();
        controller.shut_down().await;
    }

    pub(super) fn running(&self) -> Vec<Arc<Controller>> {
        self.seats.iter().filter_map(|seat| locked(seat).clone()).collect()
    }

    /// The number of the active controller, as soon as there is one.
    pub(super) async fn active(&self) -> usize {
        eventually(|| {
            let is_active = |seat: &Seat| locked(seat).as_ref().is_some_and(|it| it.is_active());
            self.seats.iter().position(is_active)
        })
        .await
    }

    pub(super) fn at(&self, number: usize) -> Arc<Controller> {
        locked(&self.seats[number]).clone().unwrap()
    }

    /// Creates a topic at whichever controller is active, however often that changes.
    pub(super) async fn create(&self, name: &str) {
        for _ in 0..100 {
            let active = self.at(self.active().await);
            if heartbeat_of_a_broker(&active).await.is_ok()
                && matches!(
                    create(&active, name).await,
                    ErrorCode::None | ErrorCode::TopicAlreadyExists
                )
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("no controller created {name}");
    }

    /// Waits until all that run know these topics, and the same of everything.
    pub(super) async fn agree_on(&self, names: &[&str]) {
        eventually(|| {
            let running = self.running();
            let first = running[0].image();
            let agree = running.iter().all(|one| one.image() == first);
            (agree && topics(&running[0]) == names).then_some(())
        })
        .await;
    }
}

/// Registers a broker where there is none yet.
async fn heartbeat_of_a_broker(active: &Controller) -> Result<(), ErrorCode> {
    if active.image().brokers().get(NODE).is_some_and(|broker| !broker.fenced) {
        return Ok(());
    }
    let registered = registration(active, [7; 16]).await?;
    let request = BrokerHeartbeatRequest {
        broker_id: NODE,
        broker_epoch: registered.broker_epoch,
        current_metadata_offset: Offset(active.applied_index()),
        ..Default::default()
    };
    active.broker_heartbeat(request).await.map(drop)
}

pub(super) async fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look() {
                Some(found) => return found,
                None => sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(Duration::from_secs(20), looking).await.expect("it came to pass")
}

async fn serve(mut listener: Box<dyn Listener>, seat: Seat) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer_all(stream, seat.clone()));
    }
}

/// Answers requests as a node's controller listener does, until nobody sits there.
async fn answer_all(mut stream: Stream, seat: Seat) {
    let mut frames = FrameReader::new(64 << 20);
    while let Ok(Some(frame)) = frames.next(&mut stream).await {
        let mut from = Reader::new(frame);
        let header = RequestHeader::read(&mut from).unwrap();
        header.finish(&mut from, true).unwrap();
        let Some(controller) = locked(&seat).clone() else { return };
        let chunks = match ApiKey::try_from(header.api_key).unwrap() {
            ApiKey::ApiVersions => answer::<ApiVersionsRequest>(&header, versions()),
            ApiKey::RaftAppend => {
                let request = RaftAppendRequest::read(&mut from, header.api_version).unwrap();
                answer::<RaftAppendRequest>(&header, controller.raft_append(request).await)
            }
            ApiKey::RaftVote => {
                let request = RaftVoteRequest::read(&mut from, header.api_version).unwrap();
                answer::<RaftVoteRequest>(&header, controller.raft_vote(request).await)
            }
            ApiKey::RaftSnapshot => {
                let request = RaftSnapshotRequest::read(&mut from, header.api_version).unwrap();
                answer::<RaftSnapshotRequest>(&header, controller.raft_snapshot(request).await)
            }
            ApiKey::VoterIdentity => {
                let request = VoterIdentityRequest::read(&mut from, header.api_version).unwrap();
                let identity = controller.voter_identity(request).await.unwrap();
                answer::<VoterIdentityRequest>(&header, identity)
            }
            other => panic!("{other:?}"),
        };
        if write_frame(&mut stream, &chunks.finish()).await.is_err() {
            return;
        }
    }
}

fn answer<R: Request>(header: &RequestHeader, response: R::Response) -> Chunks {
    let mut out = Chunks::default();
    let version = header.api_version;
    ResponseHeader { correlation_id: header.correlation_id }
        .write::<R::Response>(version, &mut out);
    response.write(version, &mut out);
    out
}

fn versions() -> ApiVersionsResponse {
    let keys = [
        (ApiKey::ApiVersions, ApiVersionsRequest::VERSIONS),
        (ApiKey::RaftAppend, RaftAppendRequest::VERSIONS),
        (ApiKey::RaftVote, RaftVoteRequest::VERSIONS),
        (ApiKey::RaftSnapshot, RaftSnapshotRequest::VERSIONS),
        (ApiKey::VoterIdentity, VoterIdentityRequest::VERSIONS),
    ];
    let range = |(key, versions): (ApiKey, std::ops::RangeInclusive<i16>)| ApiVersion {
        api_key: key as i16,
        min_version: *versions.start(),
        max_version: *versions.end(),
    };
    ApiVersionsResponse { api_keys: keys.map(range).into(), ..Default::default() }
}

#[tokio::test]
async fn one_of_three_is_active_and_all_of_them_know_the_same() {
    let three = Three::start(|_| {}).await;
    three.create("orders").await;
    three.agree_on(&["orders"]).await;
    assert_eq!(three.running().iter().filter(|one| one.is_active()).count(), 1);
    let active = three.active().await;
    let standby = three.at((active + 1) % 3);
    assert_eq!(create(&standby, "payments").await, ErrorCode::NotController);
    assert_eq!(three.at(active).quorum().voters.len(), 3);
    for controller in three.running() {
        controller.shut_down().await;
    }
}

#[tokio::test]
async fn another_takes_over_and_the_first_catches_up() {
    let three = Three::start(|_| {}).await;
    three.create("one").await;
    let first = three.active().await;
    let term = three.at(first).quorum().term;
    three.down(first).await;
    three.create("two").await;
    assert!(three.at(three.active().await).quorum().term > term);
    three.agree_on(&["one", "two"]).await;
    three.up(first).await;
    eventually(|| (topics(&three.at(first)) == ["one", "two"]).then_some(())).await;
    for controller in three.running() {
        controller.shut_down().await;
    }
}

#[tokio::test]
async fn without_a_quorum_nobody_is_active() {
    let three = Three::start(|_| {}).await;
    let active = three.active().await;
    three.down((active + 1) % 3).await;
    three.down((active + 2) % 3).await;
    let last = three.at(active);
    eventually(|| (!last.is_active()).then_some(())).await;
    assert_eq!(create(&last, "orders").await, ErrorCode::NotController);
    last.shut_down().await;
}

#[tokio::test]
async fn a_voter_that_lags_behind_a_purge_gets_a_snapshot() {
    let three = Three::start(|_| {}).await;
    three.create("before").await;
    three.agree_on(&["before"]).await;
    let lagging = (three.active().await + 1) % 3;
    three.down(lagging).await;
    let names: Vec<_> = (0..20).map(|number| format!("topic-{number:02}")).collect();
    for name in &names {
        three.create(name).await;
    }
    let active = three.at(three.active().await);
    active.quorum.snapshot_and_purge().await.unwrap();
    three.up(lagging).await;
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.insert(0, "before");
    three.agree_on(&expected).await;
    three.create("zz-after").await;
    expected.push("zz-after");
    three.agree_on(&expected).await;
    for controller in three.running() {
        controller.shut_down().await;
    }
}
