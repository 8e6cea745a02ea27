//! Configurations over the wire: described with their sources, changed, and with effect.

use std::time::Duration;

use protocol::{
    ErrorCode,
    api::{
        describe_configs::{
            DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
            DescribeConfigsResult, RESOURCE_BROKER, RESOURCE_TOPIC, SOURCE_DEFAULT,
            SOURCE_STATIC_BROKER, SOURCE_TOPIC,
        },
        incremental_alter_configs::{
            AlterConfigsResource, AlterableConfig, DELETE, IncrementalAlterConfigsRequest, SET,
        },
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, Topic},
    node::TestNode,
    records::batch_of_size,
};

async fn describe(
    client: &mut Client,
    version: i16,
    resource_type: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let keys = keys.map(|keys| keys.iter().map(|&key| key.to_owned()).collect());
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configuration_keys: keys,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let mut response = client.call(version, &request).await;
    response.results.remove(0)
}

fn entry<'a>(result: &'a DescribeConfigsResult, name: &str) -> &'a DescribeConfigsResourceResult {
    result.configs.iter().find(|config| config.name == name).unwrap()
}

pub(crate) async fn alter(
    client: &mut Client,
    version: i16,
    resource_type: i8,
    name: &str,
    (key, operation, value): (&str, i8, Option<&str>),
) -> ErrorCode {
    let config = AlterableConfig {
        name: key.to_owned(),
        config_operation: operation,
        value: value.map(str::to_owned),
    };
    let resource = AlterConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    client.call(version, &request).await.responses[0].error_code
}

/// Produces until the answer is this one: a change is answered when it's decided, and in force soon
/// after.
async fn until_answered(client: &mut Client, topic: &Topic, bytes: usize, expected: ErrorCode) {
    let answered = async {
        while client.produce(topic, batch_of_size(bytes)).await.error_code != expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), answered).await.unwrap();
}

#[tokio::test]
async fn a_topics_configs_are_described_with_their_sources_at_every_version() {
    let node = TestNode::start(&["log.retention.ms=7777"]).await;
    let mut client = node.connect().await;
    client.create_topic("t", 1, &[("max.message.bytes", "5000")]).await;
    for version in 1..=4 {
        let result = describe(&mut client, version, RESOURCE_TOPIC, "t", None).await;
        assert_eq!(result.error_code, ErrorCode::None);
        assert!(result.configs.len() > 20, "clients show them all");

        let own = entry(&result, "max.message.bytes");
        assert_eq!(own.value.as_deref(), Some("5000"));
        assert_eq!(own.config_source, SOURCE_TOPIC);
        let sources: Vec<_> = own.synonyms.iter().map(|synonym| synonym.source).collect();
        assert_eq!(sources, [SOURCE_TOPIC, SOURCE_DEFAULT]);

        let brokers = entry(&result, "retention.ms");
        assert_eq!(brokers.value.as_deref(), Some("7777"));
        assert_eq!(brokers.config_source, SOURCE_STATIC_BROKER);

        let default = entry(&result, "compression.type");
        assert_eq!(default.value.as_deref(), Some("producer"));
        assert_eq!(default.config_source, SOURCE_DEFAULT);
        assert_eq!(default.documentation.is_some(), version >= 3);
        assert_eq!(default.config_type != 0, version >= 3);

        let keys = ["retention.ms", "no.such.key"];
        let some = describe(&mut client, version, RESOURCE_TOPIC, "t", Some(&keys)).await;
        assert_eq!(some.configs.len(), 1);
    }
}

#[tokio::test]
async fn a_brokers_configs_are_described() {
    let node = TestNode::start(&["num.partitions=3"]).await;
    let mut client = node.connect().await;
    let result = describe(&mut client, 4, RESOURCE_BROKER, "1", None).await;
    assert_eq!(result.error_code, ErrorCode::None);
    let partitions = entry(&result, "num.partitions");
    assert_eq!(partitions.value.as_deref(), Some("3"));
    assert_eq!(partitions.config_source, SOURCE_STATIC_BROKER);
    assert!(partitions.read_only);
    let everywhere = describe(&mut client, 4, RESOURCE_BROKER, "", None).await;
    assert_eq!(everywhere.error_code, ErrorCode::None);
}

#[tokio::test]
async fn what_does_not_exist_has_no_configs() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let cases = [
        (RESOURCE_TOPIC, "unknown", ErrorCode::UnknownTopicOrPartition),
        (RESOURCE_TOPIC, "no/good", ErrorCode::InvalidTopicException),
        (RESOURCE_BROKER, "9", ErrorCode::InvalidRequest),
        (RESOURCE_BROKER, "one", ErrorCode::InvalidRequest),
        (99, "t", ErrorCode::InvalidRequest),
    ];
    for (resource_type, name, expected) in cases {
        let result = describe(&mut client, 4, resource_type, name, None).await;
        assert_eq!(result.error_code, expected, "{name}");
        assert!(result.configs.is_empty());
    }
}

#[tokio::test]
async fn a_changed_config_has_effect_and_survives_a_restart() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let limit = "max.message.bytes";
    for (version, bytes) in [(0, "1000"), (1, "2000")] {
        let changed = alter(&mut client, version, RESOURCE_TOPIC, "t", (limit, SET, Some(bytes)));
        assert_eq!(changed.await, ErrorCode::None);
    }
    until_answered(&mut client, &topic, 2000, ErrorCode::MessageTooLarge).await;
    until_answered(&mut client, &topic, 1500, ErrorCode::None).await;

    let node = node.restart().await;
    let mut client = node.connect().await;
    let refused = client.produce(&topic, batch_of_size(2000)).await;
    assert_eq!(refused.error_code, ErrorCode::MessageTooLarge);
    let changed = alter(&mut client, 1, RESOURCE_TOPIC, "t", (limit, DELETE, None)).await;
    assert_eq!(changed, ErrorCode::None);
    until_answered(&mut client, &topic, 2000, ErrorCode::None).await;
}

#[tokio::test]
async fn a_config_of_all_brokers_is_every_topics_default() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    let topic = client.create_topic("t", 1, &[]).await;
    let change = ("message.max.bytes", SET, Some("1000"));
    assert_eq!(alter(&mut client, 1, RESOURCE_BROKER, "", change).await, ErrorCode::None);
    until_answered(&mut client, &topic, 2000, ErrorCode::MessageTooLarge).await;
}

#[tokio::test]
async fn an_invalid_change_is_refused() {
    let node = TestNode::start(&[]).await;
    let mut client = node.connect().await;
    client.create_topic("t", 1, &[]).await;
    let cases = [
        ("t", ("retention.ms", SET, Some("soon")), ErrorCode::InvalidConfig),
        ("t", ("no.such.key", SET, Some("1")), ErrorCode::InvalidConfig),
        ("t", ("retention.ms", 9, Some("1")), ErrorCode::InvalidRequest),
        ("unknown", ("retention.ms", SET, Some("1")), ErrorCode::UnknownTopicOrPartition),
    ];
    for (name, change, expected) in cases {
        let refused = alter(&mut client, 1, RESOURCE_TOPIC, name, change).await;
        assert_eq!(refused, expected, "{change:?} of {name}");
    }
}
