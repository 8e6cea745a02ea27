use std::{collections::BTreeSet, path::Path};

use metadata::config::{ConfigSource, Effect, Layers, TOPIC_KEYS, TopicConfig};

use super::*;

fn from_file(text: &str) -> Result<Loaded, ConfigError> {
    BrokerConfig::load(&Sources {
        file: Some((PathBuf::from("server.properties"), text.to_owned())),
        hostname: "here".to_owned(),
        ..Sources::default()
    })
}

fn from_sets(sets: &[&str]) -> Result<Loaded, ConfigError> {
    BrokerConfig::load(&Sources {
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        hostname: "here".to_owned(),
        ..Sources::default()
    })
}

fn refusal(sets: &[&str]) -> String {
    from_sets(sets).unwrap_err().to_string()
}

fn names(listeners: &[Listener]) -> Vec<String> {
    listeners.iter().map(Listener::to_string).collect()
}

/// The settings of the files that Apache Kafka 4.2 ships in its `config` directory.
const NETWORK: &str = "
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";
const PROTOCOLS: &str = "listener.security.protocol.map=CONTROLLER:PLAINTEXT,\
    PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL";

#[test]
fn kafkas_server_properties_start_unchanged() {
    let text = format!(
        "process.roles=broker,controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        {PROTOCOLS}
        log.dirs=/tmp/kraft-combined-logs
        num.recovery.threads.per.data.dir=2
        {NETWORK}"
    );
    let Loaded { config, warnings } = from_file(&text).unwrap();
    assert_eq!(config.roles, Roles { broker: true, controller: true });
    assert_eq!(config.node_id, BrokerId(1));
    assert!(config.is_quorum_of_one);
    assert_eq!(names(&config.listeners), ["PLAINTEXT://:9092", "CONTROLLER://:9093"]);
    assert_eq!(names(&config.advertised_listeners), ["PLAINTEXT://localhost:9092"]);
    assert_eq!(names(&config.advertised_controller_listeners), ["CONTROLLER://localhost:9093"]);
    assert_eq!(config.log_dirs, [Path::new("/tmp/kraft-combined-logs")]);
    assert_eq!(config.metadata_log_dir, Path::new("/tmp/kraft-combined-logs"));
    // Only what differs from the default and has no effect is worth a line.
    assert!(warnings.iter().all(|line| line.contains("come later")), "{warnings:#?}");
}

#[test]
fn kafkas_broker_properties_start_unchanged() {
    let text = format!(
        "process.roles=broker
        node.id=2
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://localhost:9092
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092
        controller.listener.names=CONTROLLER
        {PROTOCOLS}
        log.dirs=/tmp/kraft-broker-logs
        num.recovery.threads.per.data.dir=2
        {NETWORK}"
    );
    let config = from_file(&text).unwrap().config;
    assert_eq!(config.roles, Roles { broker: true, controller: false });
    assert!(!config.is_quorum_of_one);
    assert_eq!(config.quorum.bootstrap_servers, [Address::new("localhost", 9093)]);
}

#[test]
fn kafkas_controller_properties_start_unchanged() {
    let text = format!(
        "process.roles=controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=CONTROLLER://:9093
        advertised.listeners=CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        log.dirs=/tmp/kraft-controller-logs
        num.recovery.threads.per.data.dir=1
        {NETWORK}"
    );
    let config = from_file(&text).unwrap().config;
    assert_eq!(config.roles, Roles { broker: false, controller: true });
    assert!(config.is_quorum_of_one);
    assert_eq!(config.broker_listeners().count(), 0);
    assert_eq!(config.advertised_listeners, []);
    assert_eq!(names(&config.advertised_controller_listeners), ["CONTROLLER://localhost:9093"]);
    assert_eq!(config.controllers(), [("localhost".to_owned(), 9093)]);
}

#[test]
fn a_node_without_a_file_stands_alone() {
    let Loaded { config, warnings } = from_sets(&[]).unwrap();
    assert_eq!(config.node_id, BrokerId(1));
    assert!(config.is_quorum_of_one);
    assert_eq!(
        names(&config.listeners),
        ["PLAINTEXT://127.0.0.1:9092", "CONTROLLER://127.0.0.1:9093"]
    );
    assert_eq!(names(&config.advertised_listeners), ["PLAINTEXT://127.0.0.1:9092"]);
    assert_eq!(config.log_dirs, [Path::new("data")]);
    assert_eq!(config.default_replication_factor, 1);
    assert!(warnings.is_empty(), "{warnings:#?}");

    let moved = from_sets(&[
        "node.id=7",
        "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093",
    ]);
    let moved = moved.unwrap().config;
    assert!(moved.is_quorum_of_one);
    let address = Address::new("127.0.0.1", 19093);
    assert_eq!(moved.quorum.voters, [Voter { id: BrokerId(7), address }]);
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file() {
    let mut sources = Sources {
        environment: [("KAFKA_NUM_PARTITIONS", "3"), ("KAFKA_HEAP_OPTS", "-Xmx1G"), ("PATH", "/")]
            .map(|(variable, value)| (variable.to_owned(), value.to_owned()))
            .to_vec(),
        sets: vec!["num.partitions=4".to_owned()],
        ..Sources::default()
    };
    let partitions = |sources: &Sources| {
        let loaded = BrokerConfig::load(sources).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        loaded.config.num_partitions
    };
    assert_eq!(partitions(&sources), 4);
    sources.sets.clear();
    assert_eq!(partitions(&sources), 3);
    sources.environment.push(("OTTLA_NUM_PARTITIONS".to_owned(), "5".to_owned()));
    assert_eq!(partitions(&sources), 5);
    sources.environment.clear();
    assert_eq!(partitions(&sources), 1);
}

#[test]
fn unknown_keys_are_judged_by_what_they_look_like() {
    assert_eq!(
        refusal(&["num.partition=3"]),
        "unknown key num.partition (--set): did you mean num.partitions?"
    );
    let file = from_file("process.roles=broker\n\nlog_dirs=/data").unwrap_err();
    assert_eq!(
        file.to_string(),
        "unknown key log_dirs (server.properties, line 3): did you mean log.dirs?"
    );
    let table = [
        ("my.plugins.key=1", "unknown key my.plugins.key is ignored (--set)"),
        ("rsm.config.bucket=b", "rsm.config.bucket has no effect: plugins can't be loaded (--set)"),
        (
            "zookeeper.connect=localhost:2181",
            "zookeeper.connect has no effect: Kafka 4 removed it, the controllers' quorum took \
             ZooKeeper's place (--set)",
        ),
        (
            "create.topic.policy.class.name=org.example.Policy",
            "create.topic.policy.class.name has no effect: Java classes can't be loaded (--set)",
        ),
        (
            "num.io.threads=16",
            "num.io.threads has no effect: the runtime has one thread per core (--set)",
        ),
        (
            "authorizer.class.name=org.example.Authorizer",
            "authorizer.class.name has no effect: there are no ACLs yet, so every request is \
             allowed (--set)",
        ),
        (
            "listener.name.plaintext.ssl.client.auth=required",
            "listener.name.plaintext.ssl.client.auth has no effect: listeners have no settings of \
             their own yet (--set)",
        ),
    ];
    for (set, warning) in table {
        assert_eq!(from_sets(&[set]).unwrap().warnings, [warning]);
    }
    for set in ["my.plugins.key=1", "zookeeper.connect=localhost:2181"] {
        let strict = Sources { sets: vec![set.to_owned()], strict: true, ..Sources::default() };
        let error = BrokerConfig::load(&strict).unwrap_err().to_string();
        assert!(error.ends_with("--strict accepts known keys only"), "{error}");
    }
}

#[test]
fn misspelt_variables_and_repeated_keys_are_warned_of() {
    let sources = Sources {
        environment: vec![("KAFKA_NUM_PARTITION".to_owned(), "3".to_owned())],
        ..Sources::default()
    };
    assert_eq!(
        BrokerConfig::load(&sources).unwrap().warnings,
        ["environment variable KAFKA_NUM_PARTITION sets nothing: did you mean the key \
             num.partitions?"]
    );
    let file = "process.roles=broker,controller\nnode.id=1\nnode.id=2\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n\
        controller.quorum.bootstrap.servers=localhost:9093";
    let Loaded { config, warnings } = from_file(file).unwrap();
    assert_eq!(config.node_id, BrokerId(2));
    assert_eq!(
        warnings,
        ["node.id is set on line 2 and again on line 3 of server.properties; the last one counts"]
    );
    // The machine's own name is advertised where a listener has none.
    assert_eq!(names(&config.advertised_listeners), ["PLAINTEXT://here:9092"]);
}

#[test]
fn every_rule_says_what_is_wrong_and_what_to_do() {
    let table: &[(&[&str], &str)] = &[
        (&["num.partitions=0"], "Value must be at least 1 (--set)"),
        (&["num.partitions=many"], "Invalid value many for configuration num.partitions: Not a"),
        (&["num.partitions"], "--set num.partitions: write it as --set key=value"),
        (&["process.roles="], "process.roles= (--set): set it to broker, controller or"),
        (&["process.roles=leader"], "String must be one of: broker, controller"),
        (&["node.id=-1"], "Value must be at least 0"),
        (&["broker.id=2"], "and broker.id=2 (--set) differ"),
        (&["listeners="], "listeners= (--set): name at least one"),
        (&["listeners=localhost:9092"], "isn't of the form NAME://host:port"),
        (&["listeners=PLAINTEXT://:9092,PLAINTEXT://:9094"], "two listeners are called PLAINTEXT"),
        (&["listeners=PLAINTEXT://:9092,CONTROLLER://:9092"], "share port 9092"),
        (&["listeners=INSIDE://:9092,CONTROLLER://:9093"], "add INSIDE:PLAINTEXT to"),
        (&["listeners=SSL://:9092,CONTROLLER://:9093"], "speaks SSL, which isn't supported yet"),
        (
            &["listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SASL_SSL"],
            "listener CONTROLLER speaks SASL_SSL, which isn't supported yet",
        ),
        (&["listener.security.protocol.map=PLAINTEXT:TLS"], "TLS isn't one of PLAINTEXT, SSL"),
        (&["listeners=PLAINTEXT://:9092"], "a controller must listen on CONTROLLER, add"),
        (&["listeners=CONTROLLER://:9093"], "a broker needs a listener that isn't one of"),
        (
            &["listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093"],
            "nobody can connect to 0.0.0.0",
        ),
        (&["listeners=PLAINTEXT://[::]:9092,CONTROLLER://:9093"], "nobody can connect to ::, set"),
        (&["advertised.listeners=OUTSIDE://h:1"], "add OUTSIDE:PLAINTEXT to"),
        (
            &[
                "advertised.listeners=PLAINTEXT://h:1,OUTSIDE://h:2",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT,\
                 CONTROLLER:PLAINTEXT",
            ],
            "OUTSIDE isn't in listeners",
        ),
        (
            &["inter.broker.listener.name=INSIDE"],
            "set inter.broker.listener.name to one of PLAINTEXT",
        ),
        (&["inter.broker.listener.name=CONTROLLER"], "which isn't advertised"),
        (
            &["inter.broker.listener.name=PLAINTEXT", "security.inter.broker.protocol=PLAINTEXT"],
            "only one of the two may be set",
        ),
        (&["controller.listener.names="], "every node must know it"),
        (&["process.roles=broker"], "remove CONTROLLER from listeners or add"),
        (
            &["process.roles=broker", "listeners=PLAINTEXT://h:9092"],
            "neither controller.quorum.bootstrap.servers nor controller.quorum.voters is set",
        ),
        (&["process.roles=controller"], "this node is a controller only, remove PLAINTEXT://127"),
        (
            &["listeners=PLAINTEXT://h:0,CONTROLLER://h:0"],
            "a controller can't leave its port to the system",
        ),
        (&["controller.quorum.voters=2@h:9093"], "node.id=1, add 1@host:port"),
        (&["controller.quorum.voters=1@h"], "1@h isn't of the form id@host:port"),
        (&["controller.quorum.voters=1@0.0.0.0:9093"], "can't be reached"),
        (&["controller.quorum.voters=1@h:1,1@h:2"], "has the id of another voter"),
        (&["controller.quorum.voters=1@h:1,2@h:2"], "a quorum is odd"),
        (
            &["controller.quorum.voters=1@h:1,2@h:1,3@h:1,4@h:1,5@h:1,6@h:1,7@h:1,8@h:1,9@h:1"],
            "at most 7 controllers",
        ),
        (
            &[
                "process.roles=broker",
                "listeners=PLAINTEXT://h:9092",
                "controller.quorum.voters=1@h:9093",
            ],
            "names this node, node.id=1, which is no controller",
        ),
        (&["controller.quorum.bootstrap.servers=h"], "h isn't of the form host:port"),
        (&["log.dirs="], "name at least one directory"),
        (&["log.dirs=/a,/b,/a"], "/a is named twice"),
        (&["log.retention.ms=0"], "log.retention.ms=0 (--set): it must be at least 1, or -1 for"),
        (&["log.retention.hours=0"], "log.retention.hours=0 (--set): it must be at least 1"),
        (&["log.roll.ms=0"], "log.roll.ms=0 (--set): it must be at least 1"),
        (&["log.roll.jitter.ms=-1"], "it must be at least 0"),
        (&["queued.max.request.bytes=1000"], "must not be more than queued.max.request.bytes=1000"),
        (&["replica.socket.timeout.ms=100"], "replica.fetch.wait.max.ms=500 (default) must not"),
        (&["replica.lag.time.max.ms=100"], "must not be more than replica.lag.time.max.ms=100"),
        (
            &["broker.session.timeout.ms=100"],
            "broker.heartbeat.interval.ms=2000 (default) must not",
        ),
        (&["controller.quorum.election.timeout.ms=5"], "it must be at least 20, or elections"),
        (&["default.replication.factor=0"], "it must be from 1 to 32767"),
        (&["request.timeout.ms=-5"], "request.timeout.ms=-5 (--set): it can't be negative"),
        (&["max.connections.per.ip=0"], "nobody could connect, set max.connections.per.ip.over"),
        (&["max.connections.per.ip.overrides=x"], "x isn't of the form address:limit"),
        (
            &["log.cleaner.min.compaction.lag.ms=9", "log.cleaner.max.compaction.lag.ms=5"],
            "the defaults of topics contradict each other",
        ),
    ];
    for (sets, expected) in table {
        let error = refusal(sets);
        assert!(error.contains(expected), "{sets:?}\n  {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
    let bad = from_file("a=1\nlog.dirs=\\u12").unwrap_err().to_string();
    assert_eq!(bad, "server.properties, line 2: a \\u needs four hexadecimal digits");
}

#[test]
fn the_admin_port_is_off_until_somebody_says_where() {
    let admin = |sets: &[&str]| from_sets(sets).unwrap().config.admin_listener;
    assert_eq!(admin(&[]), None);
    let listener = admin(&["ottla.admin.listener=[::1]:9644"]).unwrap();
    assert_eq!((listener.host.as_str(), listener.port), ("::1", 9644));
    assert_eq!(
        refusal(&["ottla.admin.listener=9644"]),
        "ottla.admin.listener=9644 (--set): write host:port, as 127.0.0.1:9644"
    );
    assert_eq!(
        refusal(&["ottla.admin.listener=127.0.0.1:9092"]),
        "ottla.admin.listener=127.0.0.1:9092 (--set): listener PLAINTEXT has port 9092 already, \
         give it a port of its own"
    );
}

#[test]
fn an_address_family_may_share_its_port_with_the_other() {
    let sets = [
        "listeners=V4://127.0.0.1:9092,V6://[::1]:9092,CONTROLLER://:9093",
        "listener.security.protocol.map=V4:PLAINTEXT,V6:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name=v4",
    ];
    let config = from_sets(&sets).unwrap().config;
    assert_eq!(config.inter_broker_listener_name, "V4");
    assert_eq!(config.listeners[1].to_string(), "V6://[::1]:9092");
    // Port 0 is another one each time.
    from_sets(&[
        "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
        "controller.quorum.voters=1@127.0.0.1:9093",
    ])
    .unwrap();
}

#[test]
fn never_becomes_a_hundred_years_or_nothing() {
    let config = from_sets(&[
        "connections.max.idle.ms=-1",
        "max.connections.per.ip.overrides=127.0.0.1:5,[::1]:6",
    ]);
    let config = config.unwrap().config;
    assert_eq!(config.connections_max_idle, FOREVER);
    assert_eq!(config.log_flush_scheduler_interval, None);
    assert_eq!(config.request_bytes_queued_max, REQUEST_MEMORY_BYTES_DEFAULT);
    let limits: Vec<_> = config.connections_per_ip_overrides.into_values().collect();
    assert_eq!(limits, [5, 6]);
}

#[test]
fn the_brokers_settings_are_topics_defaults() {
    let config = from_sets(&["log.retention.minutes=10", "message.max.bytes=2000"]).unwrap().config;
    let static_broker = &config.static_overrides;
    let topic = TopicConfig::resolve(&Layers { static_broker, ..Layers::default() });
    assert_eq!(topic.retention_ms, Some(600_000));
    assert_eq!(topic.max_message_bytes, 2000);
}

#[test]
fn every_key_is_named_once_with_a_valid_default_and_a_sentence() {
    let mut seen = BTreeSet::new();
    for def in keys::all() {
        assert!(seen.insert(def.name), "{} is there twice", def.name);
        let _ = def.default_value();
        assert!(def.doc().ends_with('.'), "{}", def.name);
        assert!(def.synonyms.is_empty(), "{}", def.name);
    }
    let of_kafka = seen.iter().filter(|name| !name.starts_with("ottla.")).count();
    assert_eq!(of_kafka, 341, "Apache Kafka 4.2.0 has as many");
}

#[test]
fn topics_name_their_broker_keys_rightly() {
    for topic in TOPIC_KEYS {
        for synonym in topic.synonyms {
            let broker = keys::key(synonym.0).unwrap_or_else(|| panic!("{}", synonym.0));
            assert_eq!(broker.default, synonym.2, "{} for {}", broker.name, topic.name);
            let honoured = [topic.effect, broker.effect].map(|effect| effect == Effect::Honoured);
            assert_eq!(honoured[0], honoured[1], "{} for {}", broker.name, topic.name);
        }
    }
}

#[test]
fn describe_shows_every_public_key_with_its_source() {
    let config = from_sets(&["log.retention.hours=48", "ssl.key.password=secret"]).unwrap().config;
    let dynamic_cluster = &[("log.retention.ms".to_owned(), "5".to_owned())].into();
    let layers =
        Layers { static_broker: &config.static_overrides, dynamic_cluster, ..Layers::default() };
    let entries = describe_broker(&layers);
    assert!(entries.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(entries.len(), keys::all().filter(|def| !def.internal).count());
    let entry = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap();

    let hours = entry("log.retention.hours");
    assert_eq!(hours.value.as_deref(), Some("48"));
    assert_eq!((hours.source, hours.is_read_only), (ConfigSource::StaticBroker, true));
    let ms = entry("log.retention.ms");
    assert_eq!(ms.value.as_deref(), Some("5"));
    assert_eq!((ms.source, ms.is_read_only), (ConfigSource::DynamicDefaultBroker, false));
    assert_eq!(ms.synonyms.len(), 3, "its own, and hours twice: {:?}", ms.synonyms);
    let minutes = entry("log.retention.minutes");
    assert_eq!((&minutes.value, minutes.source), (&None, ConfigSource::Default));
    let password = entry("ssl.key.password");
    assert_eq!((&password.value, password.is_sensitive), (&None, true));
    assert_eq!(password.synonyms[0].value, None);
    assert_eq!(entry("num.partitions").value.as_deref(), Some("1"));
    assert_eq!(entry("node.id").value.as_deref(), Some("1"));

    let shown = describe_cluster_default(&layers);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].name, "log.retention.ms");
    assert_eq!(shown[0].source, ConfigSource::DynamicDefaultBroker);
}
