use super::*;

fn map<const N: usize>(pairs: [(&str, &str); N]) -> Overrides {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn of_topic(topic: &Overrides) -> Layers<'_> {
    Layers { topic, ..Layers::default() }
}

fn refusal<const N: usize>(pairs: [(&str, &str); N]) -> String {
    validate_topic(&of_topic(&map(pairs))).unwrap_err().to_string()
}

#[test]
fn a_topic_has_kafkas_keys() {
    // What DescribeConfigs of Apache Kafka 4.2.0 lists for a topic that nobody configured.
    let kafka = [
        ("cleanup.policy", "delete"),
        ("compression.gzip.level", "-1"),
        ("compression.lz4.level", "9"),
        ("compression.type", "producer"),
        ("compression.zstd.level", "3"),
        ("delete.retention.ms", "86400000"),
        ("file.delete.delay.ms", "60000"),
        ("flush.messages", "9223372036854775807"),
        ("flush.ms", "9223372036854775807"),
        ("follower.replication.throttled.replicas", ""),
        ("index.interval.bytes", "4096"),
        ("leader.replication.throttled.replicas", ""),
        ("local.retention.bytes", "-2"),
        ("local.retention.ms", "-2"),
        ("max.compaction.lag.ms", "9223372036854775807"),
        ("max.message.bytes", "1048588"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.type", "CreateTime"),
        ("min.cleanable.dirty.ratio", "0.5"),
        ("min.compaction.lag.ms", "0"),
        ("min.insync.replicas", "1"),
        ("preallocate", "false"),
        ("remote.log.copy.disable", "false"),
        ("remote.log.delete.on.disable", "false"),
        ("remote.storage.enable", "false"),
        ("retention.bytes", "-1"),
        ("retention.ms", "604800000"),
        ("segment.bytes", "1073741824"),
        ("segment.index.bytes", "10485760"),
        ("segment.jitter.ms", "0"),
        ("segment.ms", "604800000"),
        ("unclean.leader.election.enable", "false"),
    ];
    let entries = describe_topic(&Layers::default());
    let ours: Vec<_> =
        entries.iter().map(|e| (e.name.as_str(), e.value.as_deref().unwrap())).collect();
    assert_eq!(ours, kafka);
    for entry in &entries {
        assert_eq!(entry.source, ConfigSource::Default, "{}", entry.name);
        assert!(!entry.is_read_only && !entry.is_sensitive, "{}", entry.name);
        assert!(entry.documentation.ends_with('.'), "{}", entry.name);
    }
}

#[test]
fn every_default_is_valid_and_agrees_with_its_synonyms() {
    for def in TOPIC_KEYS {
        let default = def.default_value();
        let strongest =
            def.synonyms.iter().find_map(|synonym| synonym.2.map(|text| (synonym, text)));
        let Some((BrokerSynonym(name, _, _), text)) = strongest else { continue };
        let static_broker = &map([(*name, text)]);
        let layers = Layers { static_broker, ..Layers::default() };
        assert_eq!(layers.topic_value(def), default, "{} by {name}", def.name);
    }
}

#[test]
fn wrong_values_are_refused_in_kafkas_words() {
    // Taken from Apache Kafka 4.2.0.
    let table = [
        ("retention.ms", "abc", "Not a number of type LONG"),
        ("retention.ms", "", "Not a number of type LONG"),
        ("retention.ms", "0x5", "Not a number of type LONG"),
        ("retention.ms", "-2", "Value must be at least -1"),
        ("preallocate", "x", "Expected value to be either true or false"),
        ("unclean.leader.election.enable", "yes", "Expected value to be either true or false"),
        (
            "compression.type",
            "foo",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        ("cleanup.policy", "foo", "String must be one of: compact, delete"),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("compression.lz4.level", "18", "Value must be no more than 17"),
        ("compression.zstd.level", "23", "Value must be no more than 22"),
        ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
        ("min.cleanable.dirty.ratio", "NaN", "Value must be at least 0"),
        ("min.cleanable.dirty.ratio", "x", "Not a number of type DOUBLE"),
        ("segment.bytes", "1000", "Value must be at least 1048576"),
        ("segment.index.bytes", "3", "Value must be at least 4"),
        ("segment.ms", "0", "Value must be at least 1"),
        ("min.insync.replicas", "0", "Value must be at least 1"),
        ("min.insync.replicas", "1.5", "Not a number of type INT"),
        ("max.message.bytes", "3000000000", "Not a number of type INT"),
        ("max.message.bytes", "-1", "Value must be at least 0"),
        ("message.timestamp.type", "foo", "String must be one of: CreateTime, LogAppendTime"),
        ("flush.messages", "0", "Value must be at least 1"),
    ];
    for (key, value, reason) in table {
        let expected = format!("Invalid value {value} for configuration {key}: {reason}");
        assert_eq!(refusal([(key, value)]), expected);
    }
}

#[test]
fn unknown_names_and_contradictions_are_refused_in_kafkas_words() {
    for name in ["nope", "message.format.version", "log.retention.ms", "RETENTION.MS"] {
        assert_eq!(refusal([(name, "1")]), format!("Unknown topic config name: {name}"));
    }
    assert_eq!(
        refusal([("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]),
        "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
    );
    assert_eq!(
        refusal([("cleanup.policy", "delete,")]),
        "Configuration 'cleanup.policy' values must not be empty."
    );
    assert!(refusal([("remote.storage.enable", "true")]).contains("Tiered Storage"));
    let throttled = refusal([("leader.replication.throttled.replicas", "0,1")]);
    assert!(throttled.contains("[partitionId]:[brokerId]"), "{throttled}");
}

#[test]
fn what_kafka_accepts_is_accepted() {
    let table = [
        ("retention.ms", " 5 "),
        ("retention.ms", "+5"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-7"),
        ("preallocate", "TRUE"),
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete , compact"),
        ("cleanup.policy", "compact"),
        ("compression.gzip.level", "-1"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:2"),
        ("leader.replication.throttled.replicas", ""),
        ("internal.segment.bytes", "1000"),
        ("remote.storage.enable", "false"),
    ];
    for (key, value) in table {
        assert_eq!(validate_topic(&of_topic(&map([(key, value)]))), Ok(()), "{key}={value}");
    }
}

#[test]
fn the_strongest_place_wins() {
    let topic = &map([("retention.ms", "1")]);
    let dynamic_broker = &map([("log.retention.ms", "2")]);
    let dynamic_cluster = &map([("log.retention.ms", "3")]);
    let static_broker = &map([("log.retention.ms", "4")]);
    let all = Layers { topic, dynamic_broker, dynamic_cluster, static_broker };
    let none = Layers::default();
    let ladder = [
        all,
        Layers { topic: none.topic, ..all },
        Layers { topic: none.topic, dynamic_broker: none.dynamic_broker, ..all },
        Layers { static_broker, ..none },
    ];
    for (expected, layers) in (1..).zip(&ladder) {
        assert_eq!(TopicConfig::resolve(layers).retention_ms, Some(expected));
    }
    assert_eq!(TopicConfig::default().retention_ms, Some(604_800_000));
}

#[test]
fn hours_give_way_to_minutes_and_minutes_to_milliseconds() {
    let retention = |static_broker: Overrides| {
        let layers = Layers { static_broker: &static_broker, ..Layers::default() };
        TopicConfig::resolve(&layers).retention_ms
    };
    let (hours, minutes, ms) =
        (("log.retention.hours", "2"), ("log.retention.minutes", "5"), ("log.retention.ms", "7"));
    assert_eq!(retention(map([hours])), Some(7_200_000));
    assert_eq!(retention(map([hours, minutes])), Some(300_000));
    assert_eq!(retention(map([hours, minutes, ms])), Some(7));
    assert_eq!(retention(map([("log.retention.hours", "-1")])), None);
    assert_eq!(retention(map([("log.retention.ms", "-1")])), None);

    let static_broker = &map([("log.roll.hours", "1"), ("log.roll.jitter.hours", "1")]);
    let config = TopicConfig::resolve(&Layers { static_broker, ..Layers::default() });
    assert_eq!((config.segment_ms, config.segment_jitter_ms), (3_600_000, 3_600_000));
}

#[test]
fn a_value_that_nobody_understands_is_passed_over() {
    let topic = &map([("retention.ms", "a fortnight")]);
    let static_broker = &map([("log.retention.ms", "9")]);
    let config = TopicConfig::resolve(&Layers { topic, static_broker, ..Layers::default() });
    assert_eq!(config.retention_ms, Some(9));
}

#[test]
fn values_arrive_with_their_types() {
    let topic = &map([
        ("cleanup.policy", "compact,delete"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "-5"),
        ("flush.messages", "1"),
        ("flush.ms", "250"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.insync.replicas", "2"),
        ("retention.bytes", "5000000000"),
        ("segment.bytes", "1048576"),
    ]);
    let config = TopicConfig::resolve(&of_topic(topic));
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: true });
    assert_eq!(config.compression_type, CompressionType::Zstd(-5));
    assert_eq!(config.flush_messages, Some(1));
    assert_eq!(config.flush_interval, Some(std::time::Duration::from_millis(250)));
    assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
    assert_eq!(config.min_insync_replicas, 2);
    assert_eq!(config.retention_bytes, Some(5_000_000_000));
    assert_eq!(config.segment_bytes, 1_048_576);

    let default = TopicConfig::default();
    assert_eq!(default.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!(default.compression_type, CompressionType::Producer);
    assert_eq!((default.flush_messages, default.flush_interval), (None, None));
    assert_eq!(default.retention_bytes, None);

    let small = TopicConfig::resolve(&of_topic(&map([("internal.segment.bytes", "500")])));
    assert_eq!(small.segment_bytes, 500);
}

#[test]
fn describe_tells_where_a_value_comes_from() {
    let topic = &map([("segment.bytes", "2000000")]);
    let static_broker = &map([("log.segment.bytes", "3000000"), ("log.retention.hours", "48")]);
    let entries = describe_topic(&Layers { topic, static_broker, ..Layers::default() });
    let entry = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap();
    let synonyms = |name: &str| -> Vec<(&str, &str, ConfigSource)> {
        let all = entry(name).synonyms.iter();
        all.map(|s| (s.name.as_str(), s.value.as_deref().unwrap(), s.source)).collect()
    };

    assert_eq!(entry("segment.bytes").source, ConfigSource::Topic);
    assert_eq!(
        synonyms("segment.bytes"),
        [
            ("segment.bytes", "2000000", ConfigSource::Topic),
            ("log.segment.bytes", "3000000", ConfigSource::StaticBroker),
            ("log.segment.bytes", "1073741824", ConfigSource::Default),
        ]
    );
    assert_eq!(entry("retention.ms").value.as_deref(), Some("172800000"));
    assert_eq!(
        synonyms("retention.ms"),
        [
            ("log.retention.hours", "48", ConfigSource::StaticBroker),
            ("log.retention.hours", "168", ConfigSource::Default),
        ]
    );
    assert_eq!(entry("retention.ms").source, ConfigSource::StaticBroker);
    assert_eq!(synonyms("remote.storage.enable"), []);
}

#[test]
fn values_are_shown_as_java_prints_them() {
    let shown = |key: &str, text: &str| topic_key(key).unwrap().parse(text).unwrap().to_string();
    assert_eq!(shown("cleanup.policy", "delete , compact"), "delete,compact");
    assert_eq!(shown("preallocate", "True"), "true");
    assert_eq!(shown("min.cleanable.dirty.ratio", "1"), "1.0");
    assert_eq!(shown("retention.ms", " +5 "), "5");
    assert_eq!(ConfigValue::Double(f64::MAX).to_string(), "1.7976931348623157E308");
}
