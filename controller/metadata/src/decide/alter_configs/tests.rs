use super::*;
use crate::{
    config::ConfigDef,
    test_cluster::{TestCluster, brokers},
};

crate::config_keys! {
    /// What stands for the broker's tables.
    BROKER_KEYS;

    /// Of all brokers or of one.
    "log.retention.ms": Long = null, cluster_wide;
    /// The election's key.
    "min.insync.replicas": Int = "1", at_least(1), cluster_wide;
    /// Of one broker alone.
    "listener.name": String = null, per_broker;
    /// Of the file alone.
    "node.id": Int = "0";
}

fn broker_key(name: &str) -> Option<&'static ConfigDef> {
    BROKER_KEYS.iter().find(|def| def.name == name)
}

/// Two brokers and topic `t`.
fn cluster() -> TestCluster {
    let mut cluster = TestCluster::of(2);
    cluster.settings.broker_key = broker_key;
    cluster.create_on("t", &[&[1, 2]]);
    cluster
}

fn resource(kind: i8, name: &str, changes: &[(&str, i8, Option<&str>)]) -> AlterConfigsResource {
    let change = |(name, config_operation, value): &(&str, i8, Option<&str>)| AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
    };
    AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: changes.iter().map(change).collect(),
    }
}

fn alter(
    cluster: &mut TestCluster,
    resources: Vec<AlterConfigsResource>,
    validate_only: bool,
) -> Vec<(ErrorCode, Option<String>)> {
    let request = IncrementalAlterConfigsRequest { resources, validate_only };
    let response = cluster
        .decide(|image, context| image.incremental_alter_configs(&request, context.settings));
    response.responses.into_iter().map(|r| (r.error_code, r.error_message)).collect()
}

fn set(cluster: &mut TestCluster, kind: i8, name: &str, key: &str, value: &str) {
    let answers = alter(cluster, vec![resource(kind, name, &[(key, SET, Some(value))])], false);
    assert_eq!(answers, [(ErrorCode::None, None)]);
}

fn value(cluster: &TestCluster, key: &str) -> Option<String> {
    cluster.image.configs().get(&ConfigResource::topic("t"), key).map(str::to_owned)
}

#[test]
fn values_are_set_and_deleted() {
    let mut cluster = cluster();
    set(&mut cluster, 2, "t", "retention.ms", "1000");
    assert_eq!(value(&cluster, "retention.ms").as_deref(), Some("1000"));
    alter(&mut cluster, vec![resource(2, "t", &[("retention.ms", DELETE, None)])], false);
    assert_eq!(value(&cluster, "retention.ms"), None);
}

#[test]
fn lists_grow_and_shrink_from_what_is_in_force() {
    let mut cluster = cluster();
    let append = [("cleanup.policy", APPEND, Some("compact"))];
    alter(&mut cluster, vec![resource(2, "t", &append)], false);
    assert_eq!(value(&cluster, "cleanup.policy").as_deref(), Some("delete,compact"));
    let subtract = [("cleanup.policy", SUBTRACT, Some("delete"))];
    alter(&mut cluster, vec![resource(2, "t", &subtract)], false);
    assert_eq!(value(&cluster, "cleanup.policy").as_deref(), Some("compact"));
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let mut cluster = cluster();
    set(&mut cluster, 2, "t", "retention.ms", "1000");
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource(2, "t", &[("retention.ms", SET, Some("1000"))])],
        validate_only: false,
    };
    let decision = cluster.image.incremental_alter_configs(&request, &cluster.settings);
    assert_eq!(decision.records, []);
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_said_and_changes_nothing() {
    use ErrorCode::{
        BrokerIdNotRegistered, InvalidConfig, InvalidRequest,
        UnknownTopicOrPartition,
    };
    let cases = [
        (resource(2, "x", &[]), UnknownTopicOrPartition, "The topic 'x' does not exist."),
        (resource(2, "", &[]), InvalidRequest, "Default topic resources are not allowed."),
        (resource(4, "one", &[]), InvalidRequest,
            "Unable to parse broker name 'one' as a base 10 number."),
        (resource(4, "9", &[]), BrokerIdNotRegistered, "No broker with id 9 found."),
        (resource(3, "x", &[]), InvalidRequest, "Unsupported config resource type 3."),
        (resource(2, "t", &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)]),
            InvalidRequest, "Error due to duplicate config keys"),
        (resource(2, "t", &[("retention.ms", SET, None)]),
            InvalidRequest, "Null value not supported for : retention.ms"),
        (resource(2, "t", &[("retention.ms", APPEND, Some("1"))]),
            InvalidConfig, "Can't APPEND to key retention.ms because its type is not LIST."),
        (resource(2, "t", &[("retention.ms", 7, Some("1"))]),
            InvalidRequest, "Unknown operation type 7 for config retention.ms."),
        (resource(2, "t", &[("segment.bytes", SET, Some("1048576")), ("x", SET, Some("1"))]),
            InvalidConfig, "Unknown topic config name: x"),
        (resource(4, "", &[("x", SET, Some("1"))]), InvalidConfig, "Unknown broker config name: x"),
        (resource(4, "1", &[("node.id", SET, Some("1"))]), InvalidConfig,
            "Cannot update these configs dynamically: Set(node.id)"),
        (resource(4, "", &[("listener.name", SET, Some("x"))]), InvalidConfig,
            "Cannot update these configs at default cluster level: Set(listener.name)"),
        (resource(4, "1", &[("min.insync.replicas", SET, Some("2"))]), InvalidConfig,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled."),
        (resource(4, "", &[("min.insync.replicas", SET, Some("0"))]), InvalidConfig,
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1"),
    ];
    for (wanted, error, message) in cases {
        let mut cluster = cluster();
        let before = cluster.image.clone();
        assert_eq!(alter(&mut cluster, vec![wanted], false), [(error, Some(message.to_owned()))]);
        assert_eq!(cluster.image, before);
    }
}

#[test]
fn a_resource_that_comes_twice_is_refused_once() {
    let twice = vec![resource(2, "t", &[]), resource(2, "t", &[])];
    let answers = alter(&mut cluster(), twice, false);
    let message = "Each resource must appear at most once.".to_owned();
    assert_eq!(answers, [(ErrorCode::InvalidRequest, Some(message))]);
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.image.clone();
    let wanted = resource(2, "t", &[("min.insync.replicas", SET, Some("2"))]);
    assert_eq!(alter(&mut cluster, vec![wanted], true), [(ErrorCode::None, None)]);
    assert_eq!(cluster.image, before);
}

#[test]
fn a_key_of_all_brokers_and_a_key_of_one_are_kept_apart() {
    let mut cluster = cluster();
    set(&mut cluster, 4, "", "log.retention.ms", "1");
    set(&mut cluster, 4, "1", "log.retention.ms", "2");
    let configs = cluster.image.configs();
    assert_eq!(configs.get(&ConfigResource::every_broker(), "log.retention.ms"), Some("1"));
    assert_eq!(configs.get(&ConfigResource::broker(BrokerId(1)), "log.retention.ms"), Some("2"));
}

#[test]
fn a_lower_minimum_ends_the_eligibility_of_those_it_no_longer_needs() {
    for (kind, name) in [(2, "t"), (4, "")] {
        let mut cluster = cluster();
        set(&mut cluster, kind, name, "min.insync.replicas", "2");
        cluster.fence(2);
        assert_eq!(cluster.partition("t", 0).elr, brokers(&[2]));
        set(&mut cluster, kind, name, "min.insync.replicas", "1");
        assert_eq!(cluster.partition("t", 0).elr, brokers(&[]));
        cluster.check();
    }
}

#[test]
fn unclean_election_takes_place_when_it_is_allowed() {
    let mut cluster = cluster();
    cluster.fence(2);
    cluster.fence(1);
    cluster.unfence(2);
    assert_eq!(cluster.partition("t", 0).leader, None);
    set(&mut cluster, 2, "t", "unclean.leader.election.enable", "true");
    assert_eq!(cluster.partition("t", 0).leader, Some(BrokerId(2)));
    cluster.check();
}
