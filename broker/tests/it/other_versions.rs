//! Peers of other versions: they work together where they can, and say what is missing where they
//! can't.

use std::{io, sync::Arc};

use broker::InitialControllers;
use bytes::{Bytes, BytesMut};
use client::net::{Listener, Net, Stream, Tcp};
use futures_util::future::BoxFuture;
use metadata::MetadataVersion;
use protocol::{
    ApiKey, BrokerId, ErrorCode, Message, Reader, Uuid,
    api::{
        api_versions::{ApiVersion, ApiVersionsResponse},
        broker_registration::{
            BrokerRegistrationRequest, BrokerRegistrationResponse, Feature, Listener as Listening,
        },
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    client::{Client, Topic, frame},
    cluster::{
        self, CLUSTER, active_controller, create_on, produce, produce_until_acknowledged,
        until_brokers_are, until_isr_is,
    },
    node::{Site, TestNode},
};

/// Changes what a peer says of its versions.
type Change = fn(&mut ApiVersionsResponse);

/// The network of a node one of whose peers is of another version.
#[derive(Clone, Copy, Debug)]
struct WithOtherPeer {
    /// Where that peer is a broker.
    port: u16,
    change: Change,
}

impl Net for WithOtherPeer {
    fn listen(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Tcp.listen(host, port)
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        if port != self.port {
            return Tcp.connect(host, port);
        }
        let (connecting, change) = (Tcp.connect(host, port), self.change);
        Box::pin(async move {
            let peer = connecting.await?;
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(relay(far, peer, change));
            Ok(Box::new(near) as Stream)
        })
    }
}

/// Passes on everything, and the first answer, which says what versions there are, with a change.
async fn relay(
    mut near: impl AsyncRead + AsyncWrite + Unpin,
    mut peer: impl AsyncRead + AsyncWrite + Unpin,
    change: Change,
) -> io::Result<()> {
    let question = read_frame(&mut near).await?;
    let version = i16::from_be_bytes([question[2], question[3]]);
    peer.write_all(&frame(&question)).await?;
    let answer = read_frame(&mut peer).await?;
    // The header is the correlation id alone, whatever the version.
    let (id, body) = (answer.slice(..4), answer.slice(4..));
    let mut versions = ApiVersionsResponse::read(&mut Reader::new(body), version).unwrap();
    change(&mut versions);
    near.write_all(&frame(&with_header(&id, version, &versions))).await?;
    tokio::io::copy_bidirectional(&mut near, &mut peer).await.map(drop)
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = stream.read_i32().await?;
    let mut content = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut content).await?;
    Ok(content.into())
}

fn with_header(id: &[u8], version: i16, message: &impl Message) -> BytesMut {
    let mut content = BytesMut::from(id);
    message.write(version, &mut content);
    content
}

fn fetch_up_to(versions: &mut ApiVersionsResponse, max_version: i16) {
    let fetch = versions.api_keys.iter_mut().find(|range| range.api_key == ApiKey::Fetch as i16);
    fetch.unwrap().max_version = max_version;
}

/// Three nodes, of which the others see the second as one of another version.
async fn three_with_other(change: Change) -> (Vec<TestNode>, Topic) {
    let mut sites = cluster::formatted(&["replica.lag.time.max.ms=3000"]);
    let port = sites[1].broker_port();
    for site in [0, 2] {
        let net = WithOtherPeer { port, change };
        sites[site].set_doors(move |doors| doors.net = Arc::new(net));
    }
    let nodes = cluster::start(sites).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let replicas: [&[i32]; 2] = [&[1, 2, 3], &[2, 3, 1]];
    let topic = create_on(&nodes[0], "t", &replicas, &[("min.insync.replicas", "2")]).await;
    produce_until_acknowledged(&nodes[0], &topic, 0, "first").await;
    (nodes, topic)
}

#[tokio::test]
async fn a_leader_too_old_to_be_followed_is_named_and_acknowledges_nothing_alone() {
    // It knows topics by name only, and followers without their epochs.
    let (nodes, topic) = three_with_other(|versions| fetch_up_to(versions, 12)).await;
    let old = format!("127.0.0.1:{}", nodes[1].site().broker_port());
    let words = ["WARN", "fetching failed", "leader=2", &old, "serves no version of Fetch"];
    for follower in [&nodes[0], &nodes[2]] {
        follower.log().line(&words).await;
    }
    until_isr_is(&nodes[1], &topic, 1, &[2]).await;
    let time = std::time::Duration::from_secs(1);
    let answer = produce(&nodes[1], &topic, 1, "alone", time).await;
    assert_eq!(answer.error_code, ErrorCode::NotEnoughReplicas);
    // It follows the others as ever, and nobody else is concerned.
    produce_until_acknowledged(&nodes[0], &topic, 0, "served").await;
    until_isr_is(&nodes[0], &topic, 0, &[1, 2, 3]).await;
}

#[tokio::test]
async fn older_and_newer_leaders_are_followed_at_the_versions_that_both_have() {
    let older: Change = |versions| fetch_up_to(versions, 15);
    let newer: Change = |versions| {
        versions.api_keys.iter_mut().for_each(|range| range.max_version += 10);
        versions.api_keys.push(ApiVersion { api_key: 999, min_version: 0, max_version: 7 });
    };
    for change in [older, newer] {
        let (nodes, topic) = three_with_other(change).await;
        for value in ["a", "b", "c"] {
            produce_until_acknowledged(&nodes[1], &topic, 1, value).await;
        }
        until_isr_is(&nodes[0], &topic, 1, &[1, 2, 3]).await;
    }
}

fn registration(id: i32, features: Vec<Feature>) -> BrokerRegistrationRequest {
    let listener =
        Listening { name: "PLAINTEXT".into(), host: "127.0.0.1".into(), ..Default::default() };
    BrokerRegistrationRequest {
        broker_id: BrokerId(id),
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid([9; 16]),
        listeners: vec![listener],
        features,
        log_dirs: vec![Uuid([8; 16])],
        ..BrokerRegistrationRequest::default()
    }
}

#[tokio::test]
async fn a_broker_without_the_clusters_metadata_version_is_not_registered() {
    let nodes = cluster::three(&[]).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let active = usize::try_from(active_controller(&nodes[0]).await).unwrap() - 1;
    let latest = MetadataVersion::LATEST.level();
    let range = |min_supported_version, max_supported_version| Feature {
        name: MetadataVersion::FEATURE.to_owned(),
        min_supported_version,
        max_supported_version,
    };
    let mut controller = Client::connect(nodes[active].site().controller_port()).await;
    // One that is too old, one that is too new, and one that knows of no such thing.
    for features in [vec![range(1, latest - 1)], vec![range(latest + 1, latest + 5)], vec![]] {
        let answer = controller.call(4, &registration(42, features)).await;
        assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion);
    }
    let finalized = format!("finalized=\"metadata.version={latest}\"");
    let words = ["WARN", "broker=42", "a broker of another version is refused", &finalized];
    nodes[active].log().line(&words).await;
    // A newer one that still knows the level is welcome.
    let answer = controller.call(4, &registration(42, vec![range(1, latest + 5)])).await;
    assert_eq!(answer.error_code, ErrorCode::None);
    until_brokers_are(&nodes[1], &[1, 2, 3]).await;
}

/// A controller of another version: it answers what it is asked about versions as an Ottla would,
/// and refuses every registration.
async fn refusing_controller(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            loop {
                let request = read_frame(&mut stream).await?;
                answer(&mut stream, &request).await?;
            }
            #[allow(unreachable_code)] // It says what the block returns.
            io::Result::Ok(())
        });
    }
}

async fn answer(stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
    let key = i16::from_be_bytes([request[0], request[1]]);
    let version = i16::from_be_bytes([request[2], request[3]]);
    let id = &request[4..8];
    if key == ApiKey::ApiVersions as i16 {
        let key = ApiKey::BrokerRegistration as i16;
        let registers = ApiVersion { api_key: key, min_version: 0, max_version: 4 };
        let versions = ApiVersionsResponse { api_keys: vec![registers], ..Default::default() };
        return stream.write_all(&frame(&with_header(id, version, &versions))).await;
    }
    let error_code = ErrorCode::UnsupportedVersion;
    let refusal = BrokerRegistrationResponse { error_code, ..Default::default() };
    // A flexible header: the id, and no tagged fields.
    let header = [id, &[0]].concat();
    stream.write_all(&frame(&with_header(&header, version, &refusal))).await
}

#[tokio::test]
async fn a_broker_that_is_refused_for_its_version_says_what_it_lacks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let controller = listener.local_addr().unwrap();
    let serving = tokio::spawn(refusing_controller(listener));
    let mut site = Site::new(&["process.roles=broker", "node.id=11"]);
    site.set(&format!("controller.quorum.bootstrap.servers={controller}"));
    site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
    site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    let line = site.refusal().await;
    let (min, latest) = (MetadataVersion::MIN, MetadataVersion::LATEST);
    let expected = format!(
        "the controller refuses to register this broker: the cluster has finalized features that \
         this version of ottla lacks: it has metadata.version {min} to {latest}"
    );
    assert!(line.starts_with(&expected), "{line}");
    serving.abort();
}
