use super::*;
use crate::{record::FenceReason, test_cluster::TestCluster};

fn refusal(cluster: &TestCluster, name: &str, level: i16, upgrade_type: UpgradeType) -> String {
    let update = FeatureUpdate { name: name.to_owned(), level, upgrade_type };
    let refusal = cluster.image.finalise_features(&[update], false).response.unwrap_err();
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
         versions 1-2"
    );
    assert_eq!(
        refusal(&cluster, "group.version", 1, upgrade),
        "Invalid update version 1 for feature group.version. Broker 1 does not support this \
         feature."
    );
    assert!(refusal(&cluster, "group.version", -1, upgrade).ends_with("cannot be less than 0."));
}

#[test]
fn a_level_goes_down_only_where_that_is_said() {
    let cluster = TestCluster::of(1);
    let message = refusal(&cluster, "metadata.version", 0, UpgradeType::Upgrade);
    assert!(message.contains("without setting the upgrade type"), "{message}");
    let message = refusal(&cluster, "metadata.version", 0, UpgradeType::UnsafeDowngrade);
    assert!(message.contains("only supports versions 1-2"), "{message}");
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
    let dry = cluster.image.finalise_features(&up, true);
    assert_eq!((dry.records.len(), dry.response), (0, Ok(())));
    cluster.decide(|image, _| image.finalise_features(&up, false)).unwrap();
    assert_eq!(cluster.image.features().level("group.version"), 1);
    let down = [update(0, UpgradeType::SafeDowngrade)];
    cluster.decide(|image, _| image.finalise_features(&down, false)).unwrap();
    assert_eq!(cluster.image.features().level("group.version"), 0);
}

fn set_level(cluster: &mut TestCluster, level: i16, upgrade_type: UpgradeType) {
    let update = FeatureUpdate { name: MetadataVersion::FEATURE.to_owned(), level, upgrade_type };
    cluster.decide(|image, _| image.finalise_features(&[update], false)).unwrap();
    assert_eq!(cluster.image.metadata_version().level(), level);
}

fn reason(cluster: &TestCluster, id: i32) -> FenceReason {
    cluster.image.brokers().get(protocol::BrokerId(id)).unwrap().fence_reason
}

#[test]
fn the_metadata_goes_back_to_the_first_level_and_up_again() {
    let mut cluster = TestCluster::of(2);
    cluster.fence(2);
    assert_eq!(reason(&cluster, 2), FenceReason::Silent);
    // Why broker 2 is fenced would be forgotten.
    let message = refusal(&cluster, "metadata.version", 1, UpgradeType::SafeDowngrade);
    assert!(message.contains("might delete metadata"), "{message}");
    set_level(&mut cluster, 1, UpgradeType::UnsafeDowngrade);
    assert_eq!(reason(&cluster, 2), FenceReason::Unknown);

    // Every record that is written now is one of the first level's.
    cluster.unfence(2);
    cluster.fence(1);
    assert_eq!(reason(&cluster, 1), FenceReason::Unknown);
    set_level(&mut cluster, 2, UpgradeType::Upgrade);
    cluster.unfence(1);
    cluster.fence(1);
    assert_eq!(reason(&cluster, 1), FenceReason::Silent);
    cluster.unfence(1);
    set_level(&mut cluster, 1, UpgradeType::SafeDowngrade);
}

#[test]
fn a_snapshot_of_a_lower_level_leads_to_the_same_image() {
    let mut cluster = TestCluster::of(2);
    cluster.fence(2);
    set_level(&mut cluster, 1, UpgradeType::UnsafeDowngrade);
    let batch =
        crate::RecordBatch::pack(&cluster.image.to_records(), cluster.image.metadata_version());
    let mut rebuilt = ClusterImage::default();
    batch.unpack().unwrap().iter().for_each(|record| rebuilt.replay(record));
    assert_eq!(rebuilt, cluster.image);
}

#[test]
fn a_request_is_answered_as_its_version_has_it() {
    use protocol::api::update_features::FeatureUpdate as Asked;
    let cluster = TestCluster::of(1);
    let ask = |version, level, upgrade_type, allow_downgrade| {
        let update = Asked {
            feature: MetadataVersion::FEATURE.to_owned(),
            max_version_level: level,
            upgrade_type,
            allow_downgrade,
        };
        let request = UpdateFeaturesRequest {
            feature_updates: vec![update],
            ..UpdateFeaturesRequest::default()
        };
        let Decision { records, response } = cluster.image.update_features(&request, version);
        (records.len(), response.error_code, response.results.len())
    };
    assert_eq!(ask(0, 1, UPGRADE, true), (1, ErrorCode::None, 1));
    assert_eq!(ask(0, 1, UPGRADE, false), (0, ErrorCode::InvalidUpdateVersion, 0));
    assert_eq!(ask(1, 1, SAFE_DOWNGRADE, false), (1, ErrorCode::None, 1));
    assert_eq!(ask(2, 1, SAFE_DOWNGRADE, false), (1, ErrorCode::None, 0));
    assert_eq!(ask(2, 1, UNSAFE_DOWNGRADE, false), (1, ErrorCode::None, 0));
    assert_eq!(ask(2, 2, UPGRADE, false), (0, ErrorCode::None, 0));
    assert_eq!(ask(2, 1, 4, false), (0, ErrorCode::InvalidUpdateVersion, 0));
}
