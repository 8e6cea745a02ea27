//! Brokers that come back without their logs: the others serve meanwhile, and fill them again.

use broker::InitialControllers;

use crate::{
    cluster::{
        self, CLUSTER, create_on, leader_and_isr, produce_until_acknowledged, read, three,
        until_brokers_are, until_isr_is, until_led_by_another, voter,
    },
    node::{Site, files},
};

const NOT_FORMATTED: &str = "is not formatted: run `ottla format --cluster-id ID";

#[tokio::test]
async fn a_broker_whose_logs_were_wiped_is_filled_by_the_others() {
    let mut nodes = three(&[]).await;
    until_brokers_are(&nodes[0], &[1, 2, 3]).await;
    let replicas: [&[i32]; 2] = [&[1, 2, 3], &[3, 1, 2]];
    let topic = create_on(&nodes[0], "t", &replicas, &[("min.insync.replicas", "2")]).await;
    produce_until_acknowledged(&nodes[0], &topic, 0, "before").await;
    produce_until_acknowledged(&nodes[2], &topic, 1, "before").await;

    // Its metadata is on another disk, or it would be no voter any more.
    let site = nodes.pop().unwrap().kill().await;
    std::fs::remove_dir_all(site.log_dir()).unwrap();
    let leader = until_led_by_another(&nodes[0], &topic, 1, 3).await;
    let leader = usize::try_from(leader).unwrap() - 1;
    produce_until_acknowledged(&nodes[leader], &topic, 1, "meanwhile").await;

    // An empty directory may be a disk that isn't mounted: nobody takes it by itself.
    let Err((site, error)) = site.try_start().await else { panic!("nobody formatted it") };
    assert!(error.to_string().contains(NOT_FORMATTED), "{error}");
    site.format_what_is_missing(CLUSTER).unwrap();
    nodes.push(site.start().await);
    for index in 0..2 {
        until_isr_is(&nodes[0], &topic, index, &[1, 2, 3]).await;
    }
    // It has all that it lost, and what it missed.
    for (index, value) in [(0, "before"), (1, "before"), (1, "meanwhile")] {
        let log = files(&nodes[2].partition_dir("t", index), ".log").remove(0);
        let bytes = std::fs::read(&log).unwrap();
        let holds = bytes.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(holds, "{value} isn't in {}", log.display());
    }
}

#[tokio::test]
async fn a_wiped_broker_that_is_no_controller_is_formatted_and_filled() {
    let mut nodes = three(&[]).await;
    let voters: Vec<_> = (1..).zip(&nodes).map(|(id, node)| voter(id, node.site())).collect();
    let mut site = Site::new(&["process.roles=broker", "node.id=11"]);
    site.set(&format!("controller.quorum.voters={}", voters.join(",")));
    site.set(&format!("listeners=PLAINTEXT://127.0.0.1:{}", site.broker_port()));
    cluster::format(std::slice::from_ref(&site));
    nodes.push(site.start().await);
    until_brokers_are(&nodes[0], &[1, 2, 3, 11]).await;
    let topic = create_on(&nodes[0], "t", &[&[11, 1, 2]], &[]).await;
    produce_until_acknowledged(&nodes[3], &topic, 0, "before").await;

    let site = nodes.pop().unwrap().kill().await;
    site.wipe();
    let Err((site, error)) = site.try_start().await else { panic!("nobody formatted it") };
    assert!(error.to_string().contains(NOT_FORMATTED), "{error}");
    let leader = until_led_by_another(&nodes[0], &topic, 0, 11).await;
    let leader = usize::try_from(leader).unwrap() - 1;
    produce_until_acknowledged(&nodes[leader], &topic, 0, "meanwhile").await;

    site.format(CLUSTER, &InitialControllers::Configured).unwrap();
    let filled = site.start().await;
    until_isr_is(&nodes[0], &topic, 0, &[1, 2, 11]).await;
    let (leads, _) = leader_and_isr(&nodes[0], &topic, 0).await.unwrap();
    assert_ne!(leads, 11, "an empty log was in sync with nobody");
    let values = read(&nodes[leader], &topic, 0).await;
    assert_eq!(values.first().map(String::as_str), Some("before"));
    assert_eq!(values.last().map(String::as_str), Some("meanwhile"));
    drop(filled);
}
