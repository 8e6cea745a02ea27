//! Several nodes that make one cluster, each with its own runtime, ports and directory.

use std::time::Duration;

use broker::InitialControllers;
use protocol::{BrokerId, api::metadata::MetadataRequest};
use tokio::time::{Instant, sleep};

use crate::node::{Site, TestNode};

pub(crate) const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// How long anything may take that is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Sites of nodes 1, 2, 3, which are brokers and controllers and know each other's addresses, with
/// settings over those that every test has. Not formatted yet.
pub(crate) fn sites(settings: &[&str]) -> Vec<Site> {
    let mut sites: Vec<_> = (0..3).map(|_| Site::new(settings)).collect();
    let voters: Vec<_> = (1..).zip(&sites).map(|(id, site)| voter(id, site)).collect();
    let voters = format!("controller.quorum.voters={}", voters.join(","));
    for (id, site) in (1..).zip(&mut sites) {
        site.set(&format!("node.id={id}"));
        site.set(&voters);
    }
    sites
}

/// A voter, as `controller.quorum.voters` has it.
pub(crate) fn voter(id: i32, site: &Site) -> String {
    format!("{id}@127.0.0.1:{}", site.controller_port())
}

/// The same, formatted.
pub(crate) fn formatted(settings: &[&str]) -> Vec<Site> {
    let sites = sites(settings);
    for site in &sites {
        site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    }
    sites
}

/// Starts nodes together, as many of them only start when the others do.
pub(crate) async fn start(sites: Vec<Site>) -> Vec<TestNode> {
    let starting: Vec<_> = sites.into_iter().map(|site| tokio::spawn(site.start())).collect();
    let mut nodes = Vec::new();
    for node in starting {
        nodes.push(node.await.unwrap());
    }
    nodes
}

pub(crate) async fn three(settings: &[&str]) -> Vec<TestNode> {
    start(formatted(settings)).await
}

/// Waits until a node answers Metadata with these brokers, and returns how long that took.
pub(crate) async fn until_brokers_are(node: &TestNode, brokers: &[i32]) -> Duration {
    let began = Instant::now();
    let mut client = node.connect().await;
    loop {
        let answer = client.call(12, &MetadataRequest::default()).await;
        let live: Vec<_> = answer.brokers.iter().map(|broker| broker.node_id).collect();
        if live == brokers.iter().copied().map(BrokerId).collect::<Vec<_>>() {
            return began.elapsed();
        }
        assert!(began.elapsed() < WAIT_MAX, "brokers {brokers:?} expected, {live:?} are there");
        sleep(Duration::from_millis(5)).await;
    }
}
