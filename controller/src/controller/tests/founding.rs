//! Three controllers that begin a quorum without knowing each other's directories.

use super::{
    three_voters::{Three, eventually},
    *,
};

async fn shut_down(three: &Three) {
    for controller in three.running() {
        controller.shut_down().await;
    }
}

#[tokio::test]
async fn voters_that_know_addresses_only_begin_one_quorum() {
    let three = Three::listed().await;
    for number in 0..3 {
        three.up(number).await;
    }
    three.create("orders").await;
    three.agree_on(&["orders"]).await;
    assert_eq!(three.at(0).quorum().voters.len(), 3);
    shut_down(&three).await;
}

#[tokio::test]
async fn a_voter_that_starts_late_is_waited_for() {
    let three = Three::listed().await;
    three.up(0).await;
    three.up(1).await;
    sleep(Duration::from_millis(300)).await;
    assert!(three.running().iter().all(|one| !one.is_active() && one.leader().is_none()));
    three.up(2).await;
    three.create("orders").await;
    three.agree_on(&["orders"]).await;
    shut_down(&three).await;
}

#[tokio::test]
async fn the_same_configuration_restarts_without_asking_anybody() {
    let three = Three::listed().await;
    for number in 0..3 {
        three.up(number).await;
    }
    three.create("orders").await;
    three.agree_on(&["orders"]).await;
    for number in 0..3 {
        three.down(number).await;
    }
    // Two of three are a quorum from now on.
    three.up(1).await;
    three.up(2).await;
    three.create("payments").await;
    three.agree_on(&["orders", "payments"]).await;
    shut_down(&three).await;
}

#[tokio::test]
async fn voters_that_stop_amid_the_beginning_go_on_with_it() {
    let three = Three::listed().await;
    let promise = |number: usize| {
        let controller = three.at(number);
        let store = locked(&controller.store);
        crate::founding::promised(&**store.as_ref().unwrap()).unwrap()
    };
    for number in 0..3 {
        three.up(number).await;
    }
    eventually(|| promise(1)).await;
    // Whatever the others have got to by now.
    for number in [0, 1, 2] {
        three.down(number).await;
    }
    for number in [2, 1, 0] {
        three.up(number).await;
    }
    three.create("orders").await;
    three.agree_on(&["orders"]).await;
    shut_down(&three).await;
}

#[tokio::test]
async fn a_voter_with_a_wiped_disk_is_refused() {
    let mut three = Three::listed().await;
    for number in 0..3 {
        three.up(number).await;
    }
    three.create("orders").await;
    three.down(2).await;
    three.format_listed(2, 9);
    three.up(2).await;
    let reason = three.at(2).stopped().await.to_string();
    assert!(reason.contains("isn't the voter that the quorum knows"), "{reason}");
    three.create("payments").await;
    shut_down(&three).await;
}

#[tokio::test]
async fn two_wiped_disks_elect_no_empty_cluster() {
    let mut three = Three::listed().await;
    for number in 0..3 {
        three.up(number).await;
    }
    three.create("orders").await;
    for number in 0..3 {
        three.down(number).await;
    }
    three.format_listed(0, 9);
    three.format_listed(1, 9);
    for number in 0..3 {
        three.up(number).await;
    }
    for number in [0, 1] {
        let reason = three.at(number).stopped().await.to_string();
        assert!(reason.contains("isn't the voter that the quorum knows"), "{reason}");
    }
    assert!(!three.at(2).is_active());
    shut_down(&three).await;
}
