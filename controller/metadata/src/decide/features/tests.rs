use super::*;
use crate::test_cluster::TestCluster;

fn refusal(cluster: &TestCluster, name: &str, level: i16, upgrade_type: UpgradeType) -> String {
    let update = FeatureUpdate { name: name.to_owned(), level, upgrade_type };
    let refusal = cluster.image.update_features(&[update], false).response.unwrap_err();
    assert_eq!(refusal.error, ErrorCode::InvalidUpdateVersion);
    refusal.message
}

#[test]
fn a_new_cluster_starts_at_the_latest_level() {
    let cluster = TestCluster::empty();
    assert_eq!(cluster.image.metadata_version(), MetadataVersion::LATEST);
    assert_eq!(ClusterImage::default().metadata_version(), MetadataVersion::MIN);
}

#[test]
fn a_level_that_a_node_does_not_have_is_refused() {
    let cluster = TestCluster::of(1);
    let upgrade = UpgradeType::Upgrade;
    assert_eq!(
        refusal(&cluster, "metadata.version", 9, upgrade),
        "Invalid update version 9 for feature metadata.version. The controller only supports \
         versions 1-1"
    );
    assert_eq!(
        refusal(&cluster, "group.version", 1, upgrade),
        "Invalid update version 1 for feature group.version. Broker 1 does not support this \
         feature."
    );
    assert!(refusal(&cluster, "group.version", -1, upgrade).ends_with("cannot be less than 0."));
}

#[test]
fn a_level_goes_down_only_where_that_is_said_and_metadata_never() {
    let cluster = TestCluster::of(1);
    let message = refusal(&cluster, "metadata.version", 0, UpgradeType::Upgrade);
    assert!(message.contains("without setting the upgrade type"), "{message}");
    let message = refusal(&cluster, "metadata.version", 0, UpgradeType::UnsafeDowngrade);
    assert!(message.contains("can't be written"), "{message}");
    let message = refusal(&cluster, "group.version", 1, UpgradeType::SafeDowngrade);
    assert!(message.contains("by a downgrade"), "{message}");
}

#[test]
fn a_feature_is_finalised_and_turned_off() {
    let mut cluster = TestCluster::empty();
    let update = |level, upgrade_type| FeatureUpdate {
        name: "group.version".to_owned(),
        level,
        upgrade_type,
    };
    let up = [update(1, UpgradeType::Upgrade)];
    let dry = cluster.image.update_features(&up, true);
    assert_eq!((dry.records.len(), dry.response), (0, Ok(())));
    cluster.decide(|image, _| image.update_features(&up, false)).unwrap();
    assert_eq!(cluster.image.features().level("group.version"), 1);
    let down = [update(0, UpgradeType::SafeDowngrade)];
    cluster.decide(|image, _| image.update_features(&down, false)).unwrap();
    assert_eq!(cluster.image.features().level("group.version"), 0);
}
