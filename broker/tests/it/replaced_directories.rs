//! Log directories that are empty at the next start, as a replaced disk is: what was in the others
//! is kept, and what was in them is served again, from the beginning.

use std::{path::PathBuf, time::Duration};

use protocol::{ErrorCode, Offset};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, Topic, fetch_request, only_partition, produce_request},
    node::{Site, TestNode},
    records::{batch, values},
};

/// How long it may take until a partition is served.
const SERVED_TIME_MAX: Duration = Duration::from_secs(20);

/// Produces until a partition takes it. Returns where it is.
async fn append_when_served(client: &mut Client, topic: &Topic, partition: i32) -> Offset {
    let request = produce_request(-1, topic, &[(partition, batch(&["after"]))]);
    let appended = async {
        loop {
            let mut response = client.call(13, &request).await;
            let answer = response.responses.remove(0).partition_responses.remove(0);
            if answer.error_code == ErrorCode::None {
                return answer.base_offset;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SERVED_TIME_MAX, appended).await.expect("it's served in time")
}

async fn read(client: &mut Client, topic: &Topic, partition: i32) -> Vec<String> {
    let data = only_partition(client.call(18, &fetch_request(topic, &[(partition, 0)])).await);
    assert_eq!(data.error_code, ErrorCode::None);
    values(data.records.as_ref()).into_iter().map(|(_, value)| value).collect()
}

/// Where the site's logs are.
fn log_dirs(site: &Site) -> [PathBuf; 2] {
    ["a", "b"].map(|name| site.log_dir().join(name))
}

/// A node with two log directories, and a topic with two partitions in each.
async fn with_two_directories() -> (TestNode, Topic) {
    let mut site = Site::new(&[]);
    let dirs = log_dirs(&site).map(|dir| dir.display().to_string());
    site.set(&format!("log.dirs={}", dirs.join(",")));
    let node = site.start().await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 4, &[]).await;
    for partition in 0..4 {
        let request = produce_request(-1, &topic, &[(partition, batch(&["before"]))]);
        let response = client.call(13, &request).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::None);
    }
    (node, topic)
}

/// Starts with the second directory empty, and looks what is left.
async fn start_without_second_directory(site: Site, topic: &Topic) -> TestNode {
    let [_, replaced] = log_dirs(&site);
    let lost: Vec<_> =
        (0..4).filter(|index| replaced.join(format!("t-{index}")).exists()).collect();
    assert_eq!(lost.len(), 2);
    std::fs::remove_dir_all(&replaced).unwrap();

    let node = site.start().await;
    let mut client = node.connect().await;
    for partition in 0..4 {
        let offset = append_when_served(&mut client, topic, partition).await;
        let left = read(&mut client, topic, partition).await;
        if lost.contains(&partition) {
            assert_eq!((offset, left), (Offset(0), vec!["after".to_owned()]));
        } else {
            let both = vec!["before".to_owned(), "after".to_owned()];
            assert_eq!((offset, left), (Offset(1), both));
        }
    }
    node
}

#[tokio::test]
async fn one_of_two_directories_is_replaced_while_the_node_is_stopped() {
    let (node, topic) = with_two_directories().await;
    let node = start_without_second_directory(node.stop().await, &topic).await;
    // It stays so.
    let node = node.restart().await;
    let mut client = node.connect().await;
    for partition in 0..4 {
        append_when_served(&mut client, &topic, partition).await;
    }
}

#[tokio::test]
async fn one_of_two_directories_is_lost_in_a_crash() {
    let (node, topic) = with_two_directories().await;
    start_without_second_directory(node.kill().await, &topic).await;
}

#[tokio::test]
async fn the_only_directory_is_replaced() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    client.append(&topic, batch(&["before"])).await;
    let site = node.stop().await;
    std::fs::remove_dir_all(site.log_dir()).unwrap();

    let node = site.start().await;
    let mut client = node.connect().await;
    assert_eq!(append_when_served(&mut client, &topic, 0).await, Offset(0));
    assert_eq!(read(&mut client, &topic, 0).await, ["after"]);
}
